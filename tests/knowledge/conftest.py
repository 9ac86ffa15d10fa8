"""An organisation with a knowledge base, and quick models."""

import pytest

from app.db.session import transaction
from app.knowledge.embedders import registry
from tests.factories import knowledge, orgs
from tests.support import embedder
from tests.support.answers import permitting
from tests.support.claims import claims, run


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def member(org):
    return orgs.member(org)


@pytest.fixture
def person(new_client, org, member):
    """The member's browser."""
    return new_client(member)


@pytest.fixture
def viewer(new_client, org):
    """The browser of somebody who may only look."""
    return new_client(orgs.member(org, "viewer"))


@pytest.fixture
def base(org):
    return knowledge.base(org, name="Handbook")


@pytest.fixture
def embedded(monkeypatch):
    """The texts that were embedded, by models of words."""
    monkeypatch.setattr(registry, "MODELS", embedder.MODELS)
    registry._model.cache_clear()
    embedder.embedded.clear()
    yield embedder.embedded
    registry._model.cache_clear()


@pytest.fixture
def work(acting, org, member, embedded):
    """A function that does all waiting tasks as a worker does, and says how they ended."""

    def act():
        endings = []
        while found := claims():
            for claim in found:
                ending, settled = run(claim)
                assert settled
                endings.append(ending)
        acting(org, member)
        return endings

    return act


@pytest.fixture
def start(acting, org, member, embedded):
    """A function that calls a service in a transaction and returns what it returned; its tasks wait."""

    def act(service, *arguments, **options):
        acting(org, member)
        with transaction():
            return service(org.id, *arguments, **options)

    return act


@pytest.fixture
def do(start, work):
    """A function that calls a service in a transaction, does the tasks it made, and returns what it returned."""

    def act(service, *arguments, **options):
        answer = start(service, *arguments, **options)
        assert [ending.error for ending in work() if ending.status != "succeeded"] == []
        return answer

    return act


@pytest.fixture
def allow(app):
    """A function that permits calls to servers of this machine."""
    with permitting(app) as permit:
        yield permit

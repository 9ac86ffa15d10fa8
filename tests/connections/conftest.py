"""An organisation with its people."""

import pytest

from tests.connections.given import PUBLIC, SECRET
from tests.factories import connections, orgs
from tests.support.answers import permitting, serving


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def admin(org):
    return orgs.member(org, "admin")


@pytest.fixture
def person(new_client, admin):
    return new_client(admin)


@pytest.fixture
def allow(app):
    """A function that permits calls of models to servers of this machine."""
    with permitting(app) as permit:
        yield lambda *servers: permit(*servers, kind="model")


@pytest.fixture
def opened(org):
    """A connection with a secret."""
    key = connections.credential(org, SECRET, name="Main key")
    return connections.connection(org, name="Main", slug="main", base_url=PUBLIC, credential_id=key.id)


@pytest.fixture
def provider(org, allow):
    """A server that this organisation is connected to, and the connection; its answers are the test's."""
    key = connections.credential(org, SECRET)
    with serving() as server:
        allow(server)
        yield server, connections.connection(org, slug="main", base_url=server.url, credential_id=key.id)

"""One organisation with people, and a thread of one of them."""

import pytest

from app.threads.repo.threads import Viewer
from tests.factories import agents, orgs, threads


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def owner(org):
    return orgs.member(org, "owner")


@pytest.fixture
def ana(org):
    return orgs.member(org, "member")


@pytest.fixture
def thread(org, ana):
    return threads.thread(org, ana, name="Refund for order 7", agent_id=agents.agent(org).id)


@pytest.fixture
def inside(acting, org, ana):
    """The test acts as Ana in her organisation."""
    acting(org, ana)


@pytest.fixture
def as_ana(ana):
    return Viewer(ana.id, sees_all=False)


@pytest.fixture
def as_owner(owner):
    return Viewer(owner.id, sees_all=True)

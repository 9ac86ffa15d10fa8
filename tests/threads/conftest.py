"""One organisation with people, and a thread of one of them."""

from datetime import UTC, datetime, timedelta

import pytest

from app.threads.repo.threads import Viewer
from tests.factories import agents, orgs, threads

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


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


@pytest.fixture
def client(new_client, ana):
    return new_client(ana)


@pytest.fixture
def url(thread):
    return f"/o/acme/threads/{thread.id}"


@pytest.fixture
def hundred(thread):
    """A hundred messages, a minute apart, people and agent in turn."""
    return [
        threads.message(
            thread,
            f"m{number}.",
            role="assistant" if number % 2 else "user",
            created_at=BEGIN + timedelta(minutes=number),
        )
        for number in range(100)
    ]

"""One organisation with people, and a thread of one of them."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.threads.repo.threads import Viewer
from tests.factories import agents, orgs, threads
from tests.support import database
from tests.support.database import TEMPLATE
from tests.support.postgres import create_database, drop_database, in_database

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


@pytest.fixture
def address(cluster):
    """A database of its own."""
    name = f"agentpress_counts_{secrets.token_hex(4)}"
    create_database(cluster, name, TEMPLATE)
    yield in_database(cluster, name)
    drop_database(cluster, name)


@pytest.fixture(
    params=[
        ("always", "always", "always"),
        ("never", "always", "always"),
        ("never", "never", "always"),
        ("never", "never", "never"),
    ],
    ids=["few at all", "few of the organisation", "the newest weeks, then all", "week after week"],
)
def way(request, connection):
    """Each way in which the newest matches are found, whatever the planner estimates."""
    limits = [{"always": "1000000000", "never": "-1"}[one] for one in request.param]
    bounds = ("v_all <= 20000", "v_ours <= v_few", "v_ours <= 200000")
    changed(
        "newest_matches",
        {bound: f"{bound.partition('<')[0]}<= {limit}" for bound, limit in zip(bounds, limits, strict=True)},
    )


@pytest.fixture(params=["alone", "of the organisation"])
def tiers(request, connection):
    """Each way in which the messages are found that say a word so many times, whatever the planner estimates."""
    limit = {"alone": "v_all < 0", "of the organisation": "v_all >= 0"}[request.param]
    changed("best_matches", {"v_all > 5000 OR v_ours < v_all * 0.1": limit})


def changed(function, pieces):
    """Put other pieces into the definition of a function for the test."""
    with database.as_owner() as session:
        found = text("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = :function")
        definition = session.execute(found, {"function": function}).scalar_one()
        for was, now in pieces.items():
            assert was in definition
            definition = definition.replace(was, now)
        session.connection().exec_driver_sql(definition.replace("%", "%%"))

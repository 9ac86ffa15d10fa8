"""The kept number of live threads: what it holds after every kind of change, and that nobody waits for it."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import func, select, text

from app.db.base import db
from app.db.cursor import COUNT_CAP
from app.threads.models import Thread
from app.threads.repo.kept import kept_number
from app.threads.repo.threads import Viewer, visible_to
from tests.factories import orgs, threads
from tests.support.database import as_owner

ADD = """
    INSERT INTO threads (id, org_id, name, origin)
    SELECT gen_random_uuid(), %s, 'Thread ' || n, %s FROM generate_series(1, %s) n
"""
SOME = "WITH few AS (SELECT id FROM threads WHERE org_id = %(org)s LIMIT %(most)s FOR UPDATE SKIP LOCKED)"
CHANGES = (
    "UPDATE threads SET archived = NOT archived",
    "UPDATE threads SET deleted_at = CASE WHEN deleted_at IS NULL THEN now() END",
    "DELETE FROM threads",
)
TURNS = (
    "INSERT INTO threads (id, org_id, name, origin) VALUES (gen_random_uuid(), %(org)s, 'Thread', %(origin)s)",
    *(f"{SOME} {change} WHERE id IN (TABLE few)" for change in CHANGES),
)
WRONG = """
    SELECT * FROM (SELECT shared, sum(live) AS live FROM thread_counts GROUP BY 1) k FULL JOIN (
        SELECT origin IN ('api', 'import', 'schedule') AS shared, count(*) AS live FROM threads
         WHERE deleted_at IS NULL AND NOT archived GROUP BY 1) t USING (shared)
     WHERE coalesce(k.live, 0) <> coalesce(t.live, 0)
"""
KEPT = (
    "SELECT shared, count(*), sum(live)::integer FROM thread_counts WHERE org_id = %s GROUP BY 1 ORDER BY 1"
)


@pytest.fixture
def numbers(acting, org, owner, ana):
    """A function that returns what owners and Ana are told, after comparing both with the threads themselves."""
    acting(org, owner)

    def read():
        told = []
        for viewer in (Viewer(owner.id, sees_all=True), Viewer(ana.id, sees_all=False)):
            seen = (
                Thread.org_id == org.id,
                Thread.deleted_at.is_(None),
                ~Thread.archived,
                visible_to(viewer),
            )
            told.append(db.session.scalar(kept_number(org.id, viewer)))
            assert told[-1] == db.session.scalar(select(func.count(Thread.id)).where(*seen))
        return tuple(told)

    return read


def change(statement, **values):
    with as_owner() as session:
        session.execute(text(statement), values)


def test_an_organisation_without_threads_has_none(numbers):
    assert numbers() == (0, 0)


def test_every_change_of_what_is_live_is_counted(numbers, org, owner, ana):
    own, api, other = (
        threads.thread(org, ana),
        threads.thread(org, origin="api"),
        threads.thread(org, owner),
    )
    threads.thread(org, ana, archived=True)
    threads.thread(orgs.org(), origin="api")
    assert numbers() == (3, 2)
    change("UPDATE threads SET archived = true WHERE id = :id", id=api.id)
    assert numbers() == (2, 1)
    change("UPDATE threads SET deleted_at = now() WHERE id IN (:own, :api)", own=own.id, api=api.id)
    assert numbers() == (1, 0)
    change("UPDATE threads SET deleted_at = NULL, archived = false WHERE org_id = :org", org=org.id)
    assert numbers() == (4, 3)
    change("UPDATE threads SET origin = 'import', name = 'Moved' WHERE id = :id", id=other.id)
    assert numbers() == (4, 4)
    change("DELETE FROM threads WHERE id IN (:own, :other)", own=own.id, other=other.id)
    assert numbers() == (2, 2)


def test_a_statement_on_threads_of_several_organisations_counts_for_each(numbers, org):
    elsewhere = orgs.org()
    for place in (org, org, elsewhere):
        threads.thread(place, origin="schedule")
    change("UPDATE threads SET archived = true")
    assert numbers() == (0, 0)
    change("UPDATE threads SET archived = false")
    assert numbers() == (2, 2)
    change("DELETE FROM threads")
    assert numbers() == (0, 0)


def test_messages_change_no_number(numbers, org, thread):
    threads.message(thread)
    assert numbers() == (1, 1)


def test_own_threads_are_not_counted_where_everyones_pass_the_limit(numbers, org, owner, ana):
    threads.thread(org, ana)
    change(
        "INSERT INTO thread_counts (org_id, shared, live) VALUES (:org, true, :live)",
        org=org.id,
        live=COUNT_CAP + 1,
    )
    member = db.session.scalar(kept_number(org.id, Viewer(ana.id, sees_all=False)))
    assert member == COUNT_CAP + 1


def test_the_list_tells_it_and_counts_where_it_asks_for_more(new_client, org, owner, ana):
    for number in range(3):
        threads.thread(org, ana, archived=number == 0)
    change("UPDATE thread_counts SET live = 12000")  # what is told can be told apart from what is counted
    boss = new_client(owner)
    assert "of 10,000+" in boss.page("/o/acme/threads?per=10").find(id="results").text
    assert "of 10,000+" in boss.page("/o/acme/threads?status=live").find(id="results").text
    for query in (
        "status=archived",
        "status=live&status=archived",
        f"user={ana.id}",
        "origin=console",
        "q=thread",
    ):
        assert "10,000+" not in boss.page(f"/o/acme/threads?{query}").find(id="results").text, query


def connect(address):
    """A connection on which nothing waits for long."""
    return psycopg.connect(address, options="-c lock_timeout=2s")


@pytest.fixture
def two(address):
    with connect(address) as one, connect(address) as other:
        yield one, other


@pytest.fixture
def place(two):
    """The id of an organisation there."""
    org_id = uuid4()
    two[0].execute("INSERT INTO orgs (id, name, slug) VALUES (%s, 'Acme', 'acme')", (org_id,))
    two[0].commit()
    return org_id


def test_nobody_waits_for_who_has_not_committed_yet(two, place):
    one, other = two
    one.execute(ADD, (place, "api", 3))
    one.commit()
    one.execute(ADD, (place, "api", 10))
    other.execute(ADD, (place, "api", 100))
    other.execute("UPDATE threads SET archived = true WHERE name = 'Thread 1' AND org_id = %s", (place,))
    one.execute(ADD, (place, "console", 1_000))
    other.commit()
    one.rollback()
    assert other.execute(KEPT, (place,)).fetchall() == [(True, 2, 101)]
    one.execute(ADD, (place, "api", 1))
    one.commit()
    assert one.execute(KEPT, (place,)).fetchall() == [(True, 2, 102)]


def test_an_organisation_goes_with_its_numbers(two, place):
    one, _ = two
    one.execute(ADD, (place, "api", 3))
    one.execute("DELETE FROM orgs WHERE id = %s", (place,))
    one.commit()
    assert one.execute("SELECT count(*) FROM thread_counts").fetchone() == (0,)


def test_writers_at_the_same_moment_lose_no_thread(address, two, place):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(partial(write, address, place), range(4)))
    assert two[0].execute("SELECT count(*) > 100 FROM threads").fetchone() == (True,)
    assert two[0].execute(WRONG).fetchall() == []


def write(address, org_id, seed):
    """Change threads in a hundred transactions, some of which are taken back."""
    chance = random.Random(seed)
    with connect(address) as connection:
        for _ in range(100):
            for statement in chance.choices(TURNS, weights=(9, 2, 1, 1), k=3):
                origin, most = chance.choice(("api", "console")), chance.randrange(1, 6)
                connection.execute(statement, {"org": org_id, "origin": origin, "most": most})
            (connection.rollback if chance.random() < 0.2 else connection.commit)()

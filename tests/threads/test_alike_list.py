"""The list of threads against reading every thread: random filters, orders and viewers, every page both ways."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from app.db import cursor
from app.db.cursor import PageRequest
from app.threads.forms import thread_list
from app.threads.models import ORIGINS
from app.threads.repo import kept, listed
from app.threads.repo.listed import ThreadListRepo
from app.threads.repo.threads import Viewer
from app.web.listing import read_list
from tests.factories import agents, auth, orgs, threads
from tests.support.database import as_owner

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LISTS = 25
COLUMNS = {
    "last": "last_message_at",
    "created": "created_at",
    "messages": "message_count",
    "tokens": "tokens",
    "cost": "cost_micros",
}
NAMES = [
    "Refund",
    "refund for",
    "parcel",
    "LATE parcel",
    "50%",
    "a_b",
    "Übergröße",
    "ab",
    "x",
    "a\\b",
    '"it"',
]
WORDS = [
    "refund",
    "re",
    "parcel late",
    '"late parcel"',
    "50%",
    "a_b",
    "ü",
    "ÜBER",
    "x ab",
    "a\\b",
    '"',
    "late -x",
]
TAGS = ["red", "green", "a b"]
NUMBERS = ["0", "1", "2..", "..1", "1..2", "0.5..1.5", "5..20", "..2.5"]
ROWS = text("""
    SELECT t.*, EXISTS (SELECT FROM org_members o WHERE o.org_id = t.org_id AND o.user_id = t.user_id) AS member
      FROM threads t WHERE t.org_id = :org
""")
SAID = text("""
    SELECT m.thread_id FROM messages m
     WHERE m.org_id = :org AND to_tsvector('english', m.text_content) @@ websearch_to_tsquery('english', :q)
""")


@pytest.fixture
def world(org, owner, ana, inside):
    """Sixty threads of every kind, many of them alike, and some elsewhere."""
    dice = random.Random(7)
    made = [agents.agent(org).id for _ in range(2)]
    people = [owner, ana, orgs.member(org), auth.user(), None]
    for _ in range(60):
        fill(dice, make(dice, org, dice.choice(people), [None, *made]), owner)
    threads.message(threads.thread(orgs.org(), name="refund parcel", origin="api"), "late parcel")
    with as_owner() as session:
        rows = session.execute(ROWS, {"org": org.id}).all()
    return SimpleNamespace(
        org=org,
        agents=[str(agent) for agent in made],
        people=[str(person.id) for person in people if person],
        viewers=[Viewer(person.id, sees_all=person is owner) for person in people[:3]],
        rows=rows,
    )


def make(dice, org, person, of_agents):
    moment = NOW - timedelta(days=dice.choice([0, 1, 1, 2, 7, 40]), hours=dice.choice([0, 0, 3]))
    return threads.thread(
        org,
        person,
        origin=dice.choice(ORIGINS),
        name=" ".join(dice.choices(NAMES, k=dice.randint(1, 3))),
        agent_id=dice.choice(of_agents),
        external_user=None if person else dice.choice([None, "Joe"]),
        deleted_at=dice.choice([None] * 6 + [NOW]),
        archived=dice.random() < 0.15,
        tags=dice.sample(TAGS, dice.randint(0, 2)),
        created_at=moment,
        last_message_at=moment,
    )


def fill(dice, thread, rater):
    for _ in range(dice.randint(0, 3)):
        message = threads.message(
            thread,
            dice.choice(["late parcel", "refund", "order late"]),
            created_at=thread.created_at + timedelta(hours=dice.choice([0, 1])),
            input_tokens=dice.choice([None, 5, 10]),
            cost_micros=dice.choice([None, 0, 1_000_000, 1_500_000]),
            **({"parts": [{"kind": "error", "message": "No"}]} if dice.random() < 0.2 else {}),
        )
        if dice.random() < 0.4:
            threads.feedback(message, rater, dice.choice([1, -1]))


def asked(dice, world):
    """Return the parameters of a random list."""
    facets = {
        "agent": world.agents,
        "user": world.people,
        "people": ["members"],
        "origin": ORIGINS,
        "status": ["live", "archived", "deleted"],
        "feedback": ["up", "down", "none"],
        "error": ["yes", "no"],
        "tag": TAGS,
    }
    days = sorted(NOW.date() - timedelta(days=dice.choice([0, 1, 2, 7, 30])) for _ in range(2))
    spans = [f"{days[0]}..{days[1]}", f"..{days[0]}", f"{days[0]}.."]
    single = {"q": WORDS, "in": ["names", "messages"], "created": spans, "last": spans}
    single |= dict.fromkeys(("messages", "tokens", "cost"), NUMBERS)
    often = dice.choice([0.1, 0.25])
    pairs = [(key, dice.choice(values)) for key, values in single.items() if dice.random() < often]
    for key, values in facets.items():
        if dice.random() < often:
            pairs += [(key, dice.choice(["", "", "-"]) + value) for value in values if dice.random() < 0.5]
    return [*pairs, ("sort", dice.choice(["", "-"]) + dice.choice(list(COLUMNS)))]


def holds(row, viewer, state, said):
    """Whether the list holds a thread."""
    if state.q and "messages" in state.chosen.get("in", ()):
        words = row.id in said and row.deleted_at is None  # messages of deleted threads are not searched
    else:
        words = all(term.lower() in row.name.lower() for term in state.terms)
    seen = viewer.sees_all or row.user_id == viewer.user_id or row.origin in {"api", "import", "schedule"}
    return words and seen and fits(row, state) and within(row, state)


def fits(row, state):
    status = "deleted" if row.deleted_at else "archived" if row.archived else "live"
    of_row = {
        "agent": {str(row.agent_id)},
        "user": {str(row.user_id)},
        "people": {"members"} if row.member and row.external_user is None else set(),
        "origin": {row.origin},
        "status": {status},
        "feedback": opinions(row),
        "error": {"yes" if row.error_count else "no"},
        "tag": set(row.tags),
    }
    chosen = {"status": ("live",), **state.chosen}
    return all(
        (key not in chosen or values & {*chosen[key]}) and not values & {*state.excluded.get(key, ())}
        for key, values in of_row.items()
    )


def opinions(row):
    found = {word for word, number in (("up", row.up_count), ("down", row.down_count)) if number}
    return found or {"none"}


def within(row, state):
    spans = [(span, getattr(row, COLUMNS[key])) for key, span in state.spans.items()]
    numbers = [
        (bounds, Decimal(getattr(row, COLUMNS[key])) / (1_000_000 if key == "cost" else 1))
        for key, bounds in state.bounds.items()
    ]
    return all(
        (not span.start or moment >= span.start) and (not span.end or moment < span.end)
        for span, moment in spans
    ) and all(
        (bounds.low is None or number >= bounds.low) and (bounds.high is None or number <= bounds.high)
        for bounds, number in numbers
    )


def pages(world, viewer, state, request):
    """Every page from one end of the list to the other."""
    while True:
        page = ThreadListRepo().page(world.org.id, viewer, replace(state, request=request)).page
        yield page
        position = page.previous if request.backward else page.next
        if position is None:
            return
        request = PageRequest(request.per, replace(position, backward=request.backward))


def check(world, viewer, state, want, per):
    """Compare every page with the ids that it should hold, in both directions."""
    for last in (False, True):
        found = []
        for page in pages(world, viewer, state, PageRequest(per, last=last)):
            rows = [row.id for row in page.rows]
            found = rows + found if last else found + rows
            assert page.first is None or not rows or want[page.first - 1 :][: len(rows)] == rows
            assert page.total == len(want) if not page.capped else page.total <= len(want)
        assert found == want
    repo = ThreadListRepo()
    assert set(repo.matching(world.org.id, viewer, state, 1000)) == {*want}
    assert [row["id"] for row in repo.stream(world.org.id, viewer, state).records()] == want
    for place in range(min(len(want), 3)):
        for backward, there in ((True, max(place - 1, 0)), (False, min(place + 1, len(want) - 1))):
            assert repo.beside(world.org.id, viewer, state, want[place], backward=backward) == want[there]


@pytest.mark.parametrize(("near", "cap"), [(1_000, 10_000), (10, 10_000), (0, 4)])
def test_every_list_holds_what_reading_everything_finds(app, world, near, cap, monkeypatch):
    monkeypatch.setattr(listed, "NEAR", near)
    for module in (cursor, kept):
        monkeypatch.setattr(module, "COUNT_CAP", cap)
    choices = {"agent": dict.fromkeys(world.agents, "A"), "user": dict.fromkeys(world.people, "U"), "tag": {}}
    spec, dice, some = thread_list(choices, TAGS), random.Random(near), 0
    for _ in range(LISTS):
        args, viewer = asked(dice, world), dice.choice(world.viewers)
        with app.test_request_context("/x"):
            state = read_list(spec, "UTC", MultiDict(args), "/x")
        assert state.notices == ()
        with as_owner() as session:
            said = {*session.execute(SAID, {"org": world.org.id, "q": state.q}).scalars()}
        column = COLUMNS[state.sort_key]
        rows = [row for row in world.rows if holds(row, viewer, state, said)]
        rows.sort(key=lambda row: (getattr(row, column), row.id), reverse=state.descending)
        try:
            check(world, viewer, state, [row.id for row in rows], dice.choice([1, 3, 7, 100]))
        except AssertionError as error:
            raise AssertionError(args, viewer) from error
        some += bool(rows)
    assert some > 2

"""The search in messages against reading every message: random texts, questions, filters and viewers."""

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from app.threads.models import ORIGINS
from app.threads.repo.search import SearchRepo
from app.threads.repo.threads import Viewer
from app.web.listing import Facet, ListSpec, read_list
from tests.factories import agents, orgs, threads
from tests.support.database import as_owner

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
QUESTIONS = 30
WORDS = [
    *("late", "parcel", "parcels", "refund", "order", "the", "not", "running", "run", "üb"),
    *("o'brien", "don't", "50%", "a\\b", "http://x.org/late"),
]
EXPECTED = text("""
    SELECT m.id FROM messages m JOIN threads t ON t.org_id = m.org_id AND t.id = m.thread_id,
           websearch_to_tsquery('english', :q) q, to_tsvector('english', m.text_content) v
     WHERE m.org_id = :org AND t.deleted_at IS NULL AND v @@ q
       AND (CAST(:all AS boolean) OR t.user_id = :viewer OR t.origin IN ('api', 'import', 'schedule'))
       AND (CAST(:agents AS text[]) IS NULL OR t.agent_id::text = ANY (:agents))
       AND (CAST(:but AS text[]) IS NULL OR t.agent_id IS NULL OR t.agent_id::text <> ALL (:but))
       AND (CAST(:origins AS text[]) IS NULL OR t.origin = ANY (:origins))
       AND (CAST(:barred AS text[]) IS NULL OR t.origin <> ALL (:barred))
       AND (CAST(:start AS timestamptz) IS NULL OR m.created_at >= :start)
       AND (CAST(:end AS timestamptz) IS NULL OR m.created_at < :end)
     ORDER BY ts_rank(v, q) DESC, m.created_at DESC, m.id DESC
""")


@pytest.fixture
def world(org, owner, ana, inside):
    """Threads of every kind with random messages, and some elsewhere."""
    dice = random.Random(41)
    made = [agents.agent(org).id for _ in range(2)]
    people = [owner, ana, orgs.member(org), None]
    for _ in range(24):
        thread = threads.thread(
            org,
            dice.choice(people),
            origin=dice.choice(ORIGINS),
            agent_id=dice.choice([None, *made]),
            deleted_at=dice.choice([None] * 5 + [NOW]),
        )
        for _ in range(dice.randint(0, 8)):
            words = " ".join(dice.choices(WORDS, k=dice.choice([1, 2, 4, 8, 30])))
            hours = dice.choice([1, 1, 30, 200, 900, 9000]) * dice.choice([1, 2])
            threads.message(thread, words, created_at=NOW - timedelta(hours=hours))
    away = threads.thread(orgs.org(), origin="api")
    for word in WORDS:
        threads.message(away, f"{word} late parcel")
    viewers = [Viewer(person.id, sees_all=person is owner) for person in people[:3]]
    return SimpleNamespace(org=org, agents=[str(agent) for agent in made], viewers=viewers)


def asked(dice, world):
    """Return the parameters of a random search."""
    pieces = []
    for _ in range(dice.randint(1, 3)):
        words = dice.choices(WORDS, k=dice.choice([1, 1, 2, 3]))
        piece = f'"{" ".join(words)}"' if len(words) > 1 else words[0]
        pieces += [dice.choice(["", "", "", "-"]) + piece, *(["or"] if dice.random() < 0.2 else [])]
    args = [("q", " ".join(pieces))]
    for key, values, none in (("agent", world.agents, 3), ("origin", ORIGINS, 6)):
        signs = [dice.choice([None] * none + ["", "-"]) for _ in values]
        args += [(key, sign + value) for sign, value in zip(signs, values, strict=True) if sign is not None]
    days = sorted(NOW.date() - timedelta(days=dice.choice([0, 1, 2, 7, 8, 30, 400])) for _ in range(2))
    span = dice.choice(["", "", f"{days[0]}..{days[1]}", f"..{days[0]}", f"{days[0]}.."])
    return [*args, ("at", span)]


def expected(world, viewer, state):
    span = state.spans.get("at")
    with as_owner() as session:
        found = session.execute(
            EXPECTED,
            {
                "q": state.q,
                "org": world.org.id,
                "all": viewer.sees_all,
                "viewer": viewer.user_id,
                "agents": list(state.chosen.get("agent", ())) or None,
                "but": list(state.excluded.get("agent", ())) or None,
                "origins": list(state.chosen.get("origin", ())) or None,
                "barred": list(state.excluded.get("origin", ())) or None,
                "start": span and span.start,
                "end": span and span.end,
            },
        )
        return list(found.scalars())


def walked(world, viewer, read, args):
    """Return the ids on all pages; None where nothing is searched."""
    seen, after = [], []
    while True:
        state = read([*args, *after])
        found = SearchRepo().page(world.org.id, viewer, state)
        if found.unusable:
            return None
        assert not found.partly
        seen += [hit.id for hit in found.page.rows]
        if found.page.next is None:
            return seen
        after = [("after", state.cursor(found.page.next))]


@pytest.mark.usefixtures("way", "tiers")
def test_every_way_finds_what_reading_everything_finds(app, world, request):
    spec = ListSpec(
        sorts={"score": "relevance"},
        default_sort="-score",
        facets={
            "agent": Facet("Agent", dict.fromkeys(world.agents, "Agent")),
            "origin": Facet("Origin", dict.fromkeys(ORIGINS, "Origin")),
        },
        dates={"at": "Written"},
    )

    def read(args):
        with app.test_request_context("/x"):
            return read_list(spec, "UTC", MultiDict(args), "/x")

    dice, some = random.Random(request.node.name), 0
    for _ in range(QUESTIONS):
        args, viewer = asked(dice, world), dice.choice(world.viewers)
        found = walked(world, viewer, read, args)
        if found is not None:
            assert found == expected(world, viewer, read(args)), (args, viewer)
            some += bool(found)
    assert some > 2

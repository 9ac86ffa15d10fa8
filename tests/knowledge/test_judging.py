"""Saved questions asked of generations, and generations that must pass them."""

from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from app.audit.models import AuditEvent
from app.knowledge.models.chunks import Chunk
from app.knowledge.models.sources import Generation, RetrievalTest, RetrievalTestRun
from app.knowledge.repo.tests import Answered, TestsRepo
from app.knowledge.services import bases, gating, generations, judging, saved, sources
from app.knowledge.services.comparing import compare
from app.knowledge.services.judging import ranks
from app.tasks.worker import running
from app.web.errors import NotFound, Refusal
from tests.factories import knowledge, orgs
from tests.factories.rows import rows, stored
from tests.knowledge.test_generations import statuses
from tests.support.claims import claims, run
from tests.support.knowledge import searchable

REFUNDS = "Refunds of the first plan take five working days after the parcel came back to us."
FEES = "Students pay no fees at all while they can show a valid card of their school."
BODY = f"## Refunds\n\n{REFUNDS}\n\n## Fees\n\n{FEES}\n"


@pytest.fixture
def filled(do, base):
    """The handbook with its one source, and a saved question about it."""
    do(sources.add_text, base.id, "Rules", BODY)
    passage = next(chunk for chunk in rows(Chunk) if REFUNDS in chunk.text)
    return do(saved.save_test, base.id, "how long do refunds take", [passage.id])


def resize(base, size):
    """Save the base with another size of its passages, without overlap."""

    def act(org_id):
        now = stored(base)
        values = {**bases.values_of(now), "size": size, "overlap": 0}
        return bases.change_base(org_id, base.id, now.lock_version, values)

    return act


def demand(base, gate, least=0.9):
    """Save the base with something that new generations must do."""

    def act(org_id):
        now = stored(base)
        values = {**bases.values_of(now), "gate": gate, "least_recall": least}
        return bases.change_base(org_id, base.id, now.lock_version, values)

    return act


def hit(source_id, words):
    return SimpleNamespace(passage=SimpleNamespace(source_id=source_id, text=words))


def test_expected_passages_are_found_by_what_they_share():
    source, other = uuid4(), uuid4()
    expected = [{"source_id": str(source), "text": REFUNDS}, {"source_id": str(source), "text": FEES}]
    part = REFUNDS.partition(" after")[0]
    assert ranks(expected, [hit(other, REFUNDS), hit(source, f"# Rules\n{REFUNDS}\n{FEES}")]) == [2, 2]
    assert ranks(expected, [hit(source, part)]) == [1, None]
    assert ranks(expected, [hit(source, "came back to us. " + "Other words follow here. " * 9)]) == [
        None,
        None,
    ]
    assert ranks([{"source_id": str(source), "text": "Yes"}], [hit(source, "yes!"), hit(source, "")]) == [1]
    assert ranks(expected, []) == [None, None]


def test_questions_are_asked_of_the_live_generation(do, base, filled):
    do(saved.ask_tests, base.id)
    (answer,) = rows(RetrievalTestRun)
    assert (answer.recall, answer.mrr, answer.ranks, answer.k) == (1.0, 1.0, [1], 8)
    assert answer.generation_id == next(entry.id for entry in rows(Generation) if entry.status == "live")
    assert [row.action for row in rows(AuditEvent, target_type="retrieval_test")] == ["retrieval_test.create"]


def test_an_expectation_survives_other_sizes_and_edits(do, org, base, filled):
    do(resize(base, 20))
    source_id = UUID(stored(filled).expected[0]["source_id"])
    do(sources.edit_text, base.id, source_id, "Rules", f"A new introduction before all.\n\n{BODY}")
    do(saved.ask_tests, base.id)
    assert [entry.recall for entry in rows(RetrievalTestRun)] == [1.0]
    do(sources.edit_text, base.id, source_id, "Rules", "Nothing is said any more.")
    do(saved.ask_tests, base.id)
    assert sorted(entry.recall for entry in rows(RetrievalTestRun)) == [0.0, 1.0]


def test_a_killed_worker_leaves_no_question_asked_twice(do, start, base, filled, work, monkeypatch):
    passage = next(chunk for chunk in rows(Chunk) if FEES in chunk.text)
    do(saved.save_test, base.id, "what do students pay", [passage.id])
    start(saved.ask_tests, base.id)
    (claim,) = claims()
    asked = []
    real = judging.search

    def dying(org_id, question):
        if asked:
            raise KeyboardInterrupt
        asked.append(question.words)
        return real(org_id, question)

    monkeypatch.setattr(judging, "search", dying)
    with pytest.raises(KeyboardInterrupt):
        running.attempt(claim, lambda *_: None)
    assert len(rows(RetrievalTestRun)) == 1
    monkeypatch.setattr(judging, "search", lambda *given: asked.append(given[1].words) or real(*given))
    ending, settled = run(claim)
    assert (ending.status, settled) == ("succeeded", True)
    assert asked == ["how long do refunds take", "what do students pay"]
    assert len({entry.run_id for entry in rows(RetrievalTestRun)}) == 1
    assert len(rows(RetrievalTestRun)) == 2


def spoil(monkeypatch, base):
    """Let every generation but the first find nothing."""
    real = judging.search

    def blind(org_id, question):
        return real(org_id, question) if question.generation == 1 else SimpleNamespace(hits=(), notices=())

    monkeypatch.setattr(judging, "search", blind)


def test_a_generation_that_answers_worse_is_held_back(do, start, work, base, filled, monkeypatch):
    do(demand(base, "no_worse"))
    spoil(monkeypatch, base)
    before = searchable()
    do(resize(base, 20))
    assert statuses() == {1: "live", 2: "held"}
    assert searchable() == before
    held = next(entry for entry in rows(Generation) if entry.number == 2)
    assert "It finds 0% of the expected passages, the live one 100%" in held.error
    assert "1 of 1 questions are answered worse" in held.error
    assert len(rows(RetrievalTestRun)) == 2
    assert rows(AuditEvent, action="knowledge_base.hold")
    knowledge.generation(base, 3)
    with pytest.raises(Refusal, match="held back"):
        start(generations.roll_back, base.id, 3)


def test_a_held_generation_is_swapped_anyway_with_what_changed_since(do, base, filled, monkeypatch):
    do(demand(base, "least", 1.0))
    spoil(monkeypatch, base)
    do(resize(base, 20))
    source_id = UUID(stored(filled).expected[0]["source_id"])
    do(sources.edit_text, base.id, source_id, "Rules", f"{BODY}\nAdded since.")
    assert statuses()[2] == "held"
    do(gating.swap_anyway, base.id, 2)
    assert statuses() == {1: "retired", 2: "live"}
    assert "Added since." in " ".join(searchable())
    assert rows(AuditEvent, action="knowledge_base.swap_anyway")
    with pytest.raises(NotFound):
        do(gating.swap_anyway, base.id, 2)


def test_a_held_generation_is_dropped_or_replaced(do, base, filled, monkeypatch):
    do(demand(base, "no_worse"))
    spoil(monkeypatch, base)
    chunks = {chunk.id for chunk in rows(Chunk)}
    do(resize(base, 20))
    do(generations.cancel_build, base.id)
    assert statuses() == {1: "live", 2: "failed"}
    assert {chunk.id for chunk in rows(Chunk)} == chunks
    do(resize(base, 22))
    do(resize(base, 24))
    assert statuses() == {1: "live", 2: "failed", 3: "failed", 4: "held"}


def test_a_generation_that_is_good_enough_goes_live(do, base, filled):
    do(demand(base, "no_worse"))
    do(resize(base, 20))
    assert statuses() == {1: "retired", 2: "live"}
    do(demand(base, "none"))
    do(resize(base, 40))
    assert statuses()[3] == "live"
    assert len({entry.run_id for entry in rows(RetrievalTestRun)}) == 2


def test_a_held_generation_is_asked_again_with_the_live_one(do, base, filled, monkeypatch):
    do(demand(base, "no_worse"))
    with monkeypatch.context() as patched:
        spoil(patched, base)
        do(resize(base, 20))
    do(saved.ask_tests, base.id)
    runs = TestsRepo().runs(base.org_id, base.id)
    assert {(entry.generation, entry.recall) for entry in runs} == {(1, 1.0), (2, 0.0), (2, 1.0)}


def answered(test_id, recall, mrr):
    return Answered(test_id, f"question {test_id}", recall, mrr, [1], 1, 8, None)


def test_two_runs_are_compared_question_by_question():
    before = [answered(1, 1.0, 1.0), answered(2, 0.5, 0.5), answered(3, 1.0, 1.0), answered(4, 1.0, 1.0)]
    after = [answered(1, 1.0, 1.0), answered(2, 1.0, 0.2), answered(3, 1.0, 0.5), answered(5, 1.0, 1.0)]
    found = [(one.test_id, one.verdict) for one in compare(before, after)]
    assert found == [(3, "lost"), (2, "won"), (4, "only"), (5, "only"), (1, "same")]


def test_wrong_questions_are_refused(start, org, base, filled, monkeypatch):
    passage = rows(Chunk)[0]
    for wrong in ([], [passage.id, *(uuid4() for _ in range(20))]):
        with pytest.raises(Refusal, match="Tick 1 to 20"):
            start(saved.save_test, base.id, "question", wrong)
    other = knowledge.text(knowledge.base(org))
    with pytest.raises(NotFound):
        start(saved.save_test, base.id, "question", [knowledge.chunk(other, "Elsewhere").id])
    with pytest.raises(Refusal, match="Keep at least one"):
        start(saved.change_test, base.id, filled.id, saved.mark_of(filled), "question", [7])
    monkeypatch.setattr(saved, "MOST_TESTS", 1)
    with pytest.raises(Refusal, match="at most 1 questions"):
        start(saved.save_test, base.id, "question", [passage.id])
    empty = knowledge.base(org)
    with pytest.raises(Refusal, match="no question to ask"):
        start(saved.ask_tests, empty.id)


def test_oi_1_questions_of_others_are_not_asked(do, acting, org, base, filled):
    other = orgs.org()
    stranger = orgs.member(other)
    acting(other, stranger)
    with pytest.raises(NotFound):
        saved.ask_tests(other.id, base.id)
    with pytest.raises(NotFound):
        saved.found_test(other.id, base.id, filled.id)
    assert TestsRepo().all(org.id, base.id) == [], "the organisation of the transaction counts"
    assert len(rows(RetrievalTest)) == 1

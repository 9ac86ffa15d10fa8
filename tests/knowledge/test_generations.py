"""Generations: built beside the live one, swapped in at once, gone back to."""

from dataclasses import replace

import pytest

from app.audit.models import AuditEvent
from app.db.tables import Task
from app.knowledge.embedders.registry import Model
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.models.sources import FreeformText, Generation
from app.knowledge.services import bases, generations, sources
from app.tasks.services.tasks import cancel_tasks
from app.web.errors import NotFound, Refusal
from tests.factories.rows import rows, stored
from tests.support.claims import claims, run
from tests.support.embedder import WIDE
from tests.support.knowledge import searchable, without_live_source

BODY = "\n\n".join(
    f"## Part {number}\n\n" + f"Refunds of plan {number} take five days. " * 30 for number in range(4)
)


def statuses():
    return {entry.number: entry.status for entry in rows(Generation)}


def resize(base, size):
    """Save the base with another size of its passages."""

    def act(org_id):
        now = stored(base)
        return bases.change_base(org_id, base.id, now.lock_version, {**bases.values_of(now), "size": size})

    return act


def test_other_passages_replace_the_live_ones_at_once(do, start, work, base):
    do(sources.add_text, base.id, "Refunds", BODY)
    before = searchable()
    start(resize(base, 60))
    assert searchable() == before
    work()
    after = searchable()
    assert len(after) > len(before)
    assert max(map(len, after)) < max(map(len, before))
    now = stored(base)
    assert (now.live_generation, now.chunking["size"], now.chunk_count) == (2, 60, len(after))
    assert rows(FreeformText)[0].chunk_count == len(after)
    assert statuses() == {1: "retired", 2: "live"}


def test_another_model_writes_vectors_only(do, base, embedded):
    do(sources.add_text, base.id, "Refunds", BODY)
    chunks = {chunk.id for chunk in rows(Chunk)}
    embedded.clear()
    do(generations.rebuild, base.id, Model(WIDE, 768))
    assert {chunk.id for chunk in rows(Chunk)} == chunks
    assert len(embedded) == len(chunks)
    spans = sorted(
        {(entry.model, entry.first_generation, entry.last_generation) for entry in rows(Embedding)}
    )
    assert spans == [("all-MiniLM-L6-v2", 1, 1), (WIDE, 2, None)]
    assert len(searchable()) == len(chunks)
    assert (stored(base).model, stored(base).dimensions) == (WIDE, 768)


def test_going_back_is_one_step_and_never_revives_what_was_deleted(do, start, base):
    kept = do(sources.add_text, base.id, "Refunds", BODY)
    gone = do(sources.add_text, base.id, "Fees", "Fees are due in advance.")
    hidden = do(sources.add_text, base.id, "Drafts", "A draft about holidays.")
    before = searchable()
    do(resize(base, 60))
    do(sources.delete_source, base.id, "text", gone)
    do(sources.set_enabled, base.id, "text", hidden, enabled=False)
    start(generations.roll_back, base.id, 1)
    after = searchable()
    assert after == [words for words in before if "advance" not in words and "holidays" not in words]
    assert statuses() == {1: "live", 2: "retired"}
    assert without_live_source() == 0
    assert stored(base).chunking["size"] == 200
    assert {chunk.freeform_text_id for chunk in rows(Chunk)} == {kept, hidden}


def test_what_was_edited_since_is_brought_up_after_going_back(do, base, embedded):
    source_id = do(sources.add_text, base.id, "Refunds", BODY)
    do(resize(base, 60))
    do(sources.edit_text, base.id, source_id, "Refunds", "All refunds take nine days.")
    assert searchable() == ["# Refunds\n\nAll refunds take nine days."]
    do(generations.roll_back, base.id, 1)
    assert searchable() == ["# Refunds\n\nAll refunds take nine days."]
    do(sources.edit_text, base.id, source_id, "Refunds", "None.")
    embedded.clear()
    do(generations.roll_back, base.id, 2)
    assert searchable() == ["# Refunds\n\nNone."]


def test_what_is_edited_while_a_generation_is_built_is_in_it(do, start, work, base, embedded, monkeypatch):
    source_id = do(sources.add_text, base.id, "Refunds", BODY)
    start(resize(base, 60))
    (claim,) = claims()
    start(sources.edit_text, base.id, source_id, "Refunds", "Six days.")
    start(sources.add_text, base.id, "Fees", "None.")
    ending, _ = run(claim)
    assert ending.status == "succeeded"
    assert searchable() == ["# Refunds\n\nSix days.", "# Fees\n\nNone."]
    work()
    assert searchable() == ["# Refunds\n\nSix days.", "# Fees\n\nNone."]
    assert {source.status for source in rows(FreeformText)} == {"ready"}


def test_a_cancelled_build_leaves_the_live_set_as_it_was(do, start, work, base):
    do(sources.add_text, base.id, "Refunds", BODY)
    chunks, vectors = rows(Chunk), rows(Embedding)
    start(generations.rebuild, base.id, Model("unknown-model", 768))
    start(generations.cancel_build, base.id)
    assert statuses() == {1: "live", 2: "failed"}
    (claim,) = claims()
    run(claim)
    assert rows(Generation, number=2)[0].error == "cancelled"
    assert [(c.id, c.last_generation) for c in rows(Chunk)] == [(c.id, None) for c in chunks]
    assert [(e.id, e.last_generation) for e in rows(Embedding)] == [(e.id, None) for e in vectors]
    do(resize(base, 60))
    assert statuses() == {1: "retired", 2: "failed", 3: "live"}


def test_a_build_whose_task_failed_is_given_up_with_it_and_can_be_built_again(do, start, base, org, member):
    do(sources.add_text, base.id, "Refunds", BODY)
    before = searchable()
    start(generations.rebuild, base.id, Model("unknown-model", 768))
    (claim,) = claims()
    ending, _ = run(replace(claim, failures=2))
    failed = rows(Generation, number=2)[0]
    assert (failed.status, failed.error) == ("failed", ending.error)
    assert [event.target_label for event in rows(AuditEvent, action="knowledge_base.fail")] == ["Handbook"]
    assert searchable() == before
    with pytest.raises(NotFound):
        start(generations.build_again, base.id, 1)
    start(generations.build_again, base.id, 2)
    assert statuses() == {1: "live", 2: "failed", 3: "building"}


def test_a_build_whose_task_is_cancelled_is_given_up_with_it(start, base):
    start(resize(base, 60))
    (task,) = rows(Task, status="queued")
    assert statuses()[2] == "building"
    start(cancel_tasks, [task.id])
    failed = rows(Generation, number=2)[0]
    assert (failed.status, failed.error) == ("failed", "Its task was cancelled.")


def test_the_end_of_another_task_gives_up_nothing(do, start, base):
    start(resize(base, 60))
    start(sources.add_text, base.id, "Refunds", BODY)
    waiting = {task.payload["generation"]: task for task in rows(Task, status="queued")}
    start(cancel_tasks, [waiting[None].id])
    assert statuses()[2] == "building"


def test_old_generations_are_pruned(do, base):
    do(sources.add_text, base.id, "Refunds", BODY)
    for size in (60, 80, 100, 120):
        do(resize(base, size))
    assert statuses() == {3: "retired", 4: "retired", 5: "live"}
    assert min(chunk.last_generation or 5 for chunk in rows(Chunk)) == 3
    assert without_live_source() == 0


def test_only_one_generation_is_built_and_only_former_ones_are_gone_back_to(start, base):
    start(resize(base, 60))
    with pytest.raises(Refusal, match="built anew"):
        start(generations.rebuild, base.id, Model(WIDE, 768))
    for number in (1, 2, 9):
        with pytest.raises(NotFound):
            start(generations.roll_back, base.id, number)

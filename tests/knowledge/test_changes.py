"""What people change: bases and sources, each with its audit row and its task in the same transaction."""

import io
from uuid import uuid4

import pytest

from app.audit.models import AuditEvent
from app.db.session import transaction
from app.db.tables import Blob, Task
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.models.sources import (
    FreeformText,
    Generation,
    KnowledgeBase,
    KnowledgeFile,
    KnowledgeTableRow,
)
from app.knowledge.repo.bases import KnowledgeBasesRepo, NameTaken
from app.knowledge.services import bases, generations, sources
from app.web.errors import NotFound, Refusal
from tests.factories import knowledge, orgs, tasks
from tests.factories.rows import rows, stored

NEW = {"name": "Handbook", "description": "What we promise."}


def events(action):
    return [event.target_label for event in rows(AuditEvent, action=action)]


def test_a_base_begins_with_a_live_generation(acting, org, member):
    acting(org, member)
    with transaction():
        made = bases.create_base(org.id, NEW)
    assert (made.model, made.dimensions, made.chunking) == (
        "all-MiniLM-L6-v2",
        384,
        {"size": 200, "overlap": 30},
    )
    assert [(entry.number, entry.status) for entry in rows(Generation)] == [(1, "live")]
    assert events("knowledge_base.create") == ["Handbook"]


def test_names_are_unique_in_whatever_case(acting, org, member, base):
    acting(org, member)
    with pytest.raises(NameTaken), transaction():
        bases.create_base(org.id, {"name": "hANDBOOK"})
    other = orgs.org()
    acting(other, orgs.member(other))
    with transaction():
        bases.create_base(other.id, NEW)


def test_an_edit_of_a_stale_base_changes_nothing(acting, org, member, base):
    acting(org, member)
    with transaction():
        saved = bases.change_base(org.id, base.id, 1, {**bases.values_of(base), "name": "Rules"})
    assert (saved.name, saved.lock_version) == ("Rules", 2)
    with pytest.raises(bases.Stale), transaction():
        bases.change_base(org.id, base.id, 1, {**bases.values_of(base), "name": "Other"})
    assert stored(base).name == "Rules"
    assert rows(Task) == []


def test_other_passages_are_built_beside_the_live_ones(acting, org, member, base):
    acting(org, member)
    with transaction():
        bases.change_base(org.id, base.id, 1, {**bases.values_of(base), "size": 100})
    assert stored(base).chunking["size"] == 200
    built = rows(Generation, status="building")
    assert [(entry.number, entry.chunking["size"]) for entry in built] == [(2, 100)]
    assert [task.id for task in rows(Task)] == [built[0].task_id]
    with pytest.raises(Refusal, match="built anew"), transaction():
        bases.change_base(org.id, base.id, 2, {**bases.values_of(base), "size": 50})
    with transaction():
        generations.cancel_build(org.id, base.id)
    assert [entry.status for entry in rows(Generation)] == ["live", "failed"]
    assert events("knowledge_base.cancel") == ["Handbook"]


def test_an_archived_base_takes_no_change_until_it_is_restored(acting, org, member, base):
    acting(org, member)
    with transaction():
        bases.set_archived(org.id, base.id, archived=True)
    with pytest.raises(Refusal, match="archived"), transaction():
        sources.add_text(org.id, base.id, "Refunds", "Five days.")
    with transaction():
        bases.set_archived(org.id, base.id, archived=False)
        sources.add_text(org.id, base.id, "Refunds", "Five days.")
    assert events("knowledge_base.archive") == events("knowledge_base.restore") == ["Handbook"]


def test_a_source_is_queued_with_its_task_and_counted(acting, org, member, base):
    acting(org, member)
    with transaction():
        source_id = sources.add_text(org.id, base.id, "Refunds", "Five days.")
    (source,), (task,) = rows(FreeformText), rows(Task)
    assert (source.status, source.task_id) == ("queued", task.id)
    assert task.payload == {
        "base_id": str(base.id),
        "kind": "text",
        "source_id": str(source_id),
        "generation": None,
        "tested": True,
    }
    assert stored(base).source_count == 1
    assert events("knowledge_source.add") == ["Refunds"]


def test_an_edit_that_changes_nothing_costs_nothing(acting, org, member, base):
    acting(org, member)
    with transaction():
        source_id = sources.add_text(org.id, base.id, "Refunds", "Five days.")
        sources.edit_text(org.id, base.id, source_id, "Refunds", "Five days.")
    assert len(rows(Task)) == 1
    with transaction():
        sources.edit_text(org.id, base.id, source_id, "Refunds", "Six days.")
    assert len(rows(Task)) == 2
    assert rows(FreeformText)[0].body == "Six days."


def test_a_file_goes_with_its_source_unless_something_else_needs_it(acting, org, member, base):
    acting(org, member)
    with transaction():
        first = sources.add_file(org.id, base.id, "a.md", io.BytesIO(b"# A"), "text/markdown")
        second = sources.add_file(org.id, base.id, "b.md", io.BytesIO(b"# A"), "text/markdown")
    assert len(rows(Blob)) == 1
    with transaction():
        assert sources.delete_source(org.id, base.id, "file", first) == "a.md"
    assert len(rows(Blob)) == 1
    kept = tasks.task(org, result={"file": {"id": str(rows(Blob)[0].id)}})
    with transaction():
        sources.delete_source(org.id, base.id, "file", second)
    assert len(rows(Blob)) == 1
    assert rows(KnowledgeFile) == []
    assert stored(kept) is not None


def test_deleting_a_source_deletes_what_was_made_of_it(acting, org, member, base):
    text = knowledge.text(base)
    knowledge.embedding(knowledge.chunk(text, "Refunds"), {0: 1.0})
    acting(org, member)
    with transaction():
        KnowledgeBasesRepo().count(org.id, base.id, sources=1)
        sources.delete_source(org.id, base.id, "text", text.id)
    assert rows(Chunk) == rows(Embedding) == []
    assert (stored(base).source_count, stored(base).chunk_count) == (0, 0)


def test_disabling_a_source_hides_its_passages_in_every_generation(acting, org, member, base):
    text = knowledge.text(base)
    knowledge.chunk(text, "Old", first_generation=1, last_generation=1)
    knowledge.chunk(text, "New", first_generation=2)
    acting(org, member)
    with transaction():
        sources.set_enabled(org.id, base.id, "text", text.id, enabled=False)
    assert [chunk.source_enabled for chunk in rows(Chunk)] == [False, False]
    with transaction():
        sources.set_enabled(org.id, base.id, "text", text.id, enabled=True)
    assert [chunk.source_enabled for chunk in rows(Chunk)] == [True, True]


def test_a_typed_table_keeps_its_rows(acting, org, member, base):
    acting(org, member)
    columns = [{"name": "Plan", "type": "text"}, {"name": "Price", "type": "number"}]
    with transaction():
        sources.add_rows(org.id, base.id, "Prices", columns, [["Basic", "5"], ["Pro", "9"]])
    assert [row.cells for row in rows(KnowledgeTableRow)] == [["Basic", "5"], ["Pro", "9"]]


def test_a_source_is_not_tried_again_while_a_worker_is_at_it(acting, org, member, base):
    text = knowledge.text(base, status="embedding", task_id=tasks.task(org, status="running").id)
    acting(org, member)
    with pytest.raises(Refusal, match="still being worked on"), transaction():
        sources.retry_source(org.id, base.id, "text", text.id)
    failed = knowledge.text(base, status="failed", error="Unreadable")
    left = knowledge.text(base, status="reading")
    with transaction():
        sources.retry_source(org.id, base.id, "text", failed.id)
        sources.retry_source(org.id, base.id, "text", left.id)
    assert stored(left).status == "queued"
    assert stored(failed).status == "queued"


def test_deleting_a_base_leaves_nothing(acting, org, member, base):
    knowledge.embedding(knowledge.chunk(knowledge.file(base), "Refunds"), {0: 1.0})
    acting(org, member)
    with transaction():
        assert bases.delete_base(org.id, base.id) == "Handbook"
    for model in (KnowledgeBase, KnowledgeFile, Chunk, Embedding, Generation, Blob):
        assert rows(model) == []


def test_isolation_nothing_of_another_organisation_can_be_touched(acting, org, member, base):
    other = orgs.org()
    theirs = knowledge.base(other, name="Theirs")
    text = knowledge.text(theirs)
    acting(org, member)
    for act in (
        lambda: bases.change_base(org.id, theirs.id, 1, NEW),
        lambda: bases.set_archived(org.id, theirs.id, archived=True),
        lambda: bases.delete_base(org.id, theirs.id),
        lambda: sources.add_text(org.id, theirs.id, "A", "B"),
        lambda: sources.edit_text(org.id, theirs.id, text.id, "A", "B"),
        lambda: sources.edit_text(org.id, base.id, text.id, "A", "B"),
        lambda: sources.set_enabled(org.id, theirs.id, "text", text.id, enabled=False),
        lambda: sources.delete_source(org.id, base.id, "text", text.id),
        lambda: generations.roll_back(org.id, theirs.id, 1),
        lambda: sources.delete_source(org.id, base.id, "text", uuid4()),
    ):
        with pytest.raises(NotFound), transaction():
            act()
    assert stored(text) is not None
    assert rows(Task) == []

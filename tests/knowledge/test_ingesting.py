"""From sources to searchable passages, by the task that does it."""

import io
from uuid import UUID

import pytest

from app.db.session import transaction
from app.knowledge.embedders import registry
from app.knowledge.models.chunks import Chunk, Embedding
from app.knowledge.models.sources import FreeformText, KnowledgeFile, KnowledgeTable, KnowledgeTableRow
from app.knowledge.services import passages, sources
from app.knowledge.services.chunks import annotate_chunk, change_chunk, note_mark
from tests.factories import knowledge, orgs
from tests.factories.rows import rows, stored
from tests.support.claims import claims, run
from tests.support.embedder import Broken
from tests.support.knowledge import searchable

BODY = "\n\n".join(
    f"## Part {number}\n\n" + f"Refunds of plan {number} take five days. " * 30 for number in range(6)
)


def _ends(chunks):
    """The passages that say most of part 5, in their order."""
    found = [chunk for chunk in chunks if "plan 5" in chunk.text and len(chunk.text) > 500]
    return sorted(found, key=lambda chunk: chunk.position)


def test_a_text_becomes_passages_with_vectors(do, org, base, embedded):
    source_id = do(sources.add_text, base.id, "Refunds", BODY)
    (source,), chunks = rows(FreeformText), rows(Chunk)
    whole = passages.text_of_text("Refunds", BODY)
    assert (source.status, source.progress, source.error) == ("ready", 100, None)
    assert len(chunks) == source.chunk_count == stored(base).chunk_count > 3
    assert all(whole[chunk.start_offset : chunk.end_offset] == chunk.text for chunk in chunks)
    assert {chunk.freeform_text_id for chunk in chunks} == {source_id}
    assert {(chunk.first_generation, chunk.last_generation) for chunk in chunks} == {(1, None)}
    assert len(searchable()) == len(rows(Embedding)) == len(chunks)
    assert sorted(embedded) == sorted({chunk.text for chunk in chunks})


def test_an_edit_embeds_only_what_is_new(do, org, base, embedded):
    source_id = do(sources.add_text, base.id, "Refunds", BODY)
    before = {chunk.id for chunk in rows(Chunk)}
    embedded.clear()
    do(sources.edit_text, base.id, source_id, "Refunds", f"{BODY}\n\n## More\n\nGoodwill takes a week.")
    assert all("Goodwill" in words for words in embedded)
    assert len(before & {chunk.id for chunk in rows(Chunk)}) >= len(before) - 1
    assert any("Goodwill" in words for words in searchable())
    assert "".join(searchable()).count("Part 5") == 1
    assert stored(base).chunk_count == len(searchable())


def test_what_people_said_of_a_passage_stays_with_it_when_it_moves(do, start, org, base):
    """Of passages with the same text each keeps its own."""
    twice = f"{BODY}\n\n{BODY}"
    source_id = do(sources.add_text, base.id, "Refunds", twice)
    first, second = _ends(rows(Chunk))
    start(change_chunk, base.id, second.id, enabled=False)
    start(annotate_chunk, base.id, second.id, note_mark(None), "Outdated.")
    do(sources.edit_text, base.id, source_id, "Refunds", f"An introduction.\n\n{twice}")
    moved = _ends(rows(Chunk))
    assert {chunk.id for chunk in moved}.isdisjoint({first.id, second.id})
    assert [(chunk.enabled, chunk.note) for chunk in moved] == [(True, None), (False, "Outdated.")]


def test_unchanged_input_costs_nothing(do, org, base, embedded):
    source_id = do(sources.add_text, base.id, "Refunds", BODY)
    before = {chunk.id for chunk in rows(Chunk)}
    embedded.clear()
    do(sources.retry_source, base.id, "text", source_id)
    assert embedded == []
    assert {chunk.id for chunk in rows(Chunk)} == before
    do(sources.add_text, base.id, "Refunds", BODY)
    assert embedded == []
    assert len(searchable()) == 2 * len(before)


def test_a_file_is_read_and_its_text_kept(do, org, base):
    do(sources.add_file, base.id, "rules.md", io.BytesIO(b"# Rules\n\nAsk first."), "text/markdown")
    (source,) = rows(KnowledgeFile)
    assert (source.status, source.markdown) == ("ready", "# Rules\n\nAsk first.")
    assert searchable() == ["# Rules\n\nAsk first."]
    assert {entry.resource_id for entry in rows(Embedding)} == {source.id}


def test_a_table_is_found_row_by_row(do, org, base):
    file = io.BytesIO(b"Plan,Price\nBasic,5\n,\nPro,9\n")
    do(sources.add_table, base.id, "Prices", file, "text/csv")
    (source,) = rows(KnowledgeTable)
    assert source.columns == [{"name": "Plan", "type": "text"}, {"name": "Price", "type": "number"}]
    assert (source.status, source.row_count) == ("ready", len(rows(KnowledgeTableRow)))
    assert searchable() == ["Plan: Basic\nPrice: 5", "Plan: Pro\nPrice: 9"]
    do(sources.add_rows, base.id, "Typed", [{"name": "Day", "type": "text"}], [["Monday"]])
    assert "Day: Monday" in searchable()


def test_what_cannot_be_read_fails_with_its_reason(do, org, base):
    do(sources.add_file, base.id, "a.pdf", io.BytesIO(b"%PDF-1.4 nonsense"), "application/pdf")
    (source,) = rows(KnowledgeFile)
    assert source.status == "failed"
    assert source.error
    assert searchable() == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([[0.5] * 383], "383 numbers instead of 384"),
        ([[float("nan")] * 384], "no number"),
        ([[10**400] * 384], "no number"),
        ([[0.0] * 384], "nothing but zeros"),
        ([], "0 vectors for 1 texts"),
    ],
)
def test_a_wrong_vector_is_never_stored(start, base, monkeypatch, answer, reason):
    monkeypatch.setitem(registry.MODELS, base.model, registry.MODELS["broken"])
    monkeypatch.setattr(Broken, "answer", answer)
    start(sources.add_text, base.id, "Refunds", "Five days.")
    (claim,) = claims()
    run(claim)
    (source,) = rows(FreeformText)
    assert (source.status, reason in source.error) == ("failed", True)
    assert rows(Embedding) == searchable() == []


def test_a_source_deleted_meanwhile_leaves_nothing(acting, org, member, base, work):
    acting(org, member)
    with transaction():
        source_id = sources.add_text(org.id, base.id, "Refunds", BODY)
        sources.delete_source(org.id, base.id, "text", source_id)
    assert [ending.result for ending in work()] == [{"gone": 1}]
    assert rows(Chunk) == []


def test_a_disabled_source_is_ingested_but_not_found(acting, org, member, base, work):
    acting(org, member)
    with transaction():
        source_id = sources.add_text(org.id, base.id, "Refunds", BODY)
        sources.set_enabled(org.id, base.id, "text", source_id, enabled=False)
    work()
    assert rows(FreeformText)[0].status == "ready"
    assert searchable() == []
    with transaction():
        sources.set_enabled(org.id, base.id, "text", source_id, enabled=True)
    assert len(searchable()) == len(rows(Chunk))


def test_a_task_that_names_another_organisation_s_source_does_nothing(do, org, base):
    theirs = knowledge.text(knowledge.base(orgs.org()), status="queued")
    do(lambda _org_id: sources.queue_source(base.id, "text", UUID(str(theirs.id))))
    assert rows(Chunk) == []
    assert stored(theirs).status == "queued"

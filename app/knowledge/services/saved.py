"""Saved questions of knowledge bases: kept with the passages that answer them, each change with its audit row."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from app.audit.services import record
from app.connections.services.changed import Stale
from app.knowledge.models.sources import KnowledgeBase, RetrievalTest
from app.knowledge.repo.chunks import ChunksRepo
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.repo.tests import TestsRepo
from app.knowledge.services.bases import editable_base
from app.knowledge.services.queueing import queue_test
from app.web.errors import NotFound, Refusal

MOST_TESTS = 500
"""Questions of a base."""
MOST_EXPECTED = 20
"""Passages that answer a question."""


def save_test(org_id: UUID, base_id: UUID, question: str, chunk_ids: Sequence[UUID]) -> RetrievalTest:
    """Save a question with passages of the base that answer it.

    Raises NotFound for a base or passage of others, Refusal 422 without a passage or with too many, and Refusal 409 in
    an archived base or one that has MOST_TESTS.
    """
    base = editable_base(org_id, base_id)
    if TestsRepo().count(org_id, base_id) >= MOST_TESTS:
        raise Refusal(409, f"A knowledge base keeps at most {MOST_TESTS} questions. Delete some first.")
    ids = list(dict.fromkeys(chunk_ids))
    if not 0 < len(ids) <= MOST_EXPECTED:
        raise Refusal(422, f"Tick 1 to {MOST_EXPECTED} passages that answer the question.")
    expected = [_expected(org_id, base_id, chunk_id) for chunk_id in ids]
    values = {"knowledge_base_id": base_id, "question": question, "expected": expected}
    test = TestsRepo().add(org_id, values)
    _record("create", base, test.id, question, None, {"passages": len(expected)})
    return test


def mark_of(test: RetrievalTest) -> str:
    """What tells whether a question, or what it expects, was changed."""
    return sha256(orjson.dumps([test.question, test.expected], option=orjson.OPT_SORT_KEYS)).hexdigest()


def change_test(
    org_id: UUID, base_id: UUID, test_id: UUID, seen: str, question: str, kept: Sequence[int]
) -> None:
    """Change the words of a question that bore the mark `seen`, and keep some of its passages, by their places.

    Raises NotFound, Stale, Refusal 422 if no passage is kept, and Refusal 409 in an archived base.
    """
    base = editable_base(org_id, base_id)
    test = found_test(org_id, base_id, test_id)
    if mark_of(test) != seen:
        raise Stale("question")
    expected = [entry for place, entry in enumerate(test.expected) if place in set(kept)]
    if not expected:
        raise Refusal(422, "Keep at least one passage that answers the question, or delete the question.")
    if (question, expected) == (test.question, test.expected):
        return
    before, passages = test.question, len(test.expected)
    TestsRepo().change(org_id, test_id, {"question": question, "expected": expected})
    _record(
        "change",
        base,
        test_id,
        question,
        {"question": before, "passages": passages},
        {"question": question, "passages": len(expected)},
    )


def delete_tests(org_id: UUID, base_id: UUID, ids: Sequence[UUID]) -> int:
    """Delete questions with their runs; how many there were. Raises NotFound for the base, Refusal 409 as others do."""
    base = editable_base(org_id, base_id)
    found = TestsRepo().some(org_id, base_id, ids)
    for test in found:
        _record("delete", base, test.id, test.question, {"passages": len(test.expected)}, None)
    TestsRepo().remove(org_id, [test.id for test in found])
    return len(found)


def ask_tests(org_id: UUID, base_id: UUID) -> UUID:
    """Have a worker ask all questions of the live generation, and of one that is held back; the id of the task.

    Raises NotFound, Refusal 409 in an archived base or one without questions.
    """
    editable_base(org_id, base_id)
    if not TestsRepo().count(org_id, base_id):
        raise Refusal(409, "There is no question to ask. Save one first.")
    return queue_test(base_id)


def found_test(org_id: UUID, base_id: UUID, test_id: UUID) -> RetrievalTest:
    """A question of a base. Raises NotFound."""
    found = TestsRepo().some(org_id, base_id, [test_id])
    if not found:
        raise NotFound
    return found[0]


def _expected(org_id: UUID, base_id: UUID, chunk_id: UUID) -> Mapping[str, Any]:
    chunk = ChunksRepo().get(org_id, base_id, chunk_id)
    if chunk is None:
        raise NotFound
    source = SourcesRepo().row(org_id, base_id, chunk.source_id)
    return {
        "kind": chunk.kind,
        "source_id": str(chunk.source_id),
        "name": source.name if source else "",
        "start": chunk.start_offset,
        "end": chunk.end_offset,
        "text": chunk.text,
    }


def _record(
    verb: str,
    base: KnowledgeBase,
    test_id: UUID,
    question: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    words = f"{base.name}: {question}"[:255]
    record(f"retrieval_test.{verb}", "retrieval_test", test_id, words, before=before, after=after)

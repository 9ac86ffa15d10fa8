"""Bringing sources into a generation: read, cut, embed, and then all of it at once.

What a search finds changes in one transaction per source. Before it, new passages and their vectors are only prepared,
so that a worker that is killed leaves nothing half done, and the next one goes on where it ended. Passages that are
there already stay, and a text that the base has a vector of is not embedded again.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal
from uuid import UUID

from uuid_utils.compat import uuid7

from app.db.session import transaction
from app.db.work import GiveUp, Work
from app.knowledge.embedders.registry import EmbeddingDelayed, EmbeddingFailed
from app.knowledge.readers.document import Unreadable
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.chunks import ChunksRepo, Kept
from app.knowledge.repo.costs import add_cost
from app.knowledge.repo.embeddings import EmbeddingsRepo
from app.knowledge.repo.generations import GenerationsRepo
from app.knowledge.repo.sources import CHUNK_KEYS, SourcesRepo
from app.knowledge.services import passages
from app.knowledge.services.embedding import Made, embed_passages, model_of
from app.knowledge.services.gating import hold_back, objection
from app.knowledge.services.generations import swap
from app.knowledge.services.passages import Content, Wanted
from app.knowledge.services.queueing import IngestInput
from app.knowledge.services.targets import Moved, Target, find_target, hold_target
from app.orgs.repo.spending import SpendRepo

EMBEDDED_AT_ONCE = 32
PREPARED_AT_ONCE = 500
TURNS = 5
Kind = Literal["file", "text", "table", "page"]
Outcome = Literal["ready", "unchanged", "failed", "gone", "superseded"]


class Superseded(Exception):
    """The source was changed or deleted in the meantime; another task brings in what it says now."""


class Restless(Exception):
    """The knowledge base kept changing while a source was brought in."""

    def __init__(self) -> None:
        super().__init__("The knowledge base kept changing in the meantime. Try again.")


def ingest(work: Work, given: IngestInput) -> Mapping[str, Any]:
    """Bring one source, all sources or a new generation up to date; says what became of how many sources."""
    if given.generation is not None:
        return _build(work, given.base_id, given.generation, tested=given.tested)
    if given.kind is not None and given.source_id is not None:
        sources: Sequence[tuple[Any, UUID]] = [(given.kind, given.source_id)]
    else:
        with transaction():
            sources = SourcesRepo().all(work.org_id, given.base_id)
    counts: dict[str, int] = {}
    for number, (kind, source_id) in enumerate(sources, 1):
        outcome = ingest_source(work, given.base_id, kind, source_id)
        counts[outcome] = counts.get(outcome, 0) + 1
        if len(sources) > 1:
            work.progress(number, len(sources), "sources")
    return counts


def ingest_source(work: Work, base_id: UUID, kind: Kind, source_id: UUID) -> Outcome:
    """Bring a source into the live generation, whichever that is in the end. Raises Restless."""
    for _turn in range(TURNS):
        with transaction():
            target = find_target(work.org_id, base_id, None)
        if target is None:
            return "gone"
        try:
            return _Job(work, target, kind, source_id).run()
        except Moved:
            continue
        except Superseded:
            return "superseded"
    raise Restless


def _build(work: Work, base_id: UUID, number: int, *, tested: bool) -> Mapping[str, Any]:
    """Bring every source into a generation, and make it live once all are; sources may change all the while.

    If it is tested and does not pass, it is held back instead.
    """
    unreadable: set[UUID] = set()
    counts: dict[str, int] = {}
    for _turn in range(TURNS):
        with transaction():
            target = find_target(work.org_id, base_id, number)
            waiting = _waiting(work.org_id, target, unreadable) if target else []
        if target is None:
            return {"gone": 1}
        for done, (kind, source_id) in enumerate(waiting, 1):
            outcome = _into_build(work, target, kind, source_id)
            counts[outcome] = counts.get(outcome, 0) + 1
            if outcome == "failed":
                unreadable.add(source_id)
            work.progress(done, len(waiting), "sources")
        reason = objection(work, base_id, number) if tested else None
        if work.change(partial(_swap, work.org_id, target, unreadable, reason)):
            return {**counts, "held": 1} if reason else counts
    raise Restless


def _into_build(work: Work, target: Target, kind: Kind, source_id: UUID) -> Outcome:
    try:
        return _Job(work, target, kind, source_id).run()
    except (Moved, Superseded):
        return "superseded"


def _waiting(org_id: UUID, target: Target, unreadable: set[UUID]) -> list[tuple[Any, UUID]]:
    """The sources that a generation does not hold as they are now, but for those that cannot be read."""
    found = []
    for kind, source_id in SourcesRepo().all(org_id, target.base_id):
        source = SourcesRepo().standing(org_id, kind, source_id)
        if source is None or source_id in unreadable:
            continue
        never_read = source.status == "failed" and source.content_hash is None
        if not never_read and source.built_hash != target.fingerprint(source.input_hash):
            found.append((kind, source_id))
    return found


def _swap(org_id: UUID, target: Target, unreadable: set[UUID], reason: str | None) -> bool:
    """Make the generation live, or hold it back for a reason; neither if a source has changed."""
    try:
        base = hold_target(org_id, target)
    except Moved:
        return False
    if _waiting(org_id, target, unreadable):
        return False
    if reason is None:
        swap(base, target.number)
    else:
        hold_back(base, target.number, reason)
    return True


class _Job:
    """One source on its way into one generation."""

    def __init__(self, work: Work, target: Target, kind: Kind, source_id: UUID) -> None:
        self._work, self._target, self._kind, self._id = work, target, kind, source_id
        self._org_id = work.org_id
        self._input_hash = b""

    def run(self) -> Outcome:
        """Do it. Raises Moved and Superseded, and Restless; EmbeddingDelayed if the model does not answer now.

        A build that cannot be embedded ends: it raises GiveUp.
        """
        with transaction():
            source = SourcesRepo().standing(self._org_id, self._kind, self._id)
        if source is None or source.knowledge_base_id != self._target.base_id:
            return "gone"
        self._input_hash = source.input_hash
        if self._fingerprint() == (source.content_hash if self._target.live else source.built_hash):
            self._stage("ready", 100)
            return "unchanged"
        try:
            self._stage("reading")
            content, wanted = self._read()
            self._bring_in(content, wanted)
        except EmbeddingDelayed:
            raise
        except (Unreadable, EmbeddingFailed) as error:
            return self._fail(error)
        return "ready"

    def _fail(self, error: Unreadable | EmbeddingFailed) -> Outcome:
        """Say on the source why it is not in the live generation as it is now."""
        if isinstance(error, EmbeddingFailed) and not self._target.live:
            raise GiveUp(str(error)) from error
        values = {"status": "failed", "error": str(error)}
        self._work.change(lambda: self._note(values))
        return "failed"

    def _bring_in(self, content: Content, wanted: list[Wanted]) -> None:
        for _turn in range(TURNS):
            self._stage("splitting")
            for start in range(0, len(wanted), PREPARED_AT_ONCE):
                self._work.change(lambda start=start: self._prepare(wanted, start))  # type: ignore[misc]
            self._stage("embedding")
            self._embed(wanted)
            if self._work.change(lambda: self._apply(content, wanted)):
                return
        raise Restless

    def _fingerprint(self) -> bytes:
        return self._target.fingerprint(self._input_hash)

    def _read(self) -> tuple[Content, list[Wanted]]:
        """The content of the source and its passages. Raises Unreadable."""
        with transaction():
            source: Any = SourcesRepo().get(self._org_id, self._kind, self._id)
            rows = SourcesRepo().rows(self._org_id, self._id) if self._kind == "table" else []
        if source is None or source.input_hash != self._input_hash:
            raise Superseded
        chunking = self._target.chunking
        if self._kind == "text":
            content = Content(passages.text_of_text(source.title, source.body), markdown=True)
            return content, passages.cut(content, chunking)
        if self._kind == "page":
            if not source.markdown:
                raise Unreadable(passages.NEVER_FETCHED)
            content = Content(source.markdown, markdown=True)
            return content, passages.cut(content, chunking)
        if self._kind == "file":
            content = passages.content_of_file(self._org_id, source.blob_id, source.media_type)
            return content, passages.cut(content, chunking)
        if source.blob_id is None:
            return Content("", markdown=False), passages.cut_rows(source.columns, rows)
        content = passages.content_of_upload(self._org_id, source.blob_id, source.media_type)
        return content, passages.cut_rows(content.columns, content.rows)

    def _check(self) -> Any:
        """The source as it stands. Raises Superseded if it is another one than was read."""
        source = SourcesRepo().standing(self._org_id, self._kind, self._id)
        if source is None or source.input_hash != self._input_hash:
            raise Superseded
        return source

    def _note(self, values: Mapping[str, Any]) -> None:
        """Set values of the source, unless it is another one than was read."""
        hold_target(self._org_id, self._target)
        self._check()
        SourcesRepo().change(self._org_id, self._kind, self._id, values)

    def _stage(self, stage: str, progress: int = 0) -> None:
        """Say how far the source is; a build says nothing about the live one."""
        if self._target.live:
            values = {"status": stage, "progress": progress, "error": None}
            self._work.change(lambda: self._note(values))

    def _kept(self, wanted: list[Wanted]) -> tuple[dict[Any, Kept], list[UUID]]:
        """The passages that are there or prepared, by what tells them apart, and the ids of those not wanted."""
        keys = {(piece.content_hash, piece.start, piece.end) for piece in wanted}
        found: dict[Any, Kept] = {}
        others: list[UUID] = []
        for kept in ChunksRepo().of_source(self._org_id, self._kind, self._id, self._target.number):
            key = (kept.content_hash, kept.start, kept.end)
            if key in keys and key not in found:
                found[key] = kept
            else:
                others.append(kept.id)
        return found, others

    def _prepare(self, wanted: list[Wanted], start: int) -> None:
        """Prepare those of some passages that are not there yet, with the vectors that can be copied."""
        hold_target(self._org_id, self._target)
        self._check()
        found, _others = self._kept(wanted)
        rows = []
        for position, piece in enumerate(wanted[start : start + PREPARED_AT_ONCE], start):
            if (piece.content_hash, piece.start, piece.end) not in found:
                rows.append(self._row(piece, position))
        ChunksRepo().add(self._org_id, rows)
        ids = [row["id"] for row in rows]
        EmbeddingsRepo().copy(self._org_id, ids, self._target.number, self._key())

    def _row(self, piece: Wanted, position: int) -> dict[str, Any]:
        return {
            "id": uuid7(),
            "knowledge_base_id": self._target.base_id,
            str(CHUNK_KEYS[self._kind].key): self._id,
            "first_generation": None,
            "last_generation": self._target.number,
            "position": position,
            "text": piece.text,
            "start_offset": piece.start,
            "end_offset": piece.end,
            "content_hash": piece.content_hash,
        }

    def _embed(self, wanted: list[Wanted]) -> None:
        """Embed what has no vector of the model yet, some at a time."""
        number, model = self._target.number, self._target.key
        with transaction():
            found, _others = self._kept(wanted)
            ids = [kept.id for kept in found.values()]
            lacking = EmbeddingsRepo().lacking(self._org_id, ids, number, model)
        for start in range(0, len(lacking), EMBEDDED_AT_ONCE):
            batch = lacking[start : start + EMBEDDED_AT_ONCE]
            made = embed_passages(self._work, model_of(self._target), [words for _id, words in batch])
            done = (len(ids) - len(lacking) + start + len(batch)) * 100 // len(ids)
            self._work.change(partial(self._add, [entry[0] for entry in batch], made, done))

    def _add(self, ids: Sequence[UUID], made: Made, done: int) -> None:
        self._check()
        rows = list(zip(ids, made.vectors, strict=True))
        EmbeddingsRepo().add(self._org_id, rows, self._target.number, self._key())
        if made.cost_micros:
            add_cost(self._org_id, self._work.task_id, made.cost_micros)
            SpendRepo().count(self._org_id, made.cost_micros)
        if self._target.live:
            SourcesRepo().change(self._org_id, self._kind, self._id, {"progress": done})

    def _apply(self, content: Content, wanted: list[Wanted]) -> bool:
        """Let the generation hold exactly the wanted passages; False if something is missing."""
        hold_target(self._org_id, self._target)
        source = self._check()
        found, others = self._kept(wanted)
        ids, number = [kept.id for kept in found.values()], self._target.number
        if len(found) < len(wanted) or EmbeddingsRepo().lacking(self._org_id, ids, number, self._target.key):
            return False
        chunks = ChunksRepo()
        prepared = [kept.id for kept in found.values() if kept.first_generation is None]
        chunks.take_over(self._org_id, others, prepared)
        chunks.remove(self._org_id, others, number)
        chunks.promote(self._org_id, prepared, number, enabled=source.enabled)
        EmbeddingsRepo().close_others(self._org_id, ids, number, self._target.key)
        if self._target.live and (others or prepared):
            building = GenerationsRepo().building(self._org_id, self._target.base_id)
            chunks.remove_later(
                self._org_id, self._kind, self._id, (number, building.number if building else None)
            )
        self._finish(content)
        return True

    def _finish(self, content: Content) -> None:
        """Note on the source what the generation holds of it."""
        sources, values = SourcesRepo(), dict[str, Any]()
        if self._kind == "file":
            values["markdown"] = content.text
        if content.rows:
            values |= {
                "columns": [dict(column) for column in content.columns],
                "row_count": len(content.rows),
            }
            sources.put_rows(self._org_id, self._id, content.rows)
        if self._target.live:
            count = ChunksRepo().count(self._org_id, self._kind, self._id, self._target.number)
            values |= {"status": "ready", "progress": 100, "error": None, "chunk_count": count}
        values["content_hash" if self._target.live else "built_hash"] = self._fingerprint()
        sources.change(self._org_id, self._kind, self._id, values)
        if self._target.live:
            if self._kind == "page":
                sources.sum_pages(self._org_id, self._target.base_id)
            KnowledgeBasesRepo().count(self._org_id, self._target.base_id)

    def _key(self) -> tuple[str, int]:
        return self._target.key, self._target.dimensions

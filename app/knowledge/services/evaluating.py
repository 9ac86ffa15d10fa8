"""Knowledge brought in and judged without a worker, from the command line."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.db.session import transaction
from app.db.work import Answer
from app.knowledge.readers.detection import HEAD_BYTES, detect
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.scoring import Collection, figures
from app.knowledge.services.ingesting import Outcome, ingest_source
from app.knowledge.services.retrieval import LEGS, Leg, Question, search
from app.knowledge.services.sources import add_file, add_text, edit_file

DOCUMENTS = 100
"""Documents that a ranking is judged by."""
PASSAGES = 300
"""Passages among which they are looked for: a document may have several."""
MODES: Mapping[str, Sequence[Leg]] = {"vector": ("vector",), "fulltext": ("fulltext",), "hybrid": LEGS}


class Direct:
    """Work that is done here and now (app.db.work.Work): a step is a transaction and nothing more."""

    def __init__(self, org_id: UUID) -> None:
        self.org_id, self.task_id = org_id, uuid7()
        self.user_id: UUID | None = None

    def step(self, _name: str, act: Callable[[], Answer]) -> Answer:
        """See Work."""
        with transaction():
            return act()

    def change(self, act: Callable[[], Answer]) -> Answer:
        """See Work."""
        return self.step("", act)

    def answered(self, _name: str) -> None:
        """There was no earlier attempt."""

    def key(self, step: str) -> str:
        """See Work."""
        return f"{self.task_id}:{step}"

    def progress(self, done: int, total: int | None = None, words: str = "") -> None:
        """Nobody waits for it."""

    def log(self, words: str) -> None:
        """Nobody reads it."""

    def tell(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
        """Nobody follows it."""
        return len(entries)


def bring_in(org_id: UUID, base_id: UUID, path: Path, name: str) -> tuple[Outcome, str | None]:
    """Bring a file into a base, or its new content where the base has a file of this name; and why it failed.

    Raises Unreadable for a file of an unknown kind.
    """
    with path.open("rb") as file:
        media_type = detect(file.read(HEAD_BYTES), name)
        with transaction():
            source_id = SourcesRepo().file_named(org_id, base_id, name)
            if source_id is None:
                source_id = add_file(org_id, base_id, name, file, media_type, queued=False)
            else:
                edit_file(org_id, base_id, source_id, file, media_type, queued=False)
    outcome = ingest_source(Direct(org_id), base_id, "file", source_id)
    with transaction():
        row = SourcesRepo().row(org_id, base_id, source_id)
    return outcome, row.error if row else None


def evaluate(
    org_id: UUID, base_id: UUID, collection: Collection, say: Callable[[str], None]
) -> dict[str, dict[str, float]]:
    """Read a collection into a base, ask its questions in each mode, and judge the answers. Raises Unusable."""
    names = _fill(org_id, base_id, collection, say)
    found = {mode: dict[str, list[str]]() for mode in MODES}
    for number, (query_id, words) in enumerate(collection.queries.items(), 1):
        for mode, legs in MODES.items():
            asked = Question(words, base_ids=[base_id], top_k=PASSAGES, threshold=-1.0, legs=legs)
            with transaction():
                hits = search(org_id, asked).hits
            ranked = dict.fromkeys(names[hit.passage.source_id] for hit in hits)
            found[mode][query_id] = list(ranked)[:DOCUMENTS]
        if number % 100 == 0:
            say(f"{number:,} questions asked")
    return {mode: figures(rankings, collection.judgements) for mode, rankings in found.items()}


def _fill(org_id: UUID, base_id: UUID, collection: Collection, say: Callable[[str], None]) -> dict[UUID, str]:
    """Bring the documents in; their ids in the collection by their sources."""
    names: dict[UUID, str] = {}
    for document in collection.documents():
        title = document.title or document.id
        with transaction():
            source_id = add_text(org_id, base_id, title[:255], document.text, queued=False)
        names[source_id] = document.id
        ingest_source(Direct(org_id), base_id, "text", source_id)
        if len(names) % 100 == 0:
            say(f"{len(names):,} documents read")
    return names

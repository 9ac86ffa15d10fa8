"""The tasks that bring a knowledge base up to what its sources say, and those up to what web pages say."""

from typing import Literal
from uuid import UUID

from app.db.queue import enqueue
from app.db.work import Kind, TaskInput
from app.late import later, load


class IngestInput(TaskInput):
    """What to bring up to date: one source, a generation that is to become live, or with neither all sources.

    Unless it is `tested`, a generation becomes live however well it answers the saved questions.
    """

    base_id: UUID
    kind: Literal["file", "text", "table", "page"] | None = None
    source_id: UUID | None = None
    generation: int | None = None
    tested: bool = True


class TestInput(TaskInput):
    """The base whose saved questions are asked."""

    __test__ = False
    base_id: UUID


class CrawlInput(TaskInput):
    """The address to crawl."""

    base_id: UUID
    source_id: UUID


def _ended(org_id: UUID, _task_id: UUID, given: IngestInput, reason: str) -> None:
    """Give up the generation that nobody builds any more."""
    if given.generation is not None:
        load("app.knowledge.services.upkeep:give_up_build")(org_id, given.base_id, given.generation, reason)


INGEST = Kind(
    name="knowledge.ingest",
    title="Ingestion of knowledge",
    given=IngestInput,
    run=later("app.knowledge.services.ingesting:ingest"),
    right="knowledge.edit",
    seconds=4 * 3600,
    ended=_ended,
)
TEST = Kind(
    name="knowledge.test",
    title="Test of a knowledge base",
    given=TestInput,
    run=later("app.knowledge.services.judging:ask"),
    right="knowledge.edit",
    seconds=3600,
)


CRAWL = Kind(
    name="knowledge.crawl",
    title="Crawl of web pages",
    given=CrawlInput,
    run=later("app.knowledge.services.crawling:crawl"),
    right="knowledge.edit",
    seconds=4 * 3600,
)


def queue_source(
    base_id: UUID, kind: Literal["file", "text", "table", "web", "page"], source_id: UUID
) -> UUID:
    """Have a worker ingest a source, or crawl an address; the id of the task."""
    if kind == "web":
        return queue_crawl(base_id, source_id)
    return enqueue(INGEST, IngestInput(base_id=base_id, kind=kind, source_id=source_id))


def queue_crawl(base_id: UUID, source_id: UUID, trigger: str = "person") -> UUID:
    """Have a worker crawl an address; the id of the task."""
    return enqueue(CRAWL, CrawlInput(base_id=base_id, source_id=source_id), trigger=trigger)


def queue_generation(base_id: UUID, number: int, *, tested: bool = True) -> UUID:
    """Have a worker build a generation and swap it in, if it passes the tests of the base; the id of the task."""
    return enqueue(INGEST, IngestInput(base_id=base_id, generation=number, tested=tested))


def queue_test(base_id: UUID) -> UUID:
    """Have a worker ask the saved questions of a base; the id of the task."""
    return enqueue(TEST, TestInput(base_id=base_id))


def queue_check(base_id: UUID) -> UUID:
    """Have a worker bring every source up to date; the id of the task."""
    return enqueue(INGEST, IngestInput(base_id=base_id))

"""Knowledge bases, their sources and generations, and the questions they are tested with."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Stamped, Tenant, one_of, tenant_key

GENERATION_STATUSES = ("building", "held", "live", "retired", "failed")
SCOPES = ("page", "site", "sitemap")
STAGES = ("queued", "fetching", "reading", "splitting", "embedding", "ready", "failed")
"""What becomes of a source, in this order; `ready` and `failed` are ends."""


def of_connection(ondelete: str | None = None) -> tuple[Any, ...]:
    """The key to the connection whose model embeds, and its index."""
    return (
        ForeignKeyConstraint(
            ["org_id", "connection_id"],
            ["model_connections.org_id", "model_connections.id"],
            ondelete=ondelete,
        ),
        Index(None, "org_id", "connection_id", postgresql_where=text("connection_id IS NOT NULL")),
    )


def of_base() -> ForeignKeyConstraint:
    """The key to the base, whose rows go with it."""
    return ForeignKeyConstraint(
        ["org_id", "knowledge_base_id"], ["knowledge_bases.org_id", "knowledge_bases.id"], ondelete="CASCADE"
    )


class KnowledgeBase(Identified, Tenant, Stamped, Base):
    """A set of sources that are searched together.

    `chunking` holds `size` and `overlap` in characters, `retrieval` what a search does unless it is told otherwise.
    `model`, `dimensions`, `connection_id` and `chunking` are those of the live generation; a wanted change is a
    generation to build. Without a connection the model is one of this machine.
    """

    __tablename__ = "knowledge_bases"
    __table_args__ = (tenant_key(), *of_connection(), Index(None, "org_id", "created_at", "id"))

    name: Mapped[str] = mapped_column(String(255))
    description: Mapped[str | None]
    model: Mapped[str]
    dimensions: Mapped[int]
    chunking: Mapped[dict[str, Any]]
    retrieval: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    live_generation: Mapped[int] = mapped_column(server_default="1")
    source_count: Mapped[int] = mapped_column(server_default="0")
    chunk_count: Mapped[int] = mapped_column(server_default="0")
    archived: Mapped[bool] = mapped_column(server_default="false")
    lock_version: Mapped[int] = mapped_column(server_default="1")
    connection_id: Mapped[uuid.UUID | None]


Index("knowledge_bases_org_id_name_key", KnowledgeBase.org_id, func.lower(KnowledgeBase.name), unique=True)


class Generation(Identified, Tenant, Stamped, Base):
    """A build of a base with its model and its chunking; one is live, at most one is being built.

    A built one that answers saved questions worse than it must is `held` until somebody swaps it in or drops it. A
    former one whose connection was deleted has none, and a model that this machine does not know.
    """

    __tablename__ = "knowledge_base_generations"
    __table_args__ = (
        tenant_key(),
        of_base(),
        *of_connection("SET NULL (connection_id)"),
        one_of("status", GENERATION_STATUSES),
        UniqueConstraint("org_id", "knowledge_base_id", "number"),
        *(
            Index(
                f"knowledge_base_generations_{status}_key",
                "org_id",
                "knowledge_base_id",
                unique=True,
                postgresql_where=text(f"status = '{status}'"),
            )
            for status in ("live", "building")
        ),
    )

    knowledge_base_id: Mapped[uuid.UUID]
    number: Mapped[int]
    status: Mapped[str]
    model: Mapped[str]
    dimensions: Mapped[int]
    chunking: Mapped[dict[str, Any]]
    chunk_count: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    task_id: Mapped[uuid.UUID | None]
    swapped_at: Mapped[datetime | None]
    connection_id: Mapped[uuid.UUID | None]


class _Source(Identified, Tenant, Stamped):
    """What every source has.

    `status` is its stage, `error` the reason of a failure, `progress` how much of the stage is done, in percent.
    `input_hash` says what it holds; `content_hash` what of it the live generation holds under which settings, and
    `built_hash` the same of the generation that is being built. `task_id` is the task that works on it.
    """

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        name = cls.__tablename__  # type: ignore[attr-defined]
        return (
            tenant_key(),
            of_base(),
            one_of("status", STAGES),
            Index(f"{name}_list_idx", "org_id", "knowledge_base_id", "created_at", "id"),
            *cls.more_args(),
        )

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """Further keys of the table."""
        return ()

    knowledge_base_id: Mapped[uuid.UUID]
    status: Mapped[str] = mapped_column(server_default="queued", sort_order=10)
    error: Mapped[str | None] = mapped_column(sort_order=11)
    progress: Mapped[int] = mapped_column(SmallInteger, server_default="0", sort_order=12)
    enabled: Mapped[bool] = mapped_column(server_default="true", sort_order=13)
    input_hash: Mapped[bytes] = mapped_column(sort_order=14)
    content_hash: Mapped[bytes | None] = mapped_column(sort_order=15)
    built_hash: Mapped[bytes | None] = mapped_column(sort_order=16)
    chunk_count: Mapped[int] = mapped_column(server_default="0", sort_order=17)
    task_id: Mapped[uuid.UUID | None] = mapped_column(sort_order=18)


def _blob() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["org_id", "blob_id"], ["blobs.org_id", "blobs.id"])


class KnowledgeFile(_Source, Base):
    """A stored file; `markdown` is its text, to which the offsets of its chunks refer, once it was read."""

    __tablename__ = "knowledge_base_files"

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """The key to the bytes."""
        return (_blob(), Index(None, "org_id", "blob_id"))

    name: Mapped[str] = mapped_column(String(255))
    blob_id: Mapped[uuid.UUID]
    media_type: Mapped[str]
    byte_size: Mapped[int]
    markdown: Mapped[str | None]


class FreeformText(_Source, Base):
    """A text that people write here, in Markdown."""

    __tablename__ = "knowledge_base_freeform_texts"

    title: Mapped[str] = mapped_column(String(255))
    body: Mapped[str]


class KnowledgeTable(_Source, Base):
    """A table: each row is found by itself. `columns` holds a `name` and a `type` each, in order.

    A table that was uploaded has its rows once its file was read.
    """

    __tablename__ = "knowledge_base_tables"

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """The key to the bytes."""
        return (_blob(), Index(None, "org_id", "blob_id"))

    name: Mapped[str] = mapped_column(String(255))
    blob_id: Mapped[uuid.UUID | None]
    media_type: Mapped[str | None]
    columns: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    row_count: Mapped[int] = mapped_column(server_default="0")


class KnowledgeTableRow(Identified, Tenant, Base):
    """A row of a table: its cells as text, in the order of the columns."""

    __tablename__ = "knowledge_base_table_rows"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["org_id", "table_id"],
            ["knowledge_base_tables.org_id", "knowledge_base_tables.id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("org_id", "table_id", "position"),
    )

    table_id: Mapped[uuid.UUID]
    position: Mapped[int]
    cells: Mapped[list[str]]


class WebUrl(_Source, Base):
    """An address from which pages are fetched, in the name of whoever `created_by` says.

    `scope` says what: the page alone, the site from there on (as `max_depth` and `max_pages` permit), or the pages that
    a sitemap names. `next_crawl_at` is when it is crawled again, `crawl_id` the task that crawls it or did so last.
    """

    __tablename__ = "knowledge_base_web_urls"

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """An address is one source."""
        return (
            UniqueConstraint("org_id", "knowledge_base_id", "url"),
            one_of("scope", SCOPES),
            Index(
                "knowledge_base_web_urls_due_idx",
                "next_crawl_at",
                postgresql_where=text("next_crawl_at IS NOT NULL"),
            ),
        )

    url: Mapped[str]
    max_depth: Mapped[int] = mapped_column(server_default="0")
    max_pages: Mapped[int] = mapped_column(server_default="1")
    refresh_seconds: Mapped[int | None]
    last_crawled_at: Mapped[datetime | None]
    scope: Mapped[str] = mapped_column(server_default="page")
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    next_crawl_at: Mapped[datetime | None]
    crawl_id: Mapped[uuid.UUID | None]


class WebPage(_Source, Base):
    """A page that was fetched from an address; `markdown` is its text, to which the offsets of its chunks refer.

    `etag` and `last_modified` are what the server said of it, `links` the addresses of its site that it leads to,
    `location` where a redirect led, `crawl_id` the crawl that visited it last.
    """

    __tablename__ = "knowledge_base_web_pages"

    @classmethod
    def more_args(cls) -> tuple[Any, ...]:
        """The key to the address; each of its pages is one."""
        return (
            ForeignKeyConstraint(
                ["org_id", "web_url_id"],
                ["knowledge_base_web_urls.org_id", "knowledge_base_web_urls.id"],
                ondelete="CASCADE",
            ),
            UniqueConstraint("org_id", "web_url_id", "url"),
        )

    web_url_id: Mapped[uuid.UUID]
    url: Mapped[str]
    title: Mapped[str | None]
    markdown: Mapped[str]
    etag: Mapped[str | None]
    last_modified: Mapped[str | None]
    links: Mapped[list[str]] = mapped_column(server_default=text("'[]'"))
    location: Mapped[str | None]
    crawl_id: Mapped[uuid.UUID | None]
    fetched_at: Mapped[datetime | None]


class RetrievalTest(Identified, Tenant, Stamped, Base):
    """A saved question with the passages that answer it.

    `expected` holds an object for each: `kind`, `source_id` and `name` of its source, its `start`, `end` and `text`. A
    passage of another generation counts as the same if their texts share most of the shorter one.
    """

    __tablename__ = "retrieval_tests"
    __table_args__ = (
        tenant_key(),
        of_base(),
        ForeignKeyConstraint(
            ["org_id", "message_id"], ["messages.org_id", "messages.id"], ondelete="SET NULL (message_id)"
        ),
        Index(None, "org_id", "knowledge_base_id"),
        Index(None, "org_id", "message_id", postgresql_where=text("message_id IS NOT NULL")),
    )

    knowledge_base_id: Mapped[uuid.UUID]
    question: Mapped[str]
    expected: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    message_id: Mapped[uuid.UUID | None]


class RetrievalTestRun(Identified, Tenant, Created, Base):
    """How well a generation answered a saved question: `ranks` of the expected passages among the first `k`.

    `run_id` is the same for all questions that were asked together.
    """

    __tablename__ = "retrieval_test_runs"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["org_id", "retrieval_test_id"],
            ["retrieval_tests.org_id", "retrieval_tests.id"],
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["org_id", "generation_id"],
            ["knowledge_base_generations.org_id", "knowledge_base_generations.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("k > 0", name="k"),
        Index(None, "org_id", "retrieval_test_id"),
        Index(None, "org_id", "generation_id"),
        Index(
            "retrieval_test_runs_org_id_run_id_key",
            "org_id",
            "run_id",
            "retrieval_test_id",
            unique=True,
            postgresql_where=text("run_id IS NOT NULL"),
        ),
    )

    retrieval_test_id: Mapped[uuid.UUID]
    generation_id: Mapped[uuid.UUID]
    k: Mapped[int]
    recall: Mapped[float]
    mrr: Mapped[float]
    ranks: Mapped[list[Any]] = mapped_column(JSONB)
    run_id: Mapped[uuid.UUID | None]


SOURCES: dict[str, type[KnowledgeFile | FreeformText | KnowledgeTable | WebUrl]] = {
    "file": KnowledgeFile,
    "text": FreeformText,
    "table": KnowledgeTable,
    "web": WebUrl,
}
"""The kinds of sources that people can add, with their models."""
UNITS: dict[str, type[KnowledgeFile | FreeformText | KnowledgeTable | WebPage]] = {
    "file": KnowledgeFile,
    "text": FreeformText,
    "table": KnowledgeTable,
    "page": WebPage,
}
"""The kinds of what has passages: sources, and the pages of an address."""
ALL = {**SOURCES, **UNITS}

"""Stored messages as the macro `ui.message` shows them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import url_for

from app.threads.parts import ESTIMATED
from app.threads.repo.beside import Beside, Opinions
from app.threads.repo.messages import MessageRow
from app.threads.repo.threads import ThreadHead
from app.web.identity import require_org

LONGEST_TEXT = 20_000
"""Longer texts of a message are cut; its own page shows them whole."""

_NOTHING = Opinions()
_UNKNOWN = (None,) * 6


@dataclass(slots=True)
class ShownMessage:
    """A message with its parts arranged, what people think of it, and the branches that leave it.

    Not frozen, for the reason that MessageRow gives.
    """

    id: str
    role: str
    status: str
    author: str | None
    created_at: datetime
    parts: Sequence[Mapping[str, Any]]
    version: int | None
    version_url: str | None
    model: str | None
    tokens: int | None
    cost: float | None
    latency_ms: int | None
    first_token_ms: int | None = None
    estimated: bool = False
    marked: bool = False
    opinions: Opinions = _NOTHING
    branches: Sequence[UUID] = ()
    drafted_at: datetime | None = None
    draft_url: str | None = None

    @property
    def facts(self) -> bool:
        """Whether anything is known about how it was made."""
        known = (self.version, self.drafted_at, self.model, self.tokens, self.cost, self.latency_ms)
        return known != _UNKNOWN


@dataclass(frozen=True)
class Calls:
    """The tool calls of some messages: the name of each by its id, and the ids of those with a result among them."""

    names: Mapping[str, str] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: Sequence[MessageRow]) -> "Calls":
        """The calls of these messages."""
        parts = [part for row in rows for part in row.parts]
        return cls(
            {part["call_id"]: part["name"] for part in parts if part["kind"] == "tool_call"},
            frozenset(part["call_id"] for part in parts if part["kind"] == "tool_result"),
        )


def shown_messages(
    thread: ThreadHead, rows: Sequence[MessageRow], beside: Beside, files_url: str, marked: UUID | None = None
) -> list[ShownMessage]:
    """The messages of a window; `files_url` is where the files of the thread are served."""
    calls, versions = Calls.of(rows), _version_urls(rows)
    return [
        _shown(
            thread,
            row,
            list(arranged(row.parts, files_url, calls)),
            beside,
            version_url=versions.get(row.agent_version_id),
            marked=row.id == marked,
        )
        for row in rows
    ]


def arranged(
    parts: Sequence[Mapping[str, Any]], files_url: str, calls: Calls, longest: int = LONGEST_TEXT
) -> Iterator[dict[str, Any]]:
    """The parts in order: each call with its result, citations together at the end, long texts cut to `longest`.

    `calls` are those of the messages around, whose results may stand in a message of their own.
    """
    results = {part["call_id"]: part for part in parts if part["kind"] == "tool_result"}
    called = {part["call_id"] for part in parts if part["kind"] == "tool_call"}
    citations = [_cited(part) for part in parts if part["kind"] == "citation"]
    for part in parts:
        kind = part["kind"]
        if kind == "tool_call":
            result = results.get(part["call_id"])
            elsewhere = result is None and part["call_id"] in calls.answered
            yield {"kind": "tool", "call": part, "result": result, "elsewhere": elsewhere}
        elif kind == "tool_result" and part["call_id"] not in called:
            name = calls.names.get(part["call_id"])
            yield {"kind": "tool", "call": name and {"name": name}, "result": part, "elsewhere": False}
        elif kind == "text" and len(part["text"]) > longest:
            yield {
                "kind": "text",
                "text": part["text"][:longest].rpartition("\n")[0] or part["text"][:longest],
                "cut": True,
            }
        elif kind in {"image", "file"} and part.get("blob_id"):
            yield {**part, "own_url": f"{files_url}/{part['blob_id']}"}
        elif kind not in {"tool_result", "citation"}:
            yield dict(part)
    if citations:
        yield {"kind": "citations", "citations": citations}


def _version_urls(rows: Sequence[MessageRow]) -> Mapping[UUID | None, str]:
    """Where the versions are that wrote these messages: most often one or two wrote them all."""
    slug, versions = require_org().slug, {row.agent_version_id for row in rows} - {None}
    return {
        version: url_for("agent_version_links.show", org=slug, version_id=version) for version in versions
    }


def _draft_url(row: MessageRow) -> str | None:
    if row.drafted_at is None:
        return None
    slug = require_org().slug
    return url_for("thread_drafts.changes", org=slug, thread_id=row.thread_id, message_id=row.id)


def _cited(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A citation; with the address of its passage if it is one of a knowledge base."""
    if "passage" not in part:
        return part
    url = url_for("knowledge_sources.passage", org=require_org().slug, **part["passage"])
    return {**part, "own_url": url}


def _shown(
    thread: ThreadHead,
    row: MessageRow,
    parts: Sequence[Mapping[str, Any]],
    beside: Beside,
    *,
    version_url: str | None,
    marked: bool,
) -> ShownMessage:
    authors = {"user": thread.user_name or thread.external_user, "assistant": thread.agent_name}
    used = [count for count in (row.input_tokens, row.output_tokens) if count is not None]
    return ShownMessage(
        id=str(row.id),
        role=row.role,
        status=row.status,
        author=authors.get(row.role),
        created_at=row.created_at,
        parts=parts,
        version=row.version,
        version_url=version_url,
        model=row.model,
        tokens=sum(used) if used else None,
        cost=None if row.cost_micros is None else row.cost_micros / 1_000_000,
        latency_ms=row.latency_ms,
        first_token_ms=row.first_token_ms,
        estimated={"kind": "notice", "text": ESTIMATED} in row.parts,
        marked=marked,
        opinions=beside.opinions.get(row.id, _NOTHING),
        branches=beside.branches.get(row.id, ()),
        drafted_at=row.drafted_at,
        draft_url=_draft_url(row),
    )

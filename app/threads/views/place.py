"""Which messages of a thread its address asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from flask import request

from app.threads.cached_repo import CachedMessageRepo
from app.threads.repo.messages import MessageRepo, MessageWindow
from app.threads.repo.threads import ThreadHead

WINDOW = 40
EACH_SIDE = 20


@dataclass(frozen=True)
class Place:
    """A window of messages, its address, the one that a link meant, and whether it asked for one that is not there."""

    window: MessageWindow
    query: Mapping[str, str] = field(default_factory=dict)
    marked: UUID | None = None
    missed: bool = False

    @property
    def branch(self) -> int:
        """The branch that is read; 0 is the main one."""
        return self.window.rows[0].branch if self.window.rows else 0


def read_place(org_id: UUID, thread: ThreadHead) -> Place:
    """The messages around `at` (marked) or `near`, the first (`end=first`), else the latest."""
    key = "at" if request.args.get("at") else "near"
    asked = request.args.get(key)
    if asked:
        message_id = read_id(asked)
        window = message_id and MessageRepo().around(org_id, thread.id, message_id, EACH_SIDE)
        if window:
            return Place(window, {key: str(message_id)}, message_id if key == "at" else None)
    if request.args.get("end") == "first":
        return Place(CachedMessageRepo().oldest(org_id, thread, WINDOW), {"end": "first"})
    return Place(CachedMessageRepo().latest(org_id, thread, WINDOW), missed=bool(asked))


def read_id(text: str) -> UUID | None:
    """The id of a message as addresses name it, with its prefix or without; None for anything else."""
    bare = text.removeprefix("msg_")
    try:
        return UUID(bare) if len(bare) == 36 else None
    except ValueError:
        return None

"""Read models of threads in Redis, kept under the thread's revision, which grows with each of its changes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from app.db.cached import read_through
from app.threads.repo.messages import MessageRepo, MessageRow, MessageWindow
from app.threads.repo.threads import ModelUse, ThreadFacts, ThreadHead, ThreadRepo

_IDS = ("id", "thread_id", "parent_id", "agent_version_id")
_MOMENTS = ("created_at", "drafted_at")


class CachedThreadRepo:
    """Answers as ThreadRepo does."""

    def __init__(self, repo: ThreadRepo | None = None) -> None:
        self._repo = repo or ThreadRepo()

    def facts(self, org_id: UUID, thread: ThreadHead) -> ThreadFacts:
        """What all messages of a thread add up to."""
        kept = read_through(
            org_id,
            f"threads:v1:{thread.id}:facts",
            thread.revision,
            lambda: self._repo.facts(org_id, thread.id),
        )
        if isinstance(kept, ThreadFacts):
            return kept
        models = tuple(ModelUse(**model) for model in kept["models"])
        return ThreadFacts(models=models, versions=tuple(kept["versions"]))


class CachedMessageRepo:
    """Answers as MessageRepo does."""

    def __init__(self, repo: MessageRepo | None = None) -> None:
        self._repo = repo or MessageRepo()

    def latest(self, org_id: UUID, thread: ThreadHead, size: int) -> MessageWindow:
        """The last `size` messages of the main branch."""
        return _window(org_id, thread, f"latest-{size}", lambda: self._repo.latest(org_id, thread.id, size))

    def oldest(self, org_id: UUID, thread: ThreadHead, size: int) -> MessageWindow:
        """The first `size` messages of the main branch."""
        return _window(org_id, thread, f"oldest-{size}", lambda: self._repo.oldest(org_id, thread.id, size))


def _window(
    org_id: UUID, thread: ThreadHead, which: str, build: Callable[[], MessageWindow]
) -> MessageWindow:
    kept = read_through(org_id, f"messages:v3:{thread.id}:{which}", thread.revision, build)
    if isinstance(kept, MessageWindow):
        return kept
    return MessageWindow([_row(row) for row in kept["rows"]], kept["older"], kept["newer"])


def _row(kept: dict[str, Any]) -> MessageRow:
    """A message as JSON gives it back."""
    ids = {name: kept[name] and UUID(kept[name]) for name in _IDS}
    moments = {name: kept[name] and datetime.fromisoformat(kept[name]) for name in _MOMENTS}
    return MessageRow(**{**kept, **ids, **moments})

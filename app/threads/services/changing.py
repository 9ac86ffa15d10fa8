"""Archiving, restoring, deleting and tagging threads, one or many, and taking it back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.audit.models import AuditEvent
from app.audit.services import Target, record_each
from app.audit.statuses import Move, events_of, sort_out, take, ways_back
from app.db.terms import clean
from app.threads.repo.changed import ThreadChangeRepo
from app.threads.repo.threads import Viewer
from app.web.errors import NotFound, Refusal
from app.web.selection import Outcome, Skipped

ACTS: Mapping[str, Mapping[str, str]] = {
    "archive": {"live": "archive"},
    "restore": {"archived": "unarchive", "deleted": "undelete"},
    "delete": {"live": "delete", "archived": "delete"},
}
"""What people can do with the status of threads: for each status it applies to, the step it takes."""

TAG_ACTS = ("tag", "untag")
TAG_LENGTH = 40
MOST_TAGS = 20
_ACTIONS = frozenset(f"thread.{act}" for act in (*ACTS, *TAG_ACTS))


def read_tag(text: str) -> str:
    """The tag as it is stored. Raises Refusal for an empty or long one."""
    tag = clean(text)
    if not tag or len(tag) > TAG_LENGTH or tag.startswith("-"):
        raise Refusal(
            422, f"Enter a tag of at most {TAG_LENGTH} characters that does not begin with a minus."
        )
    return tag


def tags_of(texts: Iterable[str]) -> list[str]:
    """Tags that others made, as they can be filtered by and taken away here; what nothing is left of is none."""
    tags = (clean(text).lstrip("- ")[:TAG_LENGTH].rstrip() for text in texts)
    return list(dict.fromkeys(tag for tag in tags if tag))[:MOST_TAGS]


def change_status(org_id: UUID, viewer: Viewer, ids: Sequence[UUID], act: str) -> Outcome:
    """Archive, restore or delete (ACTS) those of the threads that it applies to.

    Raises NotFound, with nothing changed, if the viewer does not see one of them in the organisation.
    """
    moves, skipped = sort_out(ThreadChangeRepo().lock(org_id, viewer, ids), ids, ACTS[act])
    return _take(org_id, moves, skipped)


def change_tags(org_id: UUID, viewer: Viewer, ids: Sequence[UUID], act: str, text: str) -> Outcome:
    """Add a tag to the threads, or take it away (TAG_ACTS). Raises NotFound as change_status, Refusal as read_tag."""
    rows = ThreadChangeRepo().lock(org_id, viewer, ids)
    if len(rows) != len(set(ids)):
        raise NotFound
    tag = read_tag(text)
    reasons = {row.id: _untaggable(row, act, tag) for row in rows}
    changed = _tag(org_id, act, tag, [row for row in rows if not reasons[row.id]])
    return Outcome(
        changed, [Skipped(row.id, row.name, reason) for row in rows if (reason := reasons[row.id])]
    )


def undo(org_id: UUID, viewer: Viewer, request_id: str) -> Outcome:
    """Take back what the viewer's request did to threads, where nothing happened to them since.

    Raises NotFound if there is no such request within the last hour.
    """
    events = events_of(org_id, viewer.user_id, request_id, _ACTIONS)
    rows = ThreadChangeRepo().lock(org_id, viewer, list(events))
    if any(event.action.rpartition(".")[2] in TAG_ACTS for event in events.values()):
        return _untag(org_id, rows, events)
    moves, skipped = ways_back(rows, events)
    return _take(org_id, moves, skipped)


def _take(org_id: UUID, moves: Sequence[Move], skipped: Sequence[Skipped]) -> Outcome:
    def step_all(step: str, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
        repo = ThreadChangeRepo()
        if step in {"archive", "unarchive"}:
            return repo.set_archived(org_id, ids, archived=step == "archive")
        return repo.set_deleted(org_id, ids, deleted=step == "delete")

    return Outcome(take("thread", moves, step_all), skipped)


def _untaggable(row: Row[Any], act: str, tag: str) -> str | None:
    """Why a thread cannot be tagged so."""
    if row.status == "deleted":
        return "is deleted"
    if (tag in row.tags) == (act == "tag"):
        return "has this tag already" if act == "tag" else "does not have this tag"
    return "has 20 tags already" if act == "tag" and len(row.tags) >= MOST_TAGS else None


def _tag(org_id: UUID, act: str, tag: str, rows: Sequence[Row[Any]]) -> int:
    repo, before = ThreadChangeRepo(), {row.id: list(row.tags) for row in rows}
    change = repo.add_tag if act == "tag" else repo.remove_tag
    changed = change(org_id, list(before), tag) if before else ()
    record_each(
        "thread",
        [
            Target(f"thread.{act}", row.id, row.name, {"tags": before[row.id]}, {"tags": list(row.tags)})
            for row in changed
        ],
    )
    return len(changed)


def _untag(org_id: UUID, rows: Sequence[Row[Any]], events: Mapping[UUID, AuditEvent]) -> Outcome:
    """Take tags back that were added, and add those that were taken away."""
    ways: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    skipped = []
    for row in rows:
        before, after = (set((part or {})["tags"]) for part in (events[row.id].before, events[row.id].after))
        if set(row.tags) != after or row.status == "deleted":
            skipped.append(Skipped(row.id, row.name, "has other tags by now"))
            continue
        for tag in after ^ before:
            ways["untag" if tag in after else "tag", tag].append(row)
    changed = sum(_tag(org_id, act, tag, of) for (act, tag), of in ways.items())
    return Outcome(changed, skipped)

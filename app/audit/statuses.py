"""Archive, restore and delete things, many at once: each is noted by itself, and taken back within the hour."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.audit.models import AuditEvent
from app.audit.repo import AuditRepo
from app.audit.services import Target, record_each
from app.web.errors import NotFound
from app.web.selection import Skipped

DONE = {"archive": "archived", "restore": "restored", "delete": "deleted"}
_VERBS = {"archive": "archive", "unarchive": "restore", "delete": "delete", "undelete": "restore"}

Move = tuple[Row[Any], str]


def sort_out(
    rows: Sequence[Row[Any]], ids: Collection[UUID], steps: Mapping[str, str]
) -> tuple[list[Move], list[Skipped]]:
    """The step of each row by its status, and the rows that have none. Raises NotFound if a row is missing."""
    if len(rows) != len(set(ids)):
        raise NotFound
    moves = [(row, steps[row.status]) for row in rows if row.status in steps]
    return moves, [Skipped(row.id, row.name, f"is {row.status}") for row in rows if row.status not in steps]


def take(
    kind: str, moves: Iterable[Move], step_all: Callable[[str, Sequence[UUID]], Sequence[Row[Any]]]
) -> int:
    """Take each row's step, all rows with the same step at once, and note them; says how many changed.

    `step_all` takes a step for many rows and returns id, name and new status of those that changed.
    """
    grouped: dict[str, list[Row[Any]]] = defaultdict(list)
    for row, step in moves:
        grouped[step].append(row)
    targets = []
    for step, rows in grouped.items():
        before = {row.id: row.status for row in rows}
        targets += [
            Target(
                f"{kind}.{_VERBS[step]}", row.id, row.name, {"status": before[row.id]}, {"status": row.status}
            )
            for row in step_all(step, list(before))
        ]
    record_each(kind, targets)
    return len(targets)


def events_of(
    org_id: UUID, actor_id: UUID, request_id: str, actions: Collection[str]
) -> dict[UUID, AuditEvent]:
    """What a person's request did within the last hour, by the thing it did it to. Raises NotFound if nothing."""
    events = {
        event.target_id: event
        for event in AuditRepo().of_request(org_id, actor_id, request_id)
        if event.target_id and event.action in actions
    }
    if not events:
        raise NotFound
    return events


def ways_back(
    rows: Sequence[Row[Any]], events: Mapping[UUID, AuditEvent]
) -> tuple[list[Move], list[Skipped]]:
    """The step that takes each event back, where nothing happened to its row since."""
    moves = []
    skipped = []
    for row in rows:
        event = events[row.id]
        if row.status == (event.after or {}).get("status"):
            moves.append((row, _way_back(str((event.before or {}).get("status")), row.status)))
        else:
            skipped.append(Skipped(row.id, row.name, f"is {row.status} by now"))
    return moves, skipped


def _way_back(before: str, now: str) -> str:
    if now == "deleted":
        return "undelete"
    if before == "deleted":
        return "delete"
    return "unarchive" if now == "archived" else "archive"

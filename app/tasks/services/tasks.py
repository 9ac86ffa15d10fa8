"""What people do to tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic.fields import FieldInfo
from sqlalchemy import Row

from app.audit.services import record
from app.db.tables import LIVE, Task
from app.db.work import UnknownKind, kinds, lacking, reasons_against, tell_ended
from app.tasks.repo.tasks import AGAIN, TasksRepo
from app.tasks.services.cleaning import KEEP_FILES
from app.web.access import role_has
from app.web.errors import NotFound, Refusal
from app.web.inputs import is_choice, label_of, words_of
from app.web.selection import Outcome, Skipped

NOT_YOURS = "is not for your role to begin"
NOT_KNOWN = "is of a kind that this version does not know"
DONE = {"cancel": "cancelled", "retry": "queued again"}


@dataclass(frozen=True)
class TaskFile:
    """A file that a task left."""

    id: UUID
    name: str
    media_type: str
    byte_size: int


def title_of(kind: str) -> str:
    """A kind in words; its name where this version does not know it."""
    try:
        return kinds().get(kind).title
    except UnknownKind:
        return kind


def shown_input(kind: str, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a kind is given, each value with what people call it; empty ones and what is chosen by id are left out."""
    try:
        fields = kinds().get(kind).given.model_fields
    except UnknownKind:
        fields = {}
    return [
        _labelled(name, fields.get(name), value)
        for name, value in sorted(payload.items(), key=lambda item: [*fields, item[0]].index(item[0]))
        if value not in (None, "", [], {}) and not (name in fields and is_choice(fields[name]))
    ]


def _labelled(name: str, field: FieldInfo | None, value: Any) -> tuple[str, str]:
    if field is None:
        return name, _shown(value)
    return label_of(name, field), words_of(field).get(str(value)) or _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict):
        return "\n".join(f"{name}: {_shown(one)}" for name, one in value.items())
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def file_of(task: Task) -> TaskFile | None:
    """The file that a task left, for a day."""
    found = (task.result or {}).get("file")
    if not found or task.finished_at is None or datetime.now(UTC) - task.finished_at > KEEP_FILES:
        return None
    return TaskFile(UUID(found["id"]), found["name"], found["media_type"], found["byte_size"])


def can_do(role: str | None, kind: str) -> bool:
    """Whether a role may do what the kind does."""
    try:
        return role_has(role, kinds().get(kind).right)
    except UnknownKind:
        return False


def lacks(task: Task) -> str | None:
    """Why a task that ended cannot be run again: the end of a sentence that begins with it."""
    if task.status not in AGAIN:
        return None
    return lacking(task.org_id, task.kind, {task.id: task.payload}).get(task.id)


def can_read_file(role: str | None, user_id: UUID, task: Task) -> bool:
    """Whether somebody may read the file that a task left: it holds what the task's person might see then.

    A file that names the right it was written by is only for those who hold it now, that person included.
    """
    try:
        kind = kinds().get(task.kind)
    except UnknownKind:
        return False
    others = kind.file_right if task.created_by != user_id else None
    written_by = ((task.result or {}).get("file") or {}).get("right")
    return all(role_has(role, right) for right in (kind.right, others, written_by) if right)


def cancel_tasks(org_id: UUID, ids: Sequence[UUID]) -> Outcome:
    """End those that wait, ask those that run to stop, leave the others. Raises NotFound for one that is not there."""
    seen = _seen(org_id, ids)
    return _change(org_id, seen, "cancel", LIVE, {})


def retry_as(role: str | None, org_id: UUID, ids: Sequence[UUID]) -> Outcome:
    """As `retry_tasks`, but leave those that the role may not begin; Refusal 403 if it may begin none of them."""
    seen = _seen(org_id, ids)
    left = {row.id: reason for row in seen if (reason := _not_for(role, row.kind))}
    if seen and [left.get(row.id) for row in seen] == [NOT_YOURS] * len(seen):
        raise Refusal(403, f"Your role cannot begin {'this task' if len(seen) == 1 else 'these tasks'}.")
    return _again(org_id, seen, left)


def _not_for(role: str | None, kind: str) -> str | None:
    try:
        return None if role_has(role, kinds().get(kind).right) else NOT_YOURS
    except UnknownKind:
        return NOT_KNOWN


def retry_tasks(org_id: UUID, ids: Sequence[UUID]) -> Outcome:
    """Queue failed, cancelled and expired ones anew, leave the others, and those whose kind has a reason against it.

    Raises NotFound for one that is not there.
    """
    return _again(org_id, _seen(org_id, ids), {})


def _again(org_id: UUID, seen: Sequence[Row[Any]], left: Mapping[UUID, str]) -> Outcome:
    by_kind: dict[str, dict[UUID, Mapping[str, Any]]] = {}
    for row in seen:
        if row.status in AGAIN and row.id not in left:
            by_kind.setdefault(row.kind, {})[row.id] = row.payload
    against = dict(left)
    for kind, payloads in sorted(by_kind.items()):
        against |= reasons_against(org_id, kind, payloads)
    return _change(org_id, seen, "retry", AGAIN, against)


def _seen(org_id: UUID, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    rows = TasksRepo().heads(org_id, ids)
    if len(rows) != len(set(ids)):
        raise NotFound
    return rows


def _change(
    org_id: UUID, seen: Sequence[Row[Any]], verb: str, statuses: Sequence[str], left: Mapping[UUID, str]
) -> Outcome:
    """Change those in these statuses; the others, and those that `left` names, are not even held."""
    repo = TasksRepo()
    left = {row.id: f"is {row.status}" for row in seen if row.status not in statuses} | dict(left)
    held = repo.lock(org_id, [row.id for row in seen if row.id not in left])
    left |= {row.id: f"is {row.status}" for row in held if row.status not in statuses}
    meant = [row for row in held if row.id not in left]
    change = repo.cancel if verb == "cancel" else repo.again
    change(org_id, [row.id for row in meant])
    for row in meant:
        if verb == "cancel" and row.status != "running":
            tell_ended(org_id, row.id, row.kind, row.payload, "cancelled")
        record(f"task.{verb}", "task", row.id, title_of(row.kind), before={"status": row.status})
    skipped = [Skipped(row.id, title_of(row.kind), left[row.id]) for row in seen if row.id in left]
    return Outcome(len(meant), skipped)

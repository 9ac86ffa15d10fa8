"""Mail and tasks as rows of the caller's transaction: sent and run if and only if it is committed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import orjson
from flask import current_app
from psycopg import Connection
from sqlalchemy import ScalarSelect, Uuid, column, func, insert, select, table, text, update
from uuid_utils.compat import uuid7

from app.db.base import db
from app.db.scope import current_scope
from app.db.tables import EmailOutbox, Task
from app.db.work import Given, Kind

MAIL = "agentpress_mail"
"""Where mail is called."""
EVENTS = "agentpress_events"
"""Where it is called that a task has said something, and what."""
MAIL_IS_OFF = "Mail is off: MAIL_SERVER is not set."
_LONGEST_CALL = 7_900
"""Bytes; PostgreSQL takes less than 8,000."""
Said = tuple[str, Mapping[str, Any]]
"""Kind and data of an event of a task."""


@dataclass(frozen=True)
class Call:
    """Events of a task, the first of them with this number; none where they are too long to be called."""

    task_id: str
    first: int = 0
    said: Sequence[Said] = ()

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self.first + len(self.said) - 1

    def text(self) -> str:
        """The call as its channel carries it."""
        whole = orjson.dumps([self.task_id, self.first, self.said])
        return (whole if len(whole) <= _LONGEST_CALL else orjson.dumps([self.task_id, 0, []])).decode()

    @classmethod
    def read(cls, text: str) -> "Call":
        """What a channel carried."""
        task_id, first, said = orjson.loads(text)
        return cls(task_id, first, tuple((kind, data) for kind, data in said))


_VERSIONS = table(
    "agent_versions",
    column("id", Uuid()),
    column("org_id", Uuid()),
    column("agent_id", Uuid()),
    column("number"),
)


def queue_email(recipient: str, template: str, subject: str, context: dict[str, Any]) -> None:
    """Have the worker send `templates/email/<template>.txt` and `.html`, rendered with `context`, to one address.

    The row belongs to the organisation of the scope, if there is one. `context` is stored encrypted until the message
    is sent. Without a mail server the row only notes that nothing was sent, and keeps no context.
    """
    row: dict[str, Any] = {
        "org_id": current_scope().org_id,
        "recipient": recipient,
        "template": template,
        "subject": subject,
    }
    if current_app.extensions["settings"].mail is None:
        row |= {"failed_at": func.now(), "error": MAIL_IS_OFF}
    else:
        row |= {"context": orjson.dumps(context).decode()}
    db.session.execute(insert(EmailOutbox).values(**row))
    db.session.execute(text(f"NOTIFY {MAIL}"))


def published_version(org_id: Any, agent_id: Any) -> ScalarSelect[UUID | None]:
    """The newest published version of an agent, as part of a statement; null without one, or without an agent."""
    newest = select(_VERSIONS.c.id).where(_VERSIONS.c.org_id == org_id, _VERSIONS.c.agent_id == agent_id)
    return newest.order_by(_VERSIONS.c.number.desc()).limit(1).scalar_subquery()


def enqueue(
    kind: Kind[Given],
    given: Given,
    *,
    at: datetime | None = None,
    agent_id: UUID | None = None,
    thread_id: UUID | None = None,
    trigger: str = "person",
) -> UUID:
    """Have a worker do this once the running transaction is committed, not before `at`; the id of the task.

    `agent_id` and `thread_id` say what it is about. The task belongs to the organisation and the person of the scope.
    AssertionError outside any organisation.
    """
    scope, task_id = current_scope(), uuid7()
    assert scope.org_id is not None
    row = {
        "id": task_id,
        "org_id": scope.org_id,
        "created_by": scope.user_id,
        "kind": kind.name,
        "queue": kind.queue,
        "priority": kind.priority,
        "trigger": trigger,
        "payload": given.model_dump(mode="json"),
        "agent_id": agent_id,
        "thread_id": thread_id,
        "agent_version_id": agent_id and published_version(scope.org_id, agent_id),
        "available_at": at or func.now(),
        "delivery_id": func.deliver_task(task_id, kind.queue, kind.priority, at, None),
    }
    db.session.execute(insert(Task).values(**row))
    return task_id


def cancel_tasks(org_id: UUID, ids: Sequence[UUID]) -> None:
    """End those that wait, and ask those that run to stop at their next step."""
    mine = (Task.org_id == org_id, Task.id.in_(ids))
    db.session.execute(
        update(Task)
        .where(*mine, Task.status.in_(("queued", "waiting")))
        .values(status="cancelled", cancel_requested_at=func.now(), finished_at=func.now())
    )
    db.session.execute(
        update(Task)
        .where(*mine, Task.status == "running", Task.cancel_requested_at.is_(None))
        .values(cancel_requested_at=func.now())
    )


@contextmanager
def listening(channel: str) -> Iterator[Connection[Any]]:
    """A connection of its own that becomes readable when a transaction that calls this channel is committed."""
    fairy = db.engine.raw_connection()
    try:
        connection = cast("Connection[Any]", fairy.dbapi_connection)
        connection.rollback()  # The pool has begun a transaction.
        connection.autocommit = True
        connection.execute(f"LISTEN {channel}")
        yield connection
    finally:
        fairy.invalidate()

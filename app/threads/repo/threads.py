"""Single threads: found, stored, changed. What each person may see of an organisation's threads is said here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    or_,
    select,
    table,
    true,
    update,
)
from sqlalchemy.orm import Session

from app.agents.models import Agent, AgentVersion
from app.auth.models import User
from app.db import terms
from app.db.base import db
from app.db.session import columns_of
from app.threads.models import SHARED_ORIGINS, Message, Thread

PAGE_SIZE = 20
MOST_SKIPPED = 10_000
"""Rows that numbered pages skip at most; lists go on by position."""


@dataclass(frozen=True)
class Viewer:
    """Who looks: `sees_all` holds for owners and admins."""

    user_id: UUID
    sees_all: bool


EVERYTHING = Viewer(UUID(int=0), sees_all=True)
"""Nobody in particular, who sees all threads: the operator, and the product itself."""


@dataclass(frozen=True)
class ThreadHead:
    """A thread as its page shows it, with the names of its agent and its person."""

    id: UUID
    name: str
    origin: str
    agent_id: UUID | None
    agent_name: str | None
    user_id: UUID | None
    user_name: str | None
    external_id: str | None
    external_user: str | None
    tags: Sequence[str]
    archived: bool
    deleted_at: datetime | None
    message_count: int
    error_count: int
    up_count: int
    down_count: int
    tokens: int
    cost_micros: int
    last_message_at: datetime
    created_at: datetime
    updated_at: datetime
    revision: int
    schedule_id: UUID | None
    schedule_name: str | None

    @property
    def status(self) -> str:
        """`live`, `archived` or `deleted`."""
        return "deleted" if self.deleted_at else "archived" if self.archived else "live"


@dataclass(frozen=True)
class ModelUse:
    """What one model wrote in a thread; `model` is None for messages that name none."""

    model: str | None
    messages: int
    input_tokens: int
    output_tokens: int
    cost_micros: int


@dataclass(frozen=True)
class ThreadFacts:
    """What is added up over all messages of a thread: by model, and the numbers of the versions that answered."""

    models: tuple[ModelUse, ...]
    versions: tuple[int, ...]


def person_name() -> ColumnElement[str]:
    """Both names of a user, else the address."""
    parts = (func.nullif(User.first_name, ""), func.nullif(User.last_name, ""))
    return func.coalesce(func.nullif(func.concat_ws(" ", *parts), ""), User.email)


_SCHEDULES = table("schedules", column("id", Uuid()), column("org_id", Uuid()), column("name"))
_NAMES: Mapping[str, Any] = {
    "agent_name": Agent.name,
    "user_name": person_name(),
    "schedule_name": _SCHEDULES.c.name,
}
_HEAD: tuple[Any, ...] = tuple(
    _NAMES[name] if name in _NAMES else getattr(Thread, name) for name in ThreadHead.__dataclass_fields__
)


def visible_to(viewer: Viewer, thread: Any = Thread) -> ColumnElement[bool]:
    """Threads of programs, imports and schedules are everyone's; others are their person's, owners' and admins'."""
    if viewer.sees_all:
        return true()
    return or_(thread.origin.in_(SHARED_ORIGINS), thread.user_id == viewer.user_id)


@lru_cache(maxsize=2)
def _head(*, sees_all: bool) -> Select[Any]:
    """A thread as its page shows it; built once, since every page of a thread begins with it."""
    of_type = Thread.id.type
    who: Any = bindparam("viewer_id", type_=of_type)
    schedule = (_SCHEDULES.c.org_id == Thread.org_id) & (_SCHEDULES.c.id == Thread.schedule_id)
    return (
        select(*_HEAD)
        .outerjoin(Agent, (Agent.org_id == Thread.org_id) & (Agent.id == Thread.agent_id))
        .outerjoin(User, User.id == Thread.user_id)
        .outerjoin(_SCHEDULES, schedule)
        .where(
            Thread.org_id == bindparam("org_id", type_=of_type),
            Thread.id == bindparam("thread_id", type_=of_type),
            visible_to(Viewer(who, sees_all)),
        )
    )


_TOTALS: tuple[Any, ...] = tuple(
    cast(func.coalesce(func.sum(column), 0), BigInteger)
    for column in (Message.input_tokens, Message.output_tokens, Message.cost_micros)
)


class ThreadRepo:
    """Threads of one organisation. Deleted ones, which can be restored, are found by id only."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def head(self, org_id: UUID, viewer: Viewer, thread_id: UUID) -> ThreadHead | None:
        """A thread, deleted or not, if the viewer may see it."""
        values = {"org_id": org_id, "thread_id": thread_id, "viewer_id": viewer.user_id}
        row: Any = columns_of(self._session, _head(sees_all=viewer.sees_all), values).one_or_none()
        return None if row is None else ThreadHead(*row)

    def get(self, org_id: UUID, viewer: Viewer, thread_id: UUID) -> Thread | None:
        """A thread, deleted or not, as it is stored now, if the viewer may see it."""
        statement = select(Thread).where(Thread.org_id == org_id, Thread.id == thread_id, visible_to(viewer))
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def of_schedule(
        self, org_id: UUID, viewer: Viewer, schedule_id: UUID, limit: int
    ) -> Sequence[Row[UUID, str, int, int, datetime]]:
        """The newest threads of a schedule: id, name, messages, those with errors, and last activity."""
        return self._session.execute(
            select(Thread.id, Thread.name, Thread.message_count, Thread.error_count, Thread.last_message_at)
            .where(
                Thread.org_id == org_id,
                Thread.schedule_id == schedule_id,
                Thread.deleted_at.is_(None),
                visible_to(viewer),
            )
            .order_by(Thread.created_at.desc())
            .limit(limit)
        ).all()

    def last_of_schedule(
        self, org_id: UUID, schedule_id: UUID, agent_id: UUID
    ) -> Row[UUID, datetime | None] | None:
        """The newest thread of a schedule with an agent, deleted or not: id and when it was deleted."""
        return self._session.execute(
            select(Thread.id, Thread.deleted_at)
            .where(Thread.org_id == org_id, Thread.schedule_id == schedule_id, Thread.agent_id == agent_id)
            .order_by(Thread.created_at.desc())
            .limit(1)
        ).one_or_none()

    def paginated(
        self, org_id: UUID, viewer: Viewer, *, page: int = 1, size: int = PAGE_SIZE, **wanted: Any
    ) -> list[Thread]:
        """A numbered page, newest thread first; `search` in names and `agent_id` narrow it."""
        skipped = min((page - 1) * size, MOST_SKIPPED)
        statement = self._narrowed(org_id, viewer, **wanted).order_by(
            Thread.created_at.desc(), Thread.id.desc()
        )
        return list(self._session.scalars(statement.limit(size).offset(skipped)))

    def facts(self, org_id: UUID, thread_id: UUID) -> ThreadFacts:
        """What all messages of a thread add up to."""
        of_thread = (Message.org_id == org_id, Message.thread_id == thread_id)
        models = self._session.execute(
            select(Message.model, func.count(), *_TOTALS)
            .where(*of_thread, Message.role == "assistant")
            .group_by(Message.model)
            .order_by(func.count().desc(), Message.model)
        )
        version = (Message.org_id == AgentVersion.org_id) & (Message.agent_version_id == AgentVersion.id)
        numbers = select(AgentVersion.number).join(Message, version).where(*of_thread).distinct()
        versions = self._session.scalars(numbers.order_by(AgentVersion.number))
        return ThreadFacts(tuple(ModelUse(*row) for row in models), tuple(versions))

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> Thread:
        """Store a new thread."""
        thread = Thread(org_id=org_id, **values)
        self._session.add(thread)
        self._session.flush()
        return thread

    def change(
        self, org_id: UUID, thread_id: UUID, values: Mapping[str, Any], seen: Collection[int] | None = None
    ) -> Thread | None:
        """Set `values` of a thread that is not deleted; None if there is none, or none at a revision of `seen`."""
        wanted = [] if seen is None else [Thread.revision.in_(seen)]
        statement = (
            update(Thread)
            .where(Thread.org_id == org_id, Thread.id == thread_id, Thread.deleted_at.is_(None), *wanted)
            .values(**values)
            .returning(Thread)
        )
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def replace_name(self, org_id: UUID, thread_id: UUID, former: str, name: str) -> None:
        """Give a thread another name if it is called `former`."""
        self._session.execute(
            update(Thread)
            .where(Thread.org_id == org_id, Thread.id == thread_id, Thread.name == former)
            .values(name=name)
            .execution_options(synchronize_session=False)
        )

    def _narrowed(
        self, org_id: UUID, viewer: Viewer, *, search: str = "", agent_id: UUID | None = None
    ) -> Select[Thread]:
        statement = select(Thread).where(
            Thread.org_id == org_id, Thread.deleted_at.is_(None), ~Thread.archived, visible_to(viewer)
        )
        if search:
            statement = statement.where(Thread.name.ilike(terms.contains(search), escape="\\"))
        return statement.where(Thread.agent_id == agent_id) if agent_id else statement

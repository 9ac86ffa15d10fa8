"""What runs leave in the tables of tasks and threads, of one organisation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Uuid, delete, func, select, update
from sqlalchemy.orm import Session

from app.agents.models import Agent, AgentVersion
from app.db.base import db
from app.db.cursor import Order, Page, capped_count, paginate
from app.db.tables import ENDED, LIVE, Task, TaskEvent
from app.tasks.repo.runs import RunRepo
from app.threads.models import Message, Thread
from app.threads.repo.threads import Viewer, visible_to
from app.web.conditions import chosen, searched, within
from app.web.listing import ListState

ERROR_LENGTH = 300
_SPENT = ("input_tokens", "output_tokens", "cost_micros", "latency_ms", "first_token_ms")


@dataclass(frozen=True)
class RunRow:
    """A run: the task, and the thread and message it writes."""

    id: UUID
    kind: str
    status: str
    error: str | None
    thread_id: UUID | None
    payload: Mapping[str, Any]
    cancel_requested_at: datetime | None

    @property
    def live(self) -> bool:
        """Whether more is to come."""
        return self.status in LIVE


_COLUMNS: tuple[Any, ...] = tuple(getattr(Task, name) for name in RunRow.__dataclass_fields__)


@dataclass(frozen=True)
class ListedRun:
    """A run in a list, with what its answer used; `error` is its beginning, `agent_version` a number."""

    id: UUID
    status: str
    trigger: str
    error: str | None
    thread_id: UUID
    thread_name: str
    message_id: UUID | None
    agent_version: int | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_micros: int | None
    latency_ms: int | None
    first_token_ms: int | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True)
class PublishedAgent:
    """An agent that answers, and when its newest version was published."""

    name: str
    published_at: datetime


_ELSEWHERE: Mapping[str, Any] = {
    "error": func.left(Task.error, ERROR_LENGTH),
    "thread_name": Thread.name,
    "message_id": Message.id,
    "agent_version": AgentVersion.number,
    **{name: getattr(Message, name) for name in ("model", *_SPENT)},
}
_LISTED: tuple[Any, ...] = tuple(
    _ELSEWHERE[name].label(name) if name in _ELSEWHERE else getattr(Task, name)
    for name in ListedRun.__dataclass_fields__
)
KEPT = "kept"
"""The kind of the event that holds what a provider wants back of an answer that waits."""
EXPECTED = ("pending", "waiting")
"""The statuses of an answer of which more is to come."""


class RunsRepo:
    """Runs of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def get(self, org_id: UUID, task_id: UUID) -> RunRow | None:
        """The run that this task is."""
        row = self._session.execute(
            select(*_COLUMNS).where(Task.org_id == org_id, Task.id == task_id, Task.kind.like("agent.run%"))
        ).one_or_none()
        return None if row is None else RunRow(*row)

    def page(self, org_id: UUID, viewer: Viewer, agent_id: UUID, state: ListState) -> Page[ListedRun]:
        """Runs of an agent in threads that the viewer sees, for a list page; two statements."""
        in_thread = (Thread.org_id == Task.org_id) & (Thread.id == Task.thread_id)
        answer = Task.payload["message_id"].astext.cast(Uuid)
        found = (
            select(Task.id)
            .join(Thread, in_thread)
            .where(
                Task.org_id == org_id,
                Task.agent_id == agent_id,
                Task.kind.like("agent.run%"),
                visible_to(viewer),
                *searched(state, Thread.name),
                *chosen(state, "status", Task.status),
                *within(state, "created", Task.created_at),
            )
        )
        by_version = (AgentVersion.org_id == Message.org_id) & (AgentVersion.id == Message.agent_version_id)
        answered = (
            found.with_only_columns(*_LISTED)
            .outerjoin(Message, (Message.org_id == Task.org_id) & (Message.id == answer))
            .outerjoin(AgentVersion, by_version)
        )
        order = Order(Task.created_at.expression, Task.id.expression, state.descending)
        return paginate(self._session, answered, order, state.request, _listed, capped_count(found))

    def live(self, org_id: UUID, thread_id: UUID) -> RunRow | None:
        """The run that writes into the thread at this moment."""
        row = self._session.execute(
            select(*_COLUMNS)
            .where(Task.org_id == org_id, Task.thread_id == thread_id, Task.status.in_(LIVE))
            .order_by(Task.created_at)
            .limit(1)
        ).one_or_none()
        return None if row is None else RunRow(*row)

    def last_variables(self, org_id: UUID, thread_id: UUID) -> Mapping[str, str]:
        """What the variables of the prompt were filled with last in the thread."""
        payload = self._session.scalar(
            select(Task.payload)
            .where(Task.org_id == org_id, Task.thread_id == thread_id, Task.kind.like("agent.run%"))
            .order_by(Task.created_at.desc())
            .limit(1)
        )
        found: Mapping[str, str] = (payload or {}).get("variables", {})
        return found

    def of_message(self, org_id: UUID, thread_id: UUID, message_id: UUID) -> RunRow | None:
        """The newest run that writes or wrote the message."""
        row = self._session.execute(
            select(*_COLUMNS)
            .where(
                Task.org_id == org_id,
                Task.thread_id == thread_id,
                Task.payload["message_id"].astext == str(message_id),
            )
            .order_by(Task.created_at.desc())
            .limit(1)
        ).one_or_none()
        return None if row is None else RunRow(*row)

    def events(
        self, org_id: UUID, task_id: UUID, kinds: Sequence[str], after: int = 0
    ) -> list[tuple[int, str, dict[str, Any]]]:
        """Number, kind and data of what the run told after a number."""
        rows = self._session.execute(
            select(TaskEvent.seq, TaskEvent.kind, TaskEvent.data)
            .where(
                TaskEvent.org_id == org_id,
                TaskEvent.task_id == task_id,
                TaskEvent.seq > after,
                TaskEvent.kind.in_(kinds),
            )
            .order_by(TaskEvent.seq)
        )
        return [(seq, kind, data) for seq, kind, data in rows]

    def answered(self, org_id: UUID, thread_ids: Collection[UUID]) -> set[UUID]:
        """Those of these threads into which a run writes at this moment."""
        found = select(Task.thread_id).where(
            Task.org_id == org_id, Task.thread_id.in_(thread_ids), Task.status.in_(LIVE)
        )
        return {thread_id for thread_id in self._session.scalars(found) if thread_id}

    def hold_thread(self, org_id: UUID, *thread_ids: UUID) -> None:
        """Have others wait who want to begin a run in the thread, or threads, until the transaction ends."""
        self._session.execute(
            select(Thread.id)
            .where(Thread.org_id == org_id, Thread.id.in_(thread_ids))
            .order_by(Thread.id)
            .with_for_update(key_share=True)
        )

    def has_branch(self, org_id: UUID, thread_id: UUID, branch: int) -> bool:
        """Whether the thread has messages on this branch."""
        found = select(Message.id).where(
            Message.org_id == org_id, Message.thread_id == thread_id, Message.branch == branch
        )
        return self._session.scalar(found.limit(1)) is not None

    def next_branch(self, org_id: UUID, thread_id: UUID) -> int:
        """The number of the thread's next branch; the thread is held."""
        found = select(func.coalesce(func.max(Message.branch), 0) + 1).where(
            Message.org_id == org_id, Message.thread_id == thread_id
        )
        return self._session.scalar(found) or 1

    def recent_threads(
        self, org_id: UUID, user_id: UUID, limit: int
    ) -> Sequence[Row[UUID, str, str, datetime]]:
        """The newest conversations of a person in the playground that can go on: id, name, agent and last message."""
        return self._session.execute(
            select(Thread.id, Thread.name, Agent.name.label("agent_name"), Thread.last_message_at)
            .join(Agent, (Agent.org_id == Thread.org_id) & (Agent.id == Thread.agent_id))
            .where(
                Thread.org_id == org_id,
                Thread.user_id == user_id,
                Thread.origin == "playground",
                Thread.deleted_at.is_(None),
                Agent.deleted_at.is_(None),
            )
            .order_by(Thread.created_at.desc())
            .limit(limit)
        ).all()

    def answering_agents(self, org_id: UUID, limit: int) -> Sequence[Row[UUID, str, str | None, str | None]]:
        """Agents that can be asked, the last changed first: id, name, description, model."""
        return self._session.execute(
            select(Agent.id, Agent.name, Agent.description, Agent.primary_model)
            .where(Agent.org_id == org_id, Agent.deleted_at.is_(None), ~Agent.archived, Agent.enabled)
            .order_by(Agent.updated_at.desc(), Agent.id)
            .limit(limit)
        ).all()

    def settle_message(self, org_id: UUID, message_id: UUID, values: Mapping[str, Any]) -> bool:
        """Write the answer down if it is still expected."""
        done = self._session.execute(
            update(Message)
            .where(Message.org_id == org_id, Message.id == message_id, Message.status.in_(EXPECTED))
            .values(**values)
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        )
        return done.one_or_none() is not None

    def expect(self, org_id: UUID, message_id: UUID) -> None:
        """Have an answer that waits for people be written on."""
        self._session.execute(
            update(Message)
            .where(Message.org_id == org_id, Message.id == message_id, Message.status == "waiting")
            .values(status="pending")
            .execution_options(synchronize_session=False)
        )

    def reopen(self, org_id: UUID, task_id: UUID, message_id: UUID) -> None:
        """Expect an answer that failed or was stopped anew; what the task told so far is void."""
        self._session.execute(
            update(Message)
            .where(Message.org_id == org_id, Message.id == message_id, Message.status != "complete")
            .values(status="pending", parts=[], text_content="", error=None, **dict.fromkeys(_SPENT))
            .execution_options(synchronize_session=False)
        )
        RunRepo(self._session).note(org_id, task_id, 0, [("begin", {})])

    def published_agents(self, org_id: UUID, only: UUID | None = None) -> Sequence[PublishedAgent]:
        """Agents that answer and have a version, or `only` this one."""
        which = () if only is None else (Agent.id == only,)
        rows = self._session.execute(
            select(Agent.name, func.max(AgentVersion.created_at))
            .join(AgentVersion, (AgentVersion.org_id == Agent.org_id) & (AgentVersion.agent_id == Agent.id))
            .where(Agent.org_id == org_id, Agent.deleted_at.is_(None), ~Agent.archived, Agent.enabled, *which)
            .group_by(Agent.id, Agent.name)
            .order_by(func.lower(Agent.name))
        )
        return [PublishedAgent(*row) for row in rows]

    def become(self, org_id: UUID, task_id: UUID, values: Mapping[str, Any]) -> None:
        """Have the task, which runs, be another from its next attempt on."""
        self._session.execute(
            update(Task)
            .where(Task.org_id == org_id, Task.id == task_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def forget_told(self, org_id: UUID, thread_id: UUID, kinds: Sequence[str]) -> None:
        """Delete the events of these kinds of ended runs of the thread: by now their messages say it."""
        ended = select(Task.id).where(
            Task.org_id == org_id, Task.thread_id == thread_id, Task.status.in_(ENDED)
        )
        self._session.execute(
            delete(TaskEvent).where(
                TaskEvent.org_id == org_id, TaskEvent.task_id.in_(ended), TaskEvent.kind.in_(kinds)
            )
        )

    def keep(self, org_id: UUID, task_id: UUID, data: Mapping[str, Any]) -> None:
        """Keep what a provider wants back when the answer, whose task is held, goes on."""
        RunRepo(self._session).note(org_id, task_id, 0, [(KEPT, data)])

    def forget_kept(self, org_id: UUID, task_id: UUID) -> None:
        """Delete what was kept for a provider."""
        self._session.execute(
            delete(TaskEvent).where(
                TaskEvent.org_id == org_id, TaskEvent.task_id == task_id, TaskEvent.kind == KEPT
            )
        )

    def add_cost(self, org_id: UUID, task_id: UUID, micros: int) -> None:
        """Note what the run cost."""
        self._session.execute(
            update(Task)
            .where(Task.org_id == org_id, Task.id == task_id)
            .values(cost_micros=Task.cost_micros + micros, updated_at=func.now())
            .execution_options(synchronize_session=False)
        )


def _listed(row: Row[Any]) -> ListedRun:
    return ListedRun(*row[: len(_LISTED)])

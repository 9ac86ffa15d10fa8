"""Generations of knowledge bases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, delete, func, select, update
from sqlalchemy.orm import Session

from app.connections.models import ModelConnection
from app.db.base import db
from app.db.tables import LIVE, Task
from app.knowledge.models.sources import Generation


@dataclass(frozen=True)
class GenerationRow:
    """A generation in a list; one that is built by nobody any more is failed. `size` is that of its passages.

    `model` is the name of its model, and `connection` that of the connection to it, if it is not of this machine.
    """

    number: int
    status: str
    error: str | None
    chunk_count: int
    size: int
    created_at: datetime
    model: str
    connection: str | None
    task_id: UUID | None


class GenerationsRepo:
    """Generations of one organisation's bases."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def all(self, org_id: UUID, base_id: UUID) -> list[Generation]:
        """The generations that are kept, the newest first."""
        statement = (
            select(Generation)
            .where(Generation.org_id == org_id, Generation.knowledge_base_id == base_id)
            .order_by(Generation.number.desc())
        )
        return list(self._session.scalars(statement, execution_options={"populate_existing": True}))

    def listed(self, org_id: UUID, base_id: UUID) -> list[GenerationRow]:
        """The generations that are kept as people see them, the newest first."""
        ended = and_(Generation.status == "building", func.coalesce(Task.status, "cancelled").not_in(LIVE))
        reason = case((Task.error.is_not(None), Task.error), else_="Its task was cancelled.")
        statement = (
            select(
                Generation.number,
                case((ended, "failed"), else_=Generation.status),
                case((ended, reason), else_=Generation.error),
                Generation.chunk_count,
                Generation.chunking["size"].as_integer(),
                Generation.created_at,
                Generation.model,
                ModelConnection.name,
                Generation.task_id,
            )
            .outerjoin(Task, and_(Task.org_id == org_id, Task.id == Generation.task_id))
            .outerjoin(
                ModelConnection,
                and_(ModelConnection.org_id == org_id, ModelConnection.id == Generation.connection_id),
            )
            .where(Generation.org_id == org_id, Generation.knowledge_base_id == base_id)
            .order_by(Generation.number.desc())
        )
        return [GenerationRow(*row) for row in self._session.execute(statement)]

    def get(self, org_id: UUID, base_id: UUID, number: int) -> Generation | None:
        """A generation by its number."""
        statement = select(Generation).where(
            Generation.org_id == org_id, Generation.knowledge_base_id == base_id, Generation.number == number
        )
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def building(self, org_id: UUID, base_id: UUID) -> Generation | None:
        """The generation that is being built, or was built and is held back."""
        statement = select(Generation).where(
            Generation.org_id == org_id,
            Generation.knowledge_base_id == base_id,
            Generation.status.in_(("building", "held")),
        )
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def ended(self, org_id: UUID, generation_id: UUID) -> bool:
        """Whether the task that builds a generation has ended, so that nobody does."""
        statement = (
            select(Task.status)
            .join(Generation, and_(Generation.org_id == org_id, Generation.task_id == Task.id))
            .where(Task.org_id == org_id, Generation.id == generation_id)
        )
        return self._session.scalar(statement) not in LIVE

    def add(self, org_id: UUID, base_id: UUID, values: Mapping[str, Any]) -> Generation:
        """Store the next generation of a locked base, to be built."""
        mine = (Generation.org_id == org_id, Generation.knowledge_base_id == base_id)
        last = self._session.scalar(select(func.max(Generation.number)).where(*mine)) or 0
        generation = Generation(
            org_id=org_id, knowledge_base_id=base_id, number=last + 1, status="building", **values
        )
        self._session.add(generation)
        self._session.flush()
        return generation

    def change(self, org_id: UUID, generation_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of a generation of a locked base."""
        self._session.execute(
            update(Generation)
            .where(Generation.org_id == org_id, Generation.id == generation_id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    def prune(self, org_id: UUID, base_id: UUID, oldest: int) -> None:
        """Forget generations before `oldest` that are retired or failed."""
        self._session.execute(
            delete(Generation).where(
                Generation.org_id == org_id,
                Generation.knowledge_base_id == base_id,
                Generation.number < oldest,
                Generation.status.in_(("retired", "failed")),
            )
        )

"""Knowledge bases in the database. Whatever changes one, its sources or its passages holds its row first."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Uuid,
    and_,
    any_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import terms
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.knowledge.models.chunks import Chunk
from app.knowledge.models.sources import Generation, KnowledgeBase
from app.web.conditions import within
from app.web.listing import ListState

NAME_KEY = "knowledge_bases_org_id_name_key"
NOTE_LENGTH = 300

_STATUS = case((KnowledgeBase.archived, "archived"), else_="active")
_SORTS: Mapping[str, Any] = {
    "name": func.lower(KnowledgeBase.name),
    "updated": KnowledgeBase.updated_at,
    "created": KnowledgeBase.created_at,
    "sources": KnowledgeBase.source_count,
    "chunks": KnowledgeBase.chunk_count,
}
_LISTED = (
    KnowledgeBase.id,
    KnowledgeBase.name,
    func.left(KnowledgeBase.description, NOTE_LENGTH).label("description"),
    _STATUS.label("status"),
    KnowledgeBase.model,
    KnowledgeBase.source_count,
    KnowledgeBase.chunk_count,
    KnowledgeBase.created_at,
    KnowledgeBase.updated_at,
)


class NameTaken(Exception):
    """Another base of the organisation has this name, in whatever case."""


@dataclass(frozen=True)
class BaseRow:
    """A base in a list; `description` is its beginning, `status` active or archived."""

    id: UUID
    name: str
    description: str | None
    status: str
    model: str
    source_count: int
    chunk_count: int
    created_at: datetime
    updated_at: datetime


class KnowledgeBasesRepo:
    """Knowledge bases of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[BaseRow]:
        """The rows of a list page; two statements.

        Sorts: name, updated, created, sources, chunks. Facet `status`: active (shown by default) and archived. Dates:
        created, updated.
        """
        order = Order(_SORTS[state.sort_key], KnowledgeBase.id, state.descending)  # type: ignore[arg-type]
        return paginate(
            self._session,
            _filtered(org_id, state),
            order,
            state.request,
            lambda row: BaseRow(*row[: len(_LISTED)]),
        )

    def any(self, org_id: UUID) -> bool:
        """Whether there is a base at all, archived ones included."""
        found = select(KnowledgeBase.id).where(KnowledgeBase.org_id == org_id)
        return bool(self._session.scalar(select(found.exists())))

    def get(self, org_id: UUID, base_id: UUID) -> KnowledgeBase | None:
        """A base as it is stored now."""
        statement = select(KnowledgeBase).where(KnowledgeBase.org_id == org_id, KnowledgeBase.id == base_id)
        return self._session.scalar(statement, execution_options={"populate_existing": True})

    def lock(self, org_id: UUID, base_id: UUID) -> KnowledgeBase | None:
        """A base as it is stored now; nobody else changes it, its sources or passages until the transaction ends."""
        statement = select(KnowledgeBase).where(KnowledgeBase.org_id == org_id, KnowledgeBase.id == base_id)
        return self._session.scalar(
            statement.with_for_update(), execution_options={"populate_existing": True}
        )

    def named(self, org_id: UUID, name: str) -> KnowledgeBase | None:
        """The base with this name, in whatever case."""
        statement = select(KnowledgeBase).where(
            KnowledgeBase.org_id == org_id, func.lower(KnowledgeBase.name) == func.lower(name)
        )
        return self._session.scalar(statement)

    def searchable(
        self, org_id: UUID, base_ids: Sequence[UUID] | None, generation: int | None = None
    ) -> Sequence[Row[Any]]:
        """The bases that are not archived, or those of them, the columns as they stand here, in the order of their ids.

        The model is that of the live generation, or of another one, without which a base is left out.
        """
        mine = and_(Generation.org_id == org_id, Generation.knowledge_base_id == KnowledgeBase.id)
        number = KnowledgeBase.live_generation if generation is None else generation
        statement = (
            select(
                KnowledgeBase.id,
                KnowledgeBase.name,
                Generation.model,
                Generation.dimensions,
                KnowledgeBase.chunk_count,
                KnowledgeBase.retrieval,
                Generation.connection_id,
                Generation.number,
            )
            .join(Generation, and_(mine, Generation.number == number))
            .where(KnowledgeBase.org_id == org_id, ~KnowledgeBase.archived)
        )
        if base_ids is not None:
            statement = statement.where(KnowledgeBase.id == any_(literal(list(base_ids), ARRAY(Uuid))))
        return self._session.execute(statement.order_by(KnowledgeBase.id)).all()

    def searched_now(self, org_id: UUID, base_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The live generation of each of these bases that is not archived."""
        statement = select(KnowledgeBase.id, KnowledgeBase.live_generation).where(
            KnowledgeBase.org_id == org_id,
            KnowledgeBase.id == any_(literal(list(base_ids), ARRAY(Uuid))),
            ~KnowledgeBase.archived,
        )
        return {row.id: row.live_generation for row in self._session.execute(statement)}

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> KnowledgeBase:
        """Store a new base with its first generation, which is live. Raises NameTaken."""
        base = KnowledgeBase(org_id=org_id, **values)
        with _unique_names(self._session):
            self._session.add(base)
            self._session.flush()
        self._session.add(
            Generation(
                org_id=org_id,
                knowledge_base_id=base.id,
                number=base.live_generation,
                status="live",
                model=base.model,
                dimensions=base.dimensions,
                connection_id=base.connection_id,
                chunking=base.chunking,
            )
        )
        self._session.flush()
        return base

    def change(self, org_id: UUID, base_id: UUID, values: Mapping[str, Any]) -> KnowledgeBase:
        """Set values of a locked base. Raises NameTaken."""
        statement = (
            update(KnowledgeBase)
            .where(KnowledgeBase.org_id == org_id, KnowledgeBase.id == base_id)
            .values(**values, lock_version=KnowledgeBase.lock_version + 1)
            .returning(KnowledgeBase)
        )
        with _unique_names(self._session):
            return self._session.scalars(statement, execution_options={"populate_existing": True}).one()

    def count(self, org_id: UUID, base_id: UUID, *, sources: int = 0) -> None:
        """Count the passages of the live generation again, and add to the number of sources."""
        found = select(func.count()).where(
            Chunk.org_id == org_id,
            Chunk.knowledge_base_id == base_id,
            Chunk.first_generation <= KnowledgeBase.live_generation,
            or_(Chunk.last_generation.is_(None), Chunk.last_generation >= KnowledgeBase.live_generation),
        )
        self._session.execute(
            update(KnowledgeBase)
            .where(KnowledgeBase.org_id == org_id, KnowledgeBase.id == base_id)
            .values(
                source_count=KnowledgeBase.source_count + sources,
                chunk_count=found.correlate(KnowledgeBase).scalar_subquery(),
            )
            .execution_options(synchronize_session=False)
        )

    def remove(self, org_id: UUID, base_id: UUID) -> None:
        """Delete a base with all that is in it."""
        self._session.execute(
            delete(KnowledgeBase).where(KnowledgeBase.org_id == org_id, KnowledgeBase.id == base_id)
        )


@contextmanager
def _unique_names(session: Session) -> Iterator[None]:
    """A savepoint; a violation of the unique name leaves it as NameTaken."""
    try:
        with session.begin_nested():
            yield
    except IntegrityError as error:
        if NAME_KEY in str(error.orig):
            raise NameTaken from error
        raise


def _filtered(org_id: UUID, state: ListState) -> Select[Any]:
    wanted = set(state.chosen.get("status", ("active",))) - set(state.excluded.get("status", ()))
    return select(*_LISTED).where(
        KnowledgeBase.org_id == org_id,
        _STATUS.in_(wanted),
        *(_matches(term) for term in state.terms),
        *within(state, "created", KnowledgeBase.created_at),
        *within(state, "updated", KnowledgeBase.updated_at),
    )


def _matches(term: str) -> ColumnElement[bool]:
    pattern = terms.contains(term)
    return or_(
        KnowledgeBase.name.ilike(pattern, escape="\\"), KnowledgeBase.description.ilike(pattern, escape="\\")
    )

"""Model connections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, case, delete, func, literal_column, select, update
from sqlalchemy.orm import Session

from app.connections.models import ConnectionModel, Credential, ModelConnection
from app.connections.repo.taken import unique_names
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.web.conditions import chosen, searched
from app.web.listing import ListState

SLUG_KEY = "model_connections_org_id_slug_key"
_RESOLVED: tuple[Any, ...] = (
    ModelConnection.id,
    ModelConnection.name,
    ModelConnection.kind,
    ModelConnection.base_url,
    ModelConnection.credential_id,
    ModelConnection.enabled,
    ConnectionModel.context_size,
    ConnectionModel.input_price_micros,
    ConnectionModel.output_price_micros,
)
_BASES: ColumnElement[Any] = literal_column(
    "ARRAY(SELECT b.name FROM knowledge_bases b"
    " WHERE b.org_id = model_connections.org_id AND (b.connection_id = model_connections.id"
    " OR EXISTS (SELECT FROM knowledge_base_generations g WHERE g.org_id = b.org_id"
    " AND g.knowledge_base_id = b.id AND g.connection_id = model_connections.id"
    " AND g.status IN ('building', 'held'))) ORDER BY lower(b.name), b.id)"
)
_STATUS = case((ModelConnection.enabled, "enabled"), else_="disabled")
_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(ModelConnection.name),
    "created": ModelConnection.created_at.expression,
    "updated": ModelConnection.updated_at.expression,
}


@dataclass(frozen=True)
class ConnectionFacts:
    """A connection with its credential's name and hint, and how many models are listed for it.

    `bases` are the names of the knowledge bases that one of its models embeds, or is to embed.
    """

    id: UUID
    org_id: UUID
    name: str
    slug: str
    kind: str
    base_url: str
    enabled: bool
    status: str
    credential_id: UUID | None
    lock_version: int
    created_at: datetime
    updated_at: datetime
    credential: str | None
    hint: str | None
    model_count: int
    bases: Sequence[str]


class ModelConnectionsRepo:
    """Model connections of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[ConnectionFacts]:
        """The rows of a list page; two statements."""
        statement = _facts(org_id).where(
            *searched(state, ModelConnection.name, ModelConnection.slug, ModelConnection.base_url),
            *chosen(state, "kind", ModelConnection.kind),
            *chosen(state, "status", _STATUS),
        )
        order = Order(_SORTS[state.sort_key], ModelConnection.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _made)

    def get(self, org_id: UUID, connection_id: UUID) -> ConnectionFacts | None:
        """A connection as it is stored now."""
        row = self._session.execute(_facts(org_id).where(ModelConnection.id == connection_id)).one_or_none()
        return None if row is None else _made(row)

    def lock(self, org_id: UUID, connection_id: UUID) -> ConnectionFacts | None:
        """A connection as it is stored now; nobody changes it until the transaction ends."""
        held = select(ModelConnection.id).where(
            ModelConnection.org_id == org_id, ModelConnection.id == connection_id
        )
        if self._session.scalar(held.with_for_update()) is None:
            return None
        return self.get(org_id, connection_id)

    def resolve(self, org_id: UUID, where: str | UUID, model: str) -> Row[Any] | None:
        """The connection with this slug or id, with what is known of one of its models; one statement.

        Columns: id, name, kind, base_url, credential_id, enabled, context_size, input_price_micros,
        output_price_micros.
        """
        named: Any = ModelConnection.id if isinstance(where, UUID) else ModelConnection.slug
        statement = (
            select(*_RESOLVED)
            .outerjoin(
                ConnectionModel,
                and_(
                    ConnectionModel.org_id == ModelConnection.org_id,
                    ConnectionModel.model_connection_id == ModelConnection.id,
                    ConnectionModel.name == model,
                ),
            )
            .where(ModelConnection.org_id == org_id, named == where)
        )
        return self._session.execute(statement).one_or_none()

    def slugs(self, org_id: UUID, start: str) -> set[str]:
        """The slugs in use that begin like this."""
        statement = select(ModelConnection.slug).where(
            ModelConnection.org_id == org_id, ModelConnection.slug.startswith(start, autoescape=True)
        )
        return set(self._session.scalars(statement))

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> UUID:
        """Store a connection; its id. Raises NameTaken for a slug in use."""
        made = ModelConnection(org_id=org_id, **values)
        with unique_names(self._session, SLUG_KEY):
            self._session.add(made)
        return made.id

    def change(self, org_id: UUID, connection_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of a locked connection. Raises NameTaken for a slug in use."""
        statement = (
            update(ModelConnection)
            .where(ModelConnection.org_id == org_id, ModelConnection.id == connection_id)
            .values(**values, lock_version=ModelConnection.lock_version + 1)
        )
        with unique_names(self._session, SLUG_KEY):
            self._session.execute(statement)

    def remove(self, org_id: UUID, connection_id: UUID) -> None:
        """Delete a connection with the list of its models."""
        self._session.execute(
            delete(ModelConnection).where(
                ModelConnection.org_id == org_id, ModelConnection.id == connection_id
            )
        )


def _facts(org_id: UUID) -> Select[Any]:
    listed = (
        select(func.count())
        .where(
            ConnectionModel.org_id == ModelConnection.org_id,
            ConnectionModel.model_connection_id == ModelConnection.id,
        )
        .correlate(ModelConnection)
        .scalar_subquery()
    )
    return (
        select(
            ModelConnection.id,
            ModelConnection.org_id,
            ModelConnection.name,
            ModelConnection.slug,
            ModelConnection.kind,
            ModelConnection.base_url,
            ModelConnection.enabled,
            _STATUS.label("status"),
            ModelConnection.credential_id,
            ModelConnection.lock_version,
            ModelConnection.created_at,
            ModelConnection.updated_at,
            Credential.name.label("credential"),
            Credential.hint,
            listed.label("model_count"),
            _BASES.label("bases"),
        )
        .outerjoin(
            Credential,
            and_(Credential.org_id == ModelConnection.org_id, Credential.id == ModelConnection.credential_id),
        )
        .where(ModelConnection.org_id == org_id)
    )


def _made(row: Row[Any]) -> ConnectionFacts:
    return ConnectionFacts(*row[: len(fields(ConnectionFacts))])

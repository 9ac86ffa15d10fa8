"""What is known of the models of connections."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.connections.models import ConnectionModel, ModelConnection
from app.connections.repo.taken import unique_names
from app.db.base import db

NAME_KEY = "connection_models_name_key"
MOST_SHOWN = 500


class KnownModelsRepo:
    """Models of the connections of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def of_connection(self, org_id: UUID, connection_id: UUID) -> Sequence[ConnectionModel]:
        """The first MOST_SHOWN models of a connection, by name."""
        statement = select(ConnectionModel).where(
            ConnectionModel.org_id == org_id, ConnectionModel.model_connection_id == connection_id
        )
        return self._session.scalars(
            statement.order_by(func.lower(ConnectionModel.name)).limit(MOST_SHOWN),
            execution_options={"populate_existing": True},
        ).all()

    def names(self, org_id: UUID, connection_id: UUID) -> set[str]:
        """The names of the models of a connection."""
        statement = select(ConnectionModel.name).where(
            ConnectionModel.org_id == org_id, ConnectionModel.model_connection_id == connection_id
        )
        return set(self._session.scalars(statement))

    def offered(
        self, org_id: UUID, purpose: str, protocols: Sequence[str] = ("openai",)
    ) -> Sequence[Row[Any]]:
        """Models of a purpose at enabled connections of these protocols, by connection and name, MOST_SHOWN at most.

        Columns: connection_id, connection (its name), model, dimensions.
        """
        columns: tuple[Any, ...] = (
            ModelConnection.id.label("connection_id"),
            ModelConnection.name.label("connection"),
            ConnectionModel.name.label("model"),
            ConnectionModel.dimensions,
        )
        mine = and_(
            ModelConnection.org_id == org_id, ModelConnection.id == ConnectionModel.model_connection_id
        )
        statement = (
            select(*columns)
            .join(ModelConnection, mine)
            .where(
                ConnectionModel.org_id == org_id,
                ConnectionModel.purpose == purpose,
                ModelConnection.enabled,
                ModelConnection.kind.in_(protocols),
            )
            .order_by(func.lower(ModelConnection.name), func.lower(ConnectionModel.name), ConnectionModel.id)
        )
        return self._session.execute(statement.limit(MOST_SHOWN)).all()

    def get(
        self, org_id: UUID, connection_id: UUID, model_id: UUID, *, hold: bool = False
    ) -> ConnectionModel | None:
        """A model as it is stored now; `hold` keeps others from changing it until the transaction ends."""
        statement = select(ConnectionModel).where(
            ConnectionModel.org_id == org_id,
            ConnectionModel.model_connection_id == connection_id,
            ConnectionModel.id == model_id,
        )
        return self._session.scalar(
            statement.with_for_update() if hold else statement, execution_options={"populate_existing": True}
        )

    def add(self, org_id: UUID, connection_id: UUID, values: Mapping[str, Any]) -> UUID:
        """Store a model; its id. Raises NameTaken."""
        made = ConnectionModel(org_id=org_id, model_connection_id=connection_id, **values)
        with unique_names(self._session, NAME_KEY):
            self._session.add(made)
        return made.id

    def add_missing(
        self, org_id: UUID, connection_id: UUID, models: Sequence[Mapping[str, Any]]
    ) -> Sequence[str]:
        """Store those models that the connection does not list yet; their names."""
        given = [
            {"id": uuid7(), "org_id": org_id, "model_connection_id": connection_id, **values}
            for values in models
        ]
        if not given:
            return []
        statement = insert(ConnectionModel).values(given)
        kept = statement.on_conflict_do_nothing(index_elements=["org_id", "model_connection_id", "name"])
        return self._session.scalars(kept.returning(ConnectionModel.name)).all()

    def change(self, org_id: UUID, model_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of a held model. Raises NameTaken."""
        statement = (
            update(ConnectionModel)
            .where(ConnectionModel.org_id == org_id, ConnectionModel.id == model_id)
            .values(**values, lock_version=ConnectionModel.lock_version + 1)
            .execution_options(synchronize_session=False)
        )
        with unique_names(self._session, NAME_KEY):
            self._session.execute(statement)

    def remove(self, org_id: UUID, model_id: UUID) -> None:
        """Take a model off the list."""
        self._session.execute(
            delete(ConnectionModel).where(ConnectionModel.org_id == org_id, ConnectionModel.id == model_id)
        )

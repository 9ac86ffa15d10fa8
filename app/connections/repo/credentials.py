"""Credentials. Only `secret` reads one; every other question leaves it sealed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    Uuid,
    column,
    delete,
    func,
    literal,
    select,
    table,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from app.auth.models import User
from app.connections.models import Credential, McpServer, ModelConnection
from app.connections.repo.taken import unique_names
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.orgs.repo.members import FULL_NAME
from app.web.conditions import chosen, searched, within
from app.web.listing import ListState

NAME_KEY = "credentials_org_id_name_key"
_TOOLS = table(
    "tools", column("id", Uuid), column("org_id", Uuid), column("name", Text), column("credential_id", Uuid)
)
"""Their domain stands above this one, so they are read by their columns."""
_USERS: tuple[tuple[str, Any], ...] = (
    ("model_connection", ModelConnection.__table__.c),
    ("mcp_server", McpServer.__table__.c),
    ("tool", _TOOLS.c),
)
_CHOICE: tuple[Any, ...] = (Credential.id, Credential.name, Credential.hint)
_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(Credential.name),
    "set": Credential.set_at.expression,
    "created": Credential.created_at.expression,
}


@dataclass(frozen=True)
class CredentialFacts:
    """A credential without its secret; `hint` is the end of the secret, `used` counts what opens with it."""

    id: UUID
    org_id: UUID
    name: str
    kind: str
    hint: str
    set_at: datetime
    created_at: datetime
    lock_version: int
    set_by: str | None
    used: int


@dataclass(frozen=True)
class Use:
    """What opens with a credential: `kind` model_connection, mcp_server or tool."""

    kind: str
    id: UUID
    name: str


class CredentialsRepo:
    """Credentials of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[CredentialFacts]:
        """The rows of a list page; two statements."""
        statement = _facts(org_id).where(
            *searched(state, Credential.name),
            *chosen(state, "kind", Credential.kind),
            *within(state, "set", Credential.set_at),
        )
        order = Order(_SORTS[state.sort_key], Credential.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _made)

    def get(self, org_id: UUID, credential_id: UUID) -> CredentialFacts | None:
        """A credential as it is stored now."""
        row = self._session.execute(_facts(org_id).where(Credential.id == credential_id)).one_or_none()
        return None if row is None else _made(row)

    def lock(self, org_id: UUID, credential_id: UUID) -> CredentialFacts | None:
        """A credential as it is stored now; nobody changes it or begins to use it until the transaction ends."""
        held = select(Credential.id).where(Credential.org_id == org_id, Credential.id == credential_id)
        if self._session.scalar(held.with_for_update()) is None:
            return None
        return self.get(org_id, credential_id)

    def choices(self, org_id: UUID, kind: str) -> Sequence[Row[Any]]:
        """Id, name and hint of the credentials of a kind, by name."""
        statement = select(*_CHOICE).where(Credential.org_id == org_id, Credential.kind == kind)
        return self._session.execute(statement.order_by(func.lower(Credential.name), Credential.id)).all()

    def free_name(self, org_id: UUID, start: str) -> str:
        """A name that begins like this and is not taken."""
        statement = select(func.lower(Credential.name)).where(
            Credential.org_id == org_id, Credential.name.istartswith(start, autoescape=True)
        )
        taken = set(self._session.scalars(statement))
        number, name = 1, start
        while name.lower() in taken:
            number += 1
            name = f"{start} {number}"
        return name

    def secret(self, org_id: UUID, credential_id: UUID) -> str | None:
        """The secret. Raises SealBroken if no key of this instance opens it."""
        statement = select(Credential.secret)
        return self._session.scalar(
            statement.where(Credential.org_id == org_id, Credential.id == credential_id)
        )

    def uses(self, org_id: UUID, credential_id: UUID) -> list[Use]:
        """What opens with it, by name."""
        parts = [
            select(literal(kind).label("kind"), user.id, user.name).where(
                user.org_id == org_id, user.credential_id == credential_id
            )
            for kind, user in _USERS
        ]
        rows = self._session.execute(union_all(*parts).order_by("name", "id"))
        return [Use(*row) for row in rows]

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> UUID:
        """Store a credential; its id. Raises NameTaken."""
        made = Credential(org_id=org_id, **values)
        with unique_names(self._session, NAME_KEY):
            self._session.add(made)
        return made.id

    def change(self, org_id: UUID, credential_id: UUID, values: Mapping[str, Any]) -> None:
        """Set values of a locked credential. Raises NameTaken."""
        statement = (
            update(Credential)
            .where(Credential.org_id == org_id, Credential.id == credential_id)
            .values(**values, lock_version=Credential.lock_version + 1)
        )
        with unique_names(self._session, NAME_KEY):
            self._session.execute(statement)

    def remove(self, org_id: UUID, credential_id: UUID) -> None:
        """Delete a credential that nothing uses."""
        self._session.execute(
            delete(Credential).where(Credential.org_id == org_id, Credential.id == credential_id)
        )


def _facts(org_id: UUID) -> Select[Any]:
    used = [
        select(func.count())
        .where(user.org_id == Credential.org_id, user.credential_id == Credential.id)
        .correlate(Credential)
        .scalar_subquery()
        for _, user in _USERS
    ]
    return (
        select(
            Credential.id,
            Credential.org_id,
            Credential.name,
            Credential.kind,
            Credential.hint,
            Credential.set_at,
            Credential.created_at,
            Credential.lock_version,
            FULL_NAME.label("set_by"),
            sum(used[1:], used[0]).label("used"),
        )
        .outerjoin(User, User.id == Credential.set_by)
        .where(Credential.org_id == org_id)
    )


def _made(row: Row[Any]) -> CredentialFacts:
    return CredentialFacts(*row[: len(fields(CredentialFacts))])

"""Memberships."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.orgs.models import Org, OrgMember
from app.web.conditions import chosen, searched
from app.web.listing import ListState

FULL_NAME: ColumnElement[str] = func.coalesce(
    func.nullif(func.btrim(func.concat_ws(" ", User.first_name, User.last_name)), ""), User.email
)
_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(FULL_NAME),
    "email": User.email.expression,
    "joined": OrgMember.created_at.expression,
}


@dataclass(frozen=True)
class MemberFacts:
    """A member as pages show them."""

    id: UUID
    user_id: UUID
    name: str
    email: str
    role: str
    platform_role: str
    disabled_at: datetime | None
    proven_at: datetime | None
    joined_at: datetime


_STATUS = case((User.disabled_at.is_(None), "active"), else_="disabled")


_COLUMNS: dict[str, Any] = {
    "id": OrgMember.id,
    "user_id": OrgMember.user_id,
    "name": FULL_NAME,
    "email": User.email,
    "role": OrgMember.role,
    "platform_role": User.role,
    "disabled_at": User.disabled_at,
    "proven_at": User.email_proven_at,
    "joined_at": OrgMember.created_at,
}


def _members(org_id: UUID) -> Select[Any]:
    columns = [column.label(name) for name, column in _COLUMNS.items()]
    return select(*columns).join(User, User.id == OrgMember.user_id).where(OrgMember.org_id == org_id)


def _filtered(org_id: UUID, state: ListState) -> Select[Any]:
    return _members(org_id).where(
        *searched(state, FULL_NAME, User.email),
        *chosen(state, "role", OrgMember.role),
        *chosen(state, "status", _STATUS),
    )


def _facts(row: Row[Any]) -> MemberFacts:
    return MemberFacts(**{name: getattr(row, name) for name in _COLUMNS})


class MemberRepo:
    """Who belongs to an organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def role(self, org_id: UUID, user_id: UUID | None) -> str | None:
        """The role a person holds there at this moment."""
        return self._session.scalar(
            select(OrgMember.role).where(OrgMember.org_id == org_id, OrgMember.user_id == user_id)
        )

    def hold(self, org_id: UUID, user_id: UUID | None) -> bool:
        """Whether a person belongs there; if so, the membership lasts until the transaction ends."""
        found = select(OrgMember.id).where(OrgMember.org_id == org_id, OrgMember.user_id == user_id)
        return self._session.scalar(found.with_for_update(read=True, key_share=True)) is not None

    def for_user(self, user_id: UUID) -> list[UUID]:
        """The organisations that the actor, and nobody else may ask for, belongs to, in the order of their ids."""
        joined = select(OrgMember.org_id).where(OrgMember.user_id == user_id).order_by(OrgMember.org_id)
        return list(self._session.scalars(joined))

    def owned_by(self, user_id: UUID) -> list[tuple[UUID, str]]:
        """The organisations that the actor, and nobody else may ask for, owns: id and name."""
        owned = select(Org.id, Org.name).join(OrgMember, OrgMember.org_id == Org.id)
        rows = self._session.execute(
            owned.where(OrgMember.user_id == user_id, OrgMember.role == "owner").order_by(Org.id)
        )
        return [(row.id, row.name) for row in rows]

    def get(self, org_id: UUID, member_id: UUID) -> MemberFacts | None:
        """The member with this id of their membership."""
        return self._one(_members(org_id).where(OrgMember.id == member_id))

    def of_user(self, org_id: UUID, user_id: UUID | None) -> MemberFacts | None:
        """The membership of a person."""
        return self._one(_members(org_id).where(OrgMember.user_id == user_id))

    def for_email(self, org_id: UUID, email: str) -> MemberFacts | None:
        """The member with this address."""
        return self._one(_members(org_id).where(User.email == email))

    def page(self, org_id: UUID, state: ListState) -> Page[MemberFacts]:
        """Members as the list's state asks."""
        order = Order(_SORTS[state.sort_key], OrgMember.id.expression, state.descending)
        return paginate(self._session, _filtered(org_id, state), order, state.request, _facts)

    def matching(self, org_id: UUID, state: ListState, limit: int) -> Sequence[UUID]:
        """The ids of all matching memberships, at most `limit`."""
        matching = _filtered(org_id, state).with_only_columns(OrgMember.id, maintain_column_froms=True)
        return self._session.scalars(matching.limit(limit)).all()

    def add(self, org_id: UUID, user_id: UUID, role: str) -> bool:
        """Make a person a member; False if they are one already, whose role then stays."""
        row = insert(OrgMember).values(org_id=org_id, user_id=user_id, role=role)
        added = row.on_conflict_do_nothing(index_elements=["org_id", "user_id"]).returning(OrgMember.id)
        return self._session.scalar(added) is not None

    def set_role(self, org_id: UUID, user_id: UUID, role: str) -> None:
        """Change a member's role."""
        self._session.execute(
            update(OrgMember)
            .where(OrgMember.org_id == org_id, OrgMember.user_id == user_id)
            .values(role=role)
        )

    def remove(self, org_id: UUID, user_id: UUID) -> None:
        """End a membership."""
        self._session.execute(
            delete(OrgMember).where(OrgMember.org_id == org_id, OrgMember.user_id == user_id)
        )

    def has_other_owner(self, org_id: UUID, user_id: UUID) -> bool:
        """Whether somebody but this person owns the organisation, with an account that is not disabled."""
        others = (OrgMember.user_id != user_id, OrgMember.role == "owner", User.disabled_at.is_(None))
        owner = select(OrgMember.id).join(User, User.id == OrgMember.user_id)
        found = select(owner.where(OrgMember.org_id == org_id, *others).exists())
        return bool(self._session.scalar(found))

    def count_orgs(self, user_id: UUID) -> int:
        """How many organisations a person belongs to, whoever asks."""
        return int(self._session.scalars(select(func.count_memberships(user_id))).one())

    def _one(self, statement: Select[Any]) -> MemberFacts | None:
        row = self._session.execute(statement).one_or_none()
        return None if row is None else _facts(row)

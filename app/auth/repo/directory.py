"""Accounts and sign-ins of the whole instance, as its administrators see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, case, delete, exists, func, select
from sqlalchemy.orm import Session

from app.auth.models import SignInSession, TotpDevice, User
from app.auth.repo.sessions import LIVE
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.web.conditions import chosen, searched
from app.web.listing import ListState

_STATUS = case((User.disabled_at.is_(None), "active"), else_="disabled")
_NAME = func.btrim(func.concat_ws(" ", User.first_name, User.last_name))
_ACCOUNT: Mapping[str, Any] = {
    "id": User.id,
    "email": User.email,
    "name": _NAME,
    "role": User.role,
    "status": _STATUS,
    "has_password": User.password.is_not(None),
    "has_second_factor": exists().where(TotpDevice.user_id == User.id, TotpDevice.confirmed_at.is_not(None)),
    "created_at": User.created_at,
}
_SIGN_IN: Mapping[str, Any] = {
    "id": SignInSession.id,
    "user_id": SignInSession.user_id,
    "email": User.email,
    "user_agent": SignInSession.user_agent,
    "address": SignInSession.address,
    "last_seen_at": SignInSession.last_seen_at,
    "created_at": SignInSession.created_at,
}
_ACCOUNT_SORTS: Mapping[str, ColumnElement[Any]] = {
    "email": User.email.expression,
    "name": func.lower(_NAME),
    "created": User.created_at.expression,
}
_SIGN_IN_SORTS: Mapping[str, ColumnElement[Any]] = {
    "seen": SignInSession.last_seen_at.expression,
    "created": SignInSession.created_at.expression,
    "email": User.email.expression,
}


@dataclass(frozen=True)
class AccountRow:
    """An account in a list; `status` is active or disabled."""

    id: UUID
    email: str
    name: str
    role: str
    status: str
    has_password: bool
    has_second_factor: bool
    created_at: datetime


@dataclass(frozen=True)
class SignInRow:
    """A live sign-in and whose it is."""

    id: UUID
    user_id: UUID
    email: str
    user_agent: str | None
    address: str | None
    last_seen_at: datetime
    created_at: datetime


class DirectoryRepo:
    """What platform admins look through."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def accounts(self, state: ListState) -> Page[AccountRow]:
        """Accounts as the list's state asks."""
        statement = select(*_labelled(_ACCOUNT)).where(
            *searched(state, User.email, _NAME),
            *chosen(state, "role", User.role),
            *chosen(state, "status", _STATUS),
        )
        order = Order(_ACCOUNT_SORTS[state.sort_key], User.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _account)

    def account(self, user_id: UUID) -> AccountRow | None:
        """One account."""
        row = self._session.execute(select(*_labelled(_ACCOUNT)).where(User.id == user_id)).one_or_none()
        return None if row is None else _account(row)

    def sign_ins(self, state: ListState) -> Page[SignInRow]:
        """Live sign-ins as the list's state asks."""
        statement = (
            select(*_labelled(_SIGN_IN))
            .join(User, User.id == SignInSession.user_id)
            .where(*LIVE, *searched(state, User.email, SignInSession.address, SignInSession.user_agent))
        )
        order = Order(_SIGN_IN_SORTS[state.sort_key], SignInSession.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _sign_in)

    def end_sign_in(self, session_id: UUID) -> UUID | None:
        """End anyone's sign-in: whose it was, None if there was none."""
        ended = delete(SignInSession).where(SignInSession.id == session_id)
        return self._session.scalar(ended.returning(SignInSession.user_id))

    def lock_admins(self) -> set[UUID]:
        """The platform admins who can sign in, held until the transaction ends."""
        admins = select(User.id).where(User.role == "ADMIN", User.disabled_at.is_(None))
        return set(self._session.scalars(admins.order_by(User.id).with_for_update(key_share=True)))


def _labelled(columns: Mapping[str, Any]) -> list[Any]:
    return [column.label(name) for name, column in columns.items()]


def _account(row: Row[Any]) -> AccountRow:
    return AccountRow(**{name: getattr(row, name) for name in _ACCOUNT})


def _sign_in(row: Row[Any]) -> SignInRow:
    return SignInRow(**{name: getattr(row, name) for name in _SIGN_IN})

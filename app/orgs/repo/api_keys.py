"""Keys of programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, Text, case, cast, func, select, text, update
from sqlalchemy.orm import Session

from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.engine import PREPARED
from app.orgs.models import ApiKey
from app.orgs.repo.members import FULL_NAME
from app.web.conditions import chosen, searched, within
from app.web.listing import ListState

_BEARER = text(
    """
    SELECT k.id AS key_id, k.name AS key_name, k.prefix, k.scopes, k.expires_at, k.last_used_at, k.role,
           u.id AS user_id, u.email, o.id AS org_id, o.name AS org_name, o.slug, o.agents_generation
      FROM api_key_bearer(:key_hash) k JOIN users u ON u.id = k.user_id JOIN orgs o ON o.id = k.org_id
     WHERE u.disabled_at IS NULL
    """
).execution_options(**PREPARED)
_TOUCH = text(
    """
    UPDATE api_keys SET last_used_at = now()
     WHERE id = (SELECT id FROM api_keys WHERE org_id = :org_id AND id = :key_id FOR NO KEY UPDATE SKIP LOCKED)
    """
)
_STATE = case(
    (ApiKey.revoked_at.is_not(None), "revoked"),
    (ApiKey.expires_at <= func.now(), "expired"),
    (ApiKey.replaced_by.is_not(None), "replaced"),
    else_="active",
)
_COLUMNS: dict[str, Any] = {
    "id": ApiKey.id,
    "name": ApiKey.name,
    "prefix": ApiKey.prefix,
    "ending": ApiKey.ending,
    "scopes": ApiKey.scopes,
    "state": _STATE,
    "user_id": ApiKey.user_id,
    "owner": FULL_NAME,
    "created_at": ApiKey.created_at,
    "expires_at": ApiKey.expires_at,
    "last_used_at": ApiKey.last_used_at,
    "revoked_at": ApiKey.revoked_at,
    "replaced_by": ApiKey.replaced_by,
}
_SORTS: dict[str, ColumnElement[Any]] = {
    "name": func.lower(ApiKey.name),
    "created": ApiKey.created_at.expression,
    "used": ApiKey.last_used_at.expression,
    "expires": ApiKey.expires_at.expression,
}


@dataclass(frozen=True)
class KeyFacts:
    """A key as pages show it.

    `state` is active, replaced (still working beside its successor), expired or revoked.
    """

    id: UUID
    name: str
    prefix: str
    ending: str | None
    scopes: Sequence[str]
    state: str
    user_id: UUID
    owner: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    replaced_by: UUID | None

    @property
    def works(self) -> bool:
        """Whether programs can still use it."""
        return self.state in {"active", "replaced"}


@dataclass(frozen=True)
class BearerRow:
    """A key that works at this moment, the person it acts for, and their role in its organisation."""

    key_id: UUID
    key_name: str
    prefix: str
    scopes: Sequence[str]
    expires_at: datetime | None
    last_used_at: datetime | None
    role: str
    user_id: UUID
    email: str
    org_id: UUID
    org_name: str
    slug: str
    agents_generation: int


class ApiKeyRepo:
    """The keys of an organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def bearer(self, key_hash: bytes) -> BearerRow | None:
        """Whom the key with this SHA-256 acts for; None if it does not work. The look-up tells nothing by its time."""
        row = self._session.execute(_BEARER, {"key_hash": key_hash}).one_or_none()
        return None if row is None else BearerRow(**row._mapping)  # noqa: SLF001 - the public name of Row's mapping

    def touch(self, org_id: UUID, key_id: UUID) -> None:
        """Note that the key was used just now; who finds it locked leaves that to the other one."""
        self._session.execute(_TOUCH, {"org_id": org_id, "key_id": key_id})

    def get(self, org_id: UUID, key_id: UUID) -> KeyFacts | None:
        """The key with this id."""
        row = self._session.execute(_keys(org_id).where(ApiKey.id == key_id)).one_or_none()
        return None if row is None else _facts(row)

    def page(self, org_id: UUID, state: ListState) -> Page[KeyFacts]:
        """Keys as the list's state asks."""
        statement = _keys(org_id).where(
            *searched(state, ApiKey.name, ApiKey.prefix),
            *chosen(state, "state", _STATE),
            *chosen(state, "owner", cast(ApiKey.user_id, Text)),
            *_scoped(state),
            *within(state, "created", ApiKey.created_at),
        )
        nullable = state.sort_key in {"used", "expires"}
        order = Order(_SORTS[state.sort_key], ApiKey.id.expression, state.descending, nullable)
        return paginate(self._session, statement, order, state.request, _facts)

    def owners(self, org_id: UUID) -> dict[str, str]:
        """The people whom keys act for, by id, with their names."""
        owners = select(ApiKey.user_id, FULL_NAME.label("name")).join(User, User.id == ApiKey.user_id)
        rows = self._session.execute(owners.where(ApiKey.org_id == org_id).distinct().order_by("name"))
        return {str(row.user_id): row.name for row in rows}

    def of_user(self, org_id: UUID, user_id: UUID) -> Sequence[UUID]:
        """The keys that act for a person, but for those that were revoked."""
        mine = (ApiKey.org_id == org_id, ApiKey.user_id == user_id)
        return self._session.scalars(select(ApiKey.id).where(*mine, ApiKey.revoked_at.is_(None))).all()

    def any(self, org_id: UUID) -> bool:
        """Whether there is a key at all, ended ones included."""
        return bool(self._session.scalar(select(select(ApiKey.id).where(ApiKey.org_id == org_id).exists())))

    def add(self, org_id: UUID, key: ApiKey, life: timedelta | None) -> ApiKey:
        """Store a key that ends `life` from now, or never."""
        key.org_id = org_id
        key.expires_at = func.now() + life if life else None
        self._session.add(key)
        self._session.flush()
        return key

    def lock(self, org_id: UUID, ids: Sequence[UUID]) -> list[KeyFacts]:
        """These keys as they are now, for a change, by name; ids that do not exist are left out."""
        held = select(ApiKey.id).where(ApiKey.org_id == org_id, ApiKey.id.in_(ids)).order_by(ApiKey.id)
        self._session.execute(held.with_for_update())
        found = _keys(org_id).where(ApiKey.id.in_(ids)).order_by(func.lower(ApiKey.name), ApiKey.id)
        return [_facts(row) for row in self._session.execute(found)]

    def revoke(self, org_id: UUID, ids: Sequence[UUID]) -> None:
        """End keys at once and for good."""
        self._session.execute(
            update(ApiKey)
            .where(ApiKey.org_id == org_id, ApiKey.id.in_(ids), ApiKey.revoked_at.is_(None))
            .values(revoked_at=func.now())
        )

    def replace(self, org_id: UUID, key_id: UUID, successor_id: UUID, overlap: timedelta) -> datetime:
        """Name a key's successor and let it work for `overlap` at most; when it ends."""
        ends = func.least(ApiKey.expires_at, func.now() + overlap)  # NULL, no end, is left out
        replaced = (
            update(ApiKey)
            .where(ApiKey.org_id == org_id, ApiKey.id == key_id)
            .values(replaced_by=successor_id, expires_at=ends)
            .returning(ApiKey.expires_at)
        )
        moment = self._session.execute(replaced).scalar_one()
        assert moment is not None
        return moment


def _keys(org_id: UUID) -> Select[Any]:
    columns = [column.label(name) for name, column in _COLUMNS.items()]
    return select(*columns).join(User, User.id == ApiKey.user_id).where(ApiKey.org_id == org_id)


def _scoped(state: ListState) -> list[ColumnElement[bool]]:
    """Keys that hold one of the scopes chosen and none of those excluded."""
    wanted, unwanted = state.chosen.get("scope", ()), state.excluded.get("scope", ())
    conditions = []
    if wanted:
        conditions.append(ApiKey.scopes.overlap(list(wanted)))
    if unwanted:
        conditions.append(~ApiKey.scopes.overlap(list(unwanted)))
    return conditions


def _facts(row: Row[Any]) -> KeyFacts:
    return KeyFacts(**{name: getattr(row, name) for name in _COLUMNS})

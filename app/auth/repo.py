"""Accounts and sign-ins in the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.orm import Session

from app.auth.models import SignInSession, User
from app.db.base import db

_VISITOR = text(
    """
    SELECT s.id AS session_id, s.last_seen_at, s.reauthenticated_at,
           u.id, u.email, u.first_name, u.last_name, u.role, u.preferences,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('org_id', o.id, 'name', o.name, 'slug', o.slug, 'role', m.role)
                                      ORDER BY lower(o.name), o.id), '[]')
              FROM session_memberships(:token_hash) m JOIN orgs o ON o.id = m.org_id) AS memberships
      FROM sessions s JOIN users u ON u.id = s.user_id
     WHERE s.token_hash = :token_hash AND s.expires_at > now() AND s.last_seen_at > now() - interval '14 days'
       AND u.disabled_at IS NULL
    """
)


@dataclass(frozen=True)
class VisitorRow:
    """A live session, its account, and the account's memberships (org_id, name, slug, role)."""

    session_id: UUID
    last_seen_at: datetime
    reauthenticated_at: datetime
    id: UUID
    email: str
    first_name: str | None
    last_name: str | None
    role: str
    preferences: dict[str, Any]
    memberships: list[dict[str, str]]


class SessionRepo:
    """Sign-ins."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def visitor(self, token_hash: bytes) -> VisitorRow | None:
        """The person behind a session token, while the session is neither ended nor expired; one statement."""
        row = self._session.execute(_VISITOR, {"token_hash": token_hash}).one_or_none()
        return None if row is None else VisitorRow(**row._mapping)  # noqa: SLF001 - the public name of Row's mapping

    def add(self, sign_in: SignInSession) -> SignInSession:
        """Store a sign-in."""
        self._session.add(sign_in)
        self._session.flush()
        return sign_in

    def touch(self, session_id: UUID) -> None:
        """Note that the session was used."""
        self._session.execute(
            update(SignInSession).where(SignInSession.id == session_id).values(last_seen_at=func.now())
        )

    def remove(self, token_hash: bytes) -> None:
        """End a sign-in."""
        self._session.execute(delete(SignInSession).where(SignInSession.token_hash == token_hash))


class UserRepo:
    """Accounts."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def any(self) -> bool:
        """Whether the instance has an account at all."""
        return bool(self._session.scalar(select(exists(select(User.id)))))

    def for_email(self, email: str) -> User | None:
        """The account with this address, in any spelling of its case."""
        return self._session.scalar(select(User).where(User.email == email.lower()))

"""Sign-ins in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.orm import Session

from app.auth.models import SignInSession
from app.db.base import db
from app.db.session import columns_of

_VISITOR = text(
    """
    SELECT s.id AS session_id, s.last_seen_at, s.reauthenticated_at,
           u.id, u.email, u.first_name, u.last_name, u.role, u.preferences,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('org_id', o.id, 'name', o.name, 'slug', o.slug, 'role', m.role,
                                                         'time_zone', o.settings ->> 'time_zone',
                                                         'agents_generation', o.agents_generation,
                                                         'views_generation', o.views_generation,
                                                         'live_tasks', CASE WHEN o.slug = :slug
                                                                            THEN live_tasks(o.id, :most) ELSE 0 END)
                                      ORDER BY lower(o.name), o.id), '[]')
              FROM session_memberships(:token_hash) m JOIN orgs o ON o.id = m.org_id) AS memberships
      FROM sessions s JOIN users u ON u.id = s.user_id
     WHERE s.token_hash = :token_hash AND s.expires_at > now() AND s.last_seen_at > now() - interval '14 days'
       AND u.disabled_at IS NULL
    """
)


MOST_SHOWN = 100
MOST_LIVE = 100
"""How many live tasks of an organisation are counted at most."""
LIVE: tuple[ColumnElement[bool], ...] = (
    SignInSession.expires_at > func.now(),
    SignInSession.last_seen_at > func.now() - text("interval '14 days'"),
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
    memberships: list[dict[str, Any]]


class SessionRepo:
    """Sign-ins."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def visitor(self, token_hash: bytes, slug: str | None = None) -> VisitorRow | None:
        """The person behind a session token, while the session is neither ended nor expired; one statement.

        The membership in the organisation named `slug` also counts its live tasks, at most MOST_LIVE.
        """
        values = {"token_hash": token_hash, "slug": slug, "most": MOST_LIVE}
        row = columns_of(self._session, _VISITOR, values).one_or_none()
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

    def remove(self, token_hash: bytes) -> bool:
        """End a sign-in; False if there was none."""
        ended = delete(SignInSession).where(SignInSession.token_hash == token_hash)
        return self._session.scalar(ended.returning(SignInSession.id)) is not None

    def remove_for(self, user_id: UUID, but: UUID | None = None) -> int:
        """End every sign-in of a person, or every one but `but`; how many ended."""
        ended = delete(SignInSession).where(SignInSession.user_id == user_id).returning(SignInSession.id)
        if but is not None:
            ended = ended.where(SignInSession.id != but)
        return len(self._session.scalars(ended).all())

    def end(self, user_id: UUID, session_id: UUID) -> bool:
        """End one sign-in of a person; False if there is no such sign-in of theirs."""
        ended = (
            delete(SignInSession)
            .where(SignInSession.user_id == user_id, SignInSession.id == session_id)
            .returning(SignInSession.id)
        )
        return self._session.scalar(ended) is not None

    def live_for(self, user_id: UUID) -> Sequence[SignInSession]:
        """The sign-ins of a person that still work, last used first, at most MOST_SHOWN."""
        return self._session.scalars(
            select(SignInSession)
            .where(SignInSession.user_id == user_id, *LIVE)
            .order_by(SignInSession.last_seen_at.desc(), SignInSession.id.desc())
            .limit(MOST_SHOWN)
        ).all()

    def renew(self, session_id: UUID, token_hash: bytes) -> bool:
        """Give a sign-in another token; False if it has ended."""
        renewed = update(SignInSession).where(SignInSession.id == session_id).values(token_hash=token_hash)
        return self._session.scalar(renewed.returning(SignInSession.id)) is not None

    def hold(self, session_id: UUID) -> bool:
        """Whether a sign-in has not ended; if so, it lasts until the transaction ends."""
        found = select(SignInSession.id).where(SignInSession.id == session_id)
        return self._session.scalar(found.with_for_update(read=True, key_share=True)) is not None

    def note_proof(self, session_id: UUID) -> None:
        """Note that the person behind the session has just proved who they are."""
        self._session.execute(
            update(SignInSession).where(SignInSession.id == session_id).values(reauthenticated_at=func.now())
        )

"""Round trips to identity providers, and identities that wait for an account."""

from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.auth.models import OAuthFlow, User
from app.db.base import db

SUBJECTS: dict[str, InstrumentedAttribute[str | None]] = {"GITHUB": User.github_id, "GOOGLE": User.google_id}


class FlowRepo:
    """Each row belongs to the browser that began it."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def add(self, flow: OAuthFlow) -> OAuthFlow:
        """Store a flow."""
        self._session.add(flow)
        self._session.flush()
        return flow

    def take(self, provider: str, state_hash: bytes, browser_hash: bytes) -> OAuthFlow | None:
        """End a round trip that this browser began; None if there is none, or no longer."""
        return self._session.scalar(
            delete(OAuthFlow)
            .where(
                OAuthFlow.provider == provider,
                OAuthFlow.state_hash == state_hash,
                OAuthFlow.browser_hash == browser_hash,
                OAuthFlow.profile.is_(None),
                OAuthFlow.expires_at > func.now(),
            )
            .returning(OAuthFlow)
        )

    def held(self, state_hash: bytes) -> OAuthFlow | None:
        """An identity that waits for its account."""
        return self._session.scalar(
            select(OAuthFlow).where(
                OAuthFlow.state_hash == state_hash,
                OAuthFlow.profile.is_not(None),
                OAuthFlow.expires_at > func.now(),
            )
        )

    def drop(self, state_hash: bytes) -> None:
        """Let an identity wait no longer."""
        self._session.execute(delete(OAuthFlow).where(OAuthFlow.state_hash == state_hash))


class IdentityRepo:
    """Identities at providers that accounts sign in with."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def owner(self, provider: str, subject: str) -> User | None:
        """The account an identity signs in to."""
        return self._session.scalar(select(User).where(SUBJECTS[provider] == subject))

    def set(self, user_id: UUID, provider: str, subject: str | None) -> None:
        """Link an identity to an account, or take it away."""
        column = SUBJECTS[provider].key
        self._session.execute(update(User).where(User.id == user_id).values({column: subject}))

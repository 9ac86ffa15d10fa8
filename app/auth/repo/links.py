"""One-time links of accounts: only a hash of each is kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.auth.models import PasswordReset
from app.db.base import db


class ResetRepo:
    """Reset links."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def add(self, user_id: UUID, token_hash: bytes, expires_at: datetime) -> PasswordReset:
        """Store a link."""
        reset = PasswordReset(user_id=user_id, token_hash=token_hash, expires_at=expires_at)
        self._session.add(reset)
        self._session.flush()
        return reset

    def is_pending(self, token_hash: bytes) -> bool:
        """Whether the link works at this moment."""
        found = select(PasswordReset.id).where(*_pending(token_hash))
        return self._session.scalar(found) is not None

    def consume(self, token_hash: bytes) -> UUID | None:
        """Use up the link: whose password it resets; None if it does not work, or no longer."""
        return self._session.scalar(
            update(PasswordReset)
            .where(*_pending(token_hash))
            .values(used_at=func.now())
            .returning(PasswordReset.user_id)
        )

    def withdraw(self, user_id: UUID) -> None:
        """Let no pending link of a person work any more."""
        self._session.execute(
            update(PasswordReset)
            .where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
            .values(used_at=func.now())
        )


def _pending(token_hash: bytes) -> tuple[ColumnElement[bool], ...]:
    return (
        PasswordReset.token_hash == token_hash,
        PasswordReset.used_at.is_(None),
        PasswordReset.expires_at > func.now(),
    )

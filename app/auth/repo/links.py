"""One-time links of accounts: only a hash of each is kept."""

from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from app.auth.models import PasswordReset
from app.db.base import db


class ResetRepo:
    """Reset links."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def withdraw(self, user_id: UUID) -> None:
        """Let no pending link of a person work any more."""
        self._session.execute(
            update(PasswordReset)
            .where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
            .values(used_at=func.now())
        )

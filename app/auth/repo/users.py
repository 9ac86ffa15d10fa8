"""Accounts in the database."""

from uuid import UUID

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.auth.models import User
from app.db.base import db


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

    def get(self, user_id: UUID) -> User | None:
        """The account with this id."""
        return self._session.get(User, user_id)

    def disable(self, user_id: UUID) -> None:
        """Shut the account."""
        self._session.execute(update(User).where(User.id == user_id).values(disabled_at=func.now()))

    def remove(self, user_id: UUID) -> None:
        """Delete the account; memberships, keys, sessions and links go with it."""
        self._session.execute(delete(User).where(User.id == user_id))

    def lock(self, user_id: UUID) -> User | None:
        """The account as it is now, for this transaction alone to change."""
        return self._session.scalar(
            select(User).where(User.id == user_id).with_for_update().execution_options(populate_existing=True)
        )

"""One-time links of accounts: only a hash of each is kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from app.auth.models import EmailChange, PasswordReset
from app.db.base import db


class ResetRepo:
    """Reset links."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def add(self, reset: PasswordReset) -> PasswordReset:
        """Store a link."""
        self._session.add(reset)
        self._session.flush()
        return reset

    def owner(self, token_hash: bytes) -> UUID | None:
        """Whose password the link resets; None if it does not work at this moment."""
        return self._session.scalar(select(PasswordReset.user_id).where(*_pending(token_hash)))

    def consume(self, token_hash: bytes) -> PasswordReset | None:
        """Use up the link; None if it does not work, or no longer. The caller holds the account."""
        return self._session.scalar(
            update(PasswordReset)
            .where(*_pending(token_hash))
            .values(used_at=func.now())
            .returning(PasswordReset)
        )

    def withdraw(self, user_id: UUID) -> None:
        """Let no pending link of a person work any more."""
        self._session.execute(
            update(PasswordReset)
            .where(PasswordReset.user_id == user_id, PasswordReset.used_at.is_(None))
            .values(used_at=func.now())
        )


class EmailChangeRepo:
    """Changes of address: a link that confirms the new one, then a link that restores the former one."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def add(self, change: EmailChange) -> EmailChange:
        """Store a change that waits for its confirmation."""
        self._session.add(change)
        self._session.flush()
        return change

    def pending(self, token_hash: bytes) -> EmailChange | None:
        """The change that the link would confirm at this moment."""
        return self._session.scalar(select(EmailChange).where(*_unconfirmed(token_hash)))

    def undoable(self, undo_hash: bytes) -> EmailChange | None:
        """The change that the link would undo at this moment."""
        return self._session.scalar(select(EmailChange).where(*_undoable(undo_hash)))

    def confirm(self, token_hash: bytes, undo_hash: bytes, undo_until: datetime) -> EmailChange | None:
        """Use up the link and store the one that undoes the change; None if it does not work, or no longer.

        The caller holds the account.
        """
        return self._session.scalar(
            update(EmailChange)
            .where(*_unconfirmed(token_hash))
            .values(used_at=func.now(), undo_hash=undo_hash, expires_at=undo_until)
            .returning(EmailChange)
        )

    def undo(self, undo_hash: bytes) -> EmailChange | None:
        """Use up the link; None if it does not work, or no longer. The caller holds the account."""
        return self._session.scalar(
            update(EmailChange)
            .where(*_undoable(undo_hash))
            .values(undone_at=func.now())
            .returning(EmailChange)
        )

    def remove_since(self, change: EmailChange) -> None:
        """Forget the later changes of its person, so that no link of theirs works."""
        self._session.execute(
            delete(EmailChange).where(EmailChange.user_id == change.user_id, EmailChange.id > change.id)
        )

    def withdraw(self, user_id: UUID) -> None:
        """Forget the changes of a person that wait for their confirmation."""
        self._session.execute(
            delete(EmailChange).where(EmailChange.user_id == user_id, EmailChange.used_at.is_(None))
        )


def _unconfirmed(token_hash: bytes) -> tuple[ColumnElement[bool], ...]:
    return (
        EmailChange.token_hash == token_hash,
        EmailChange.used_at.is_(None),
        EmailChange.expires_at > func.now(),
    )


def _undoable(undo_hash: bytes) -> tuple[ColumnElement[bool], ...]:
    return (
        EmailChange.undo_hash == undo_hash,
        EmailChange.undone_at.is_(None),
        EmailChange.expires_at > func.now(),
    )


def _pending(token_hash: bytes) -> tuple[ColumnElement[bool], ...]:
    return (
        PasswordReset.token_hash == token_hash,
        PasswordReset.used_at.is_(None),
        PasswordReset.expires_at > func.now(),
    )

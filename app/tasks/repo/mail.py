"""The outbox: as the worker uses it, and as an organisation reads it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, select, text
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.tables import EmailOutbox
from app.web.conditions import chosen, searched, within
from app.web.listing import ListState


@dataclass(frozen=True)
class ClaimedEmail:
    """A message that is this worker's to send until its lease ends; `attempts` counts this one."""

    id: UUID
    recipient: str
    template: str
    subject: str
    context: bytes
    attempts: int


class MailRepo:
    """The outbox, as the worker uses it."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def claim(self, lease: timedelta) -> ClaimedEmail | None:
        """The next message that is due; nobody else gets it before the lease ends."""
        row = self._session.execute(
            text("SELECT id, recipient, template, subject, context, attempts FROM claim_emails(1, :lease)"),
            {"lease": lease},
        ).one_or_none()
        return None if row is None else ClaimedEmail(**row._mapping)  # noqa: SLF001 - the public name of Row's mapping

    def settle(self, email: ClaimedEmail, error: str | None, retry_at: datetime | None) -> bool:
        """Note how the attempt ended; False if its lease had run out and another attempt has begun."""
        settled = self._session.scalar(
            text("SELECT settle_email(:id, :attempt, :error, :retry_at)"),
            {"id": email.id, "attempt": email.attempts, "error": error, "retry_at": retry_at},
        )
        return bool(settled)

    def remove_settled(self, age: timedelta) -> None:
        """Forget messages that were sent, or given up, longer ago than `age`."""
        self._session.execute(text("SELECT remove_settled_emails(:age)"), {"age": age})


_STATUS = case(
    (EmailOutbox.sent_at.is_not(None), "sent"),
    (EmailOutbox.failed_at.is_not(None), "failed"),
    else_="waiting",
)
_SORTS: dict[str, Any] = {"at": EmailOutbox.created_at, "to": EmailOutbox.recipient}


@dataclass(frozen=True)
class Delivery:
    """A message in the log: sent, waiting or failed; `error` is what the last attempt met."""

    id: UUID
    recipient: str
    subject: str
    status: str
    attempts: int
    error: str | None
    created_at: datetime
    next_attempt_at: datetime


class DeliveryRepo:
    """The mail of an organisation, without what it says."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, state: ListState) -> Page[Delivery]:
        """Messages as the list's state asks."""
        names = [name for name in Delivery.__dataclass_fields__ if name != "status"]
        statement = select(*(getattr(EmailOutbox, name) for name in names), _STATUS.label("status")).where(
            EmailOutbox.org_id == org_id,
            *searched(state, EmailOutbox.recipient, EmailOutbox.subject),
            *chosen(state, "status", _STATUS),
            *within(state, "at", EmailOutbox.created_at),
        )
        order = Order(_SORTS[state.sort_key].expression, EmailOutbox.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _delivery)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__dataclass_fields__})

"""Deliver one message."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
from uuid_utils.compat import uuid7

from app.audit.services import record
from app.db.sealed import keyring
from app.db.session import transaction
from app.tasks.repo.mail import ClaimedEmail, MailRepo
from app.web.mail import Undelivered, compose, send

LEASE = timedelta(minutes=2)
RETRIES = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
)
"""How long after a failed attempt the next one follows; after the last the message is given up."""
TEST_SUBJECT = "Test message from AgentPress"
TEST_SECONDS = 10

_log = logging.getLogger(__name__)


def deliver_one() -> bool:
    """Send the next message that is due; False if there is none.

    A message can go out twice when the process ends between the server's answer and its note here; both carry the
    same Message-ID.
    """
    with transaction():
        email = MailRepo().claim(LEASE)
    if email is None:
        return False
    error, retry_at = _attempt(email)
    with transaction():
        settled = MailRepo().settle(email, error, retry_at)
    outcome = "lost" if not settled else "sent" if error is None else "retry" if retry_at else "failed"
    _log.log(
        logging.INFO if outcome == "sent" else logging.WARNING,
        "mail %s",
        outcome,
        extra={"mail_id": str(email.id), "template": email.template, "attempt": email.attempts},
    )
    return True


def _attempt(email: ClaimedEmail) -> tuple[str | None, datetime | None]:
    """What went wrong, and when to try again; neither if the message is sent."""
    try:
        context = orjson.loads(keyring().open(email.context))
        message = compose(email.id, email.recipient, email.subject, email.template, context)
        send(message)
    except Undelivered as failure:
        again = email.attempts <= len(RETRIES) and not failure.permanent
        return failure.reason, datetime.now(UTC) + RETRIES[email.attempts - 1] if again else None
    except Exception as error:  # noqa: BLE001 - a message that cannot be made must not stop the others
        _log.exception("mail cannot be composed", extra={"mail_id": str(email.id)})
        return f"The message cannot be composed: {type(error).__name__}.", None
    return None, None


@dataclass(frozen=True)
class Outcome:
    """What the mail server said to a message, or why nothing reached it."""

    taken: bool
    words: str


def send_test_mail(recipient: str, requested_by: str) -> Outcome:
    """Send a message at once, beside the outbox, waiting at most 10 seconds."""
    with transaction():
        record("mail.test", "mail", target_label=recipient)
    try:
        message = compose(uuid7(), recipient, TEST_SUBJECT, "test", {"requested_by": requested_by})
        return Outcome(taken=True, words=send(message, TEST_SECONDS))
    except Undelivered as failure:
        return Outcome(taken=False, words=failure.reason)

"""One message from its row to the mail server, whatever the server does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.db.queue import queue_email
from app.db.session import transaction
from app.db.tables import EmailOutbox
from app.tasks.services import mail as services
from app.tasks.services.mail import RETRIES, deliver_one
from tests.factories import auth, orgs
from tests.factories.rows import rows
from tests.support import smtp
from tests.support.database import as_owner

RECIPIENT = "ana@example.org"


def queue(template="test", subject="A test", recipient=RECIPIENT):
    with transaction():
        queue_email(
            recipient, template, subject, {"requested_by": "Ben Okafor, who has a name to wrap the line at"}
        )


def outbox():
    return rows(EmailOutbox)[0]


def make_due():
    with as_owner() as session:
        session.execute(text("UPDATE email_outbox SET next_attempt_at = now()"))


def test_a_message_has_two_parts_and_is_wrapped(acting, sink):
    acting()
    queue()
    assert deliver_one()
    (mail,) = sink.to(RECIPIENT)
    kinds = [part.get_content_type() for part in mail.message.iter_parts()]
    assert mail.message.get_content_type() == "multipart/alternative"
    assert kinds == ["text/plain", "text/html"]
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["From"] == "Console <desk@example.org>"
    assert "Ben Okafor" in mail.text
    assert "Ben Okafor" in mail.html
    assert max(map(len, mail.text.splitlines())) <= 78
    assert len(mail.message.as_bytes()) < 40_000


def test_what_is_sent_leaves_no_context_behind(acting, sink):
    acting()
    queue()
    with as_owner() as session:
        assert b"Okafor" not in session.scalar(text("SELECT context FROM email_outbox"))
    deliver_one()
    sent = outbox()
    assert (sent.context, sent.error, sent.failed_at, sent.attempts) == (None, None, None, 1)
    assert sent.sent_at is not None
    assert not deliver_one()


def test_whoever_deletes_their_account_is_told(acting, client, sink):
    acting()
    auth.platform_admin()
    person = auth.user(email=RECIPIENT, first_name="Ana")
    client.sign_in(person).submit("/me/delete", {"name": person.email})
    assert deliver_one()
    (mail,) = sink.to(RECIPIENT)
    assert mail.subject == "AgentPress: your account was deleted"
    for part in (mail.text, mail.html):
        assert "Hello Ana" in part
        assert "account and its memberships are deleted" in " ".join(part.split())
        assert "/reset" not in part


def test_a_rolled_back_change_sends_nothing(acting, sink):
    acting()
    with pytest.raises(ZeroDivisionError), transaction():
        queue_email(RECIPIENT, "test", "A test", {"requested_by": "Ben"})
        raise ZeroDivisionError
    assert not deliver_one()


@pytest.mark.parametrize("mode", [smtp.TEMPORARY, smtp.DROP])
def test_a_passing_failure_is_tried_again_under_the_same_message_id(acting, sink, mode):
    acting()
    queue()
    sink.mode = mode
    deliver_one()
    waiting = outbox()
    assert waiting.failed_at is None
    assert waiting.sent_at is None
    assert waiting.error
    assert timedelta(0) < waiting.next_attempt_at - datetime.now(UTC) <= RETRIES[0]
    assert not deliver_one()
    sink.mode = smtp.ACCEPT
    make_due()
    assert deliver_one()
    assert outbox().sent_at is not None
    assert {mail.message["Message-ID"] for mail in sink.to(RECIPIENT)} == {f"<{waiting.id}@example.org>"}


def test_a_refused_connection_is_tried_again(acting, sink):
    acting()
    queue()
    sink.stop()
    deliver_one()
    assert "cannot be reached" in outbox().error
    assert outbox().failed_at is None


def test_a_final_refusal_is_final_and_kept_in_words(acting, sink):
    acting()
    queue()
    sink.mode = smtp.PERMANENT
    deliver_one()
    failed = outbox()
    assert failed.error == "550 No such person here"
    assert failed.failed_at is not None
    assert failed.context is None


def test_the_last_attempt_is_the_last(acting, sink):
    acting()
    queue()
    sink.mode = smtp.TEMPORARY
    for _ in range(len(RETRIES) + 1):
        make_due()
        assert deliver_one()
    assert outbox().failed_at is not None
    assert outbox().attempts == len(RETRIES) + 1


def test_a_silent_server_costs_a_limited_time(acting, sink, monkeypatch):
    acting()
    queue()
    sink.mode = smtp.HANG
    send = services.send
    monkeypatch.setattr(services, "send", lambda message: send(message, seconds=0.5))
    deliver_one()
    assert outbox().error == "The mail server did not answer within 0.5 s."
    assert outbox().failed_at is None


@pytest.mark.parametrize(
    ("subject", "recipient"),
    [
        ("Hello\r\nBcc: eve@example.org", RECIPIENT),
        ("Hello", "a@example.org, b@example.org"),
        ("Hello", "a\nb@x.org"),
    ],
)
def test_no_header_can_be_smuggled_in(acting, sink, subject, recipient):
    acting()
    queue(subject=subject, recipient=recipient)
    deliver_one()
    assert sink.mails == []
    assert outbox().failed_at is not None


def test_a_message_that_cannot_be_made_does_not_stop_the_next(acting, sink):
    acting()
    queue(template="missing")
    queue()
    assert deliver_one()
    assert deliver_one()
    assert len(sink.mails) == 1


def test_another_worker_does_not_get_a_claimed_message(acting, sink):
    acting()
    queue()
    with transaction():
        assert services.MailRepo().claim(services.LEASE) is not None
    assert not deliver_one()
    make_due()
    assert deliver_one()


def test_without_mail_nothing_secret_is_kept(acting):
    acting()
    queue()
    noted = outbox()
    assert (noted.context, noted.attempts) == (None, 0)
    assert noted.failed_at is not None
    assert "Mail is off" in noted.error
    assert not deliver_one()


def test_mail_turned_off_later_fails_what_still_waits(app, acting, sink, monkeypatch):
    acting()
    queue()
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], mail=None))
    deliver_one()
    assert outbox().context is None
    assert "Mail is off" in outbox().error


def test_a_row_belongs_to_the_organisation_that_caused_it(acting, sink):
    org = orgs.org()
    acting(org)
    queue()
    assert outbox().org_id == org.id

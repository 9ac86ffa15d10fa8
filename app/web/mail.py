"""One message: composed from its two templates, and handed to the mail server within a time limit."""

import contextlib
import re
import smtplib
import ssl
import textwrap
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any
from uuid import UUID

from flask import render_template

from app.config import MailSettings
from app.db.queue import MAIL_IS_OFF
from app.web.security import settings

DELIVERY_SECONDS = 20
LINE_LENGTH = 78
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

Answer = tuple[int, bytes]


class Undelivered(Exception):
    """The server did not take the message; `permanent` says that another attempt would end the same way."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


def mail_is_on() -> bool:
    """Whether this instance has a mail server."""
    return settings().mail is not None


def compose(
    message_id: UUID, recipient: str, subject: str, template: str, context: Mapping[str, Any]
) -> EmailMessage:
    """The message of `templates/email/<template>.txt` and `.html`; the id makes its Message-ID, always the same.

    Raises ValueError for an address or a subject that does not fit into one header line.
    """
    server = _server()
    sender = parseaddr(server.default_sender)
    names = {"subject": subject, "recipient": recipient, "base_url": settings().base_url, **context}
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(sender[0], addr_spec=sender[1])
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{message_id}@{sender[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(wrapped(render_template(f"email/{template}.txt", **names)))
    message.add_alternative(render_template(f"email/{template}.html", **names), subtype="html")
    return message


def wrapped(text: str) -> str:
    """The text with lines of at most 78 characters; an address stays in one piece."""
    lines = (
        textwrap.wrap(line, LINE_LENGTH, break_long_words=False, break_on_hyphens=False) or [""]
        for line in text.strip().splitlines()
    )
    return "\n".join(part for line in lines for part in line) + "\n"


def send(message: EmailMessage, seconds: float = DELIVERY_SECONDS) -> str:
    """Hand the message to the mail server and return its answer, such as `250 OK`.

    Raises Undelivered with the server's own words, or with the reason why there are none.
    """
    server, deadline = _server(), time.monotonic() + seconds
    try:
        with _connected(server, deadline) as smtp:
            return _deliver(smtp, message, deadline)
    except smtplib.SMTPResponseException as error:
        raise Undelivered(_words((error.smtp_code, _bytes(error.smtp_error)))) from error
    except smtplib.SMTPServerDisconnected as error:
        late = time.monotonic() >= deadline  # smtplib reports a timeout so, too
        raise Undelivered(_too_slow(seconds) if late else "The mail server closed the connection.") from error
    except smtplib.SMTPException as error:
        raise Undelivered(_CONTROL.sub(" ", str(error))) from error
    except TimeoutError as error:
        raise Undelivered(_too_slow(seconds)) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Undelivered(f"{server.server} port {server.port} cannot be reached: {reason}.") from error


def _too_slow(seconds: float) -> str:
    return f"The mail server did not answer within {seconds:g} s."


def _server() -> MailSettings:
    server = settings().mail
    if server is None:
        raise Undelivered(MAIL_IS_OFF, permanent=True)
    return server


@contextlib.contextmanager
def _connected(server: MailSettings, deadline: float) -> Iterator[smtplib.SMTP]:
    """A connection, encrypted and signed in as configured; its certificate is checked."""
    trust = ssl.create_default_context()
    where: tuple[str, int] = (server.server, server.port)
    seconds = _left(deadline)
    smtp = (
        smtplib.SMTP_SSL(*where, timeout=seconds, context=trust)
        if server.use_ssl
        else smtplib.SMTP(*where, timeout=seconds)
    )
    try:
        if server.use_tls:
            _hurry(smtp, deadline)
            smtp.starttls(context=trust)
        _hurry(smtp, deadline)
        smtp.ehlo_or_helo_if_needed()
        if server.username and server.password:
            smtp.login(server.username, server.password)
        yield smtp
        with contextlib.suppress(OSError):  # the message is taken, whatever happens to the farewell
            _hurry(smtp, deadline)
            smtp.quit()
    finally:
        smtp.close()


def _deliver(smtp: smtplib.SMTP, message: EmailMessage, deadline: float) -> str:
    sender, recipient = message["From"].addresses[0], message["To"].addresses[0]
    _hurry(smtp, deadline)
    _accepted(smtp.mail(sender.addr_spec))
    _hurry(smtp, deadline)
    _accepted(smtp.rcpt(recipient.addr_spec))
    _hurry(smtp, deadline)
    return _accepted(smtp.data(message.as_bytes()))


def _accepted(answer: Answer) -> str:
    if not 200 <= answer[0] < 300:
        raise Undelivered(_words(answer), permanent=500 <= answer[0] < 600)
    return _words(answer)


def _hurry(smtp: smtplib.SMTP, deadline: float) -> None:
    if smtp.sock is not None:
        smtp.sock.settimeout(_left(deadline))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _words(answer: Answer) -> str:
    text = _CONTROL.sub(" ", answer[1].decode("utf-8", "replace"))
    return f"{answer[0]} {text}"[:500]


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()

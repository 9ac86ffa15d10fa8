"""A mail server that keeps what it is given, or fails in a chosen way."""

import asyncio
import re
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.processes import free_port, wait_until

ACCEPT, HANG, TEMPORARY, PERMANENT, DROP = "accept", "hang", "temporary", "permanent", "drop"
ANSWERS = {
    ACCEPT: "250 Taken",
    TEMPORARY: "451 Try again later",
    PERMANENT: "550 No such person here",
}
LINK = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True)
class Mail:
    """One received mail: the envelope's addresses and the parsed message."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def links(self) -> list[str]:
        """The addresses in the text part, in order."""
        return LINK.findall(self.text)

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part else ""


@dataclass
class MailSink:
    """A server on a fixed loopback port. `mode` may change at any time; once stopped it refuses."""

    mode: str = ACCEPT
    port: int = field(default_factory=free_port)
    mails: list[Mail] = field(default_factory=list)
    attempts: int = 0
    _controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=10)
        self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer as the mode says; what is dropped after DATA was received all the same."""
        self.attempts += 1
        if self.mode == HANG:
            await asyncio.sleep(60)
        if self.mode in {ACCEPT, DROP}:
            message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.mails.append(Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), message))
        if self.mode == DROP and server.transport:
            server.transport.abort()
        return ANSWERS.get(self.mode, ANSWERS[ACCEPT])

    def wait_for(self, recipient: str, count: int = 1, seconds: float = 15) -> list[Mail]:
        """Wait for so many mails to the address and return them, oldest first."""
        wait_until(lambda: len(self.to(recipient)) >= count, seconds, f"{count} mails to {recipient}")
        return self.to(recipient)

    def to(self, recipient: str) -> list[Mail]:
        return [mail for mail in self.mails if recipient in mail.recipients]

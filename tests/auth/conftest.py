"""What tests of accounts share."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from flask import Flask

from app.config import MailSettings
from app.db.tables import EmailOutbox
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows


@dataclass(frozen=True)
class Mail:
    """A queued message."""

    recipient: str
    template: str
    context: dict[str, Any]

    def token(self, name: str = "reset_url") -> str:
        return re.search(r"[^/=]+$", self.context[name])[0]


@pytest.fixture
def mails(app: Flask, connection) -> Iterator[Callable[[], list[Mail]]]:
    """Mail is on; a function that returns what was queued, oldest first."""
    before = app.extensions["settings"]
    server = MailSettings("127.0.0.1", 9, None, None, False, False, "agentpress@example.org")
    app.extensions["settings"] = replace(before, mail=server)

    def queued() -> list[Mail]:
        with app.app_context():
            return [Mail(row.recipient, row.template, orjson.loads(row.context)) for row in rows(EmailOutbox)]

    yield queued
    app.extensions["settings"] = before


@pytest.fixture
def sign_in():
    """A function that submits the sign-in form."""

    def submit(client, email: str, password: str = PASSWORD, **more: str):
        return client.submit("/sign-in", {"email": email, "password": password, **more})

    return submit

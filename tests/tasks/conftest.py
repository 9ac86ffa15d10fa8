"""One organisation with people to act in it, and a mail server that the application in the test's process knows."""

from dataclasses import replace

import pytest

from app import handlers
from app.config import MailSettings
from app.db import work
from tests.factories import orgs
from tests.support import task_kinds
from tests.support.smtp import MailSink


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def member(new_client, org):
    return new_client(orgs.member(org))


@pytest.fixture
def viewer(new_client, org):
    return new_client(orgs.member(org, "viewer"))


@pytest.fixture
def kinds_of_tests(app):
    """Kinds that only tests have, beside those of the product."""
    work.register(app, {**handlers.KINDS, **task_kinds.KINDS})
    yield
    work.register(app, handlers.KINDS)


@pytest.fixture
def sink(app):
    """The mail server; the application sends by it while the test runs."""
    before = app.extensions["settings"]
    with MailSink() as started:
        server = MailSettings(
            "127.0.0.1", started.port, None, None, False, False, "Console <desk@example.org>"
        )
        app.extensions["settings"] = replace(before, mail=server)
        yield started
    app.extensions["settings"] = before

"""The product as it runs: web process, worker, database, mail server; what a test changes is committed."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import psycopg
from bs4 import BeautifulSoup
from flask import Flask

from app import create_app
from app.auth.models import User
from app.db.base import db
from app.web.security import CSRF_FIELD, session_cookie_name
from tests.factories.auth import sign_in_token
from tests.support import checksum, database
from tests.support.pages import parse
from tests.support.postgres import OWNER, create_database, drop_database, in_database
from tests.support.processes import free_port
from tests.support.smtp import MailSink
from tests.support.web import Web, Worker

SENDER = "agentpress@example.org"


class LiveClient(httpx2.Client):
    """A browser without scripts on the running product."""

    def submit(
        self, url: str, data: dict[str, Any] | None = None, form_url: str | None = None
    ) -> httpx2.Response:
        """Post a form with the CSRF token of the page that holds it."""
        headers = {"Sec-Fetch-Site": "same-origin"}
        return self.post(url, data={CSRF_FIELD: self.token(form_url or url), **(data or {})}, headers=headers)

    def token(self, url: str) -> str:
        """Return the CSRF token that a page carries."""
        field = parse(self.get(url).text).find("input", attrs={"name": CSRF_FIELD})
        assert field is not None, f"{url} carries no CSRF token"
        return str(field["value"])

    def page(self, url: str) -> BeautifulSoup:
        response = self.get(url)
        assert response.status_code == httpx2.codes.OK, (url, response.status_code)
        return parse(response.text)


class Live:
    """Starts on entering and stops on leaving. `settings` are more environment variables for both processes.

    Factories used inside write to its database and commit.
    """

    def __init__(
        self, cluster: str, directory: Path, template: str = database.TEMPLATE, **settings: str
    ) -> None:
        self.cluster = cluster
        self.directory = directory
        self.template = template
        self.name = f"agentpress_live_{secrets.token_hex(4)}"
        self.mail = MailSink()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = {
            "DATABASE_URL": in_database(cluster, self.name, OWNER),
            "DATA_DIR": str(directory / "data"),
            "SECRET_KEY": database.SECRET_KEY,
            "PORT": str(port),
            "BASE_URL": self.url,
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": str(self.mail.port),
            "MAIL_DEFAULT_SENDER": SENDER,
            "LOG_FORMAT": "json",
            **settings,
        }
        self.web = Web(directory, self.settings)
        self.worker = Worker(directory, self.settings)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            create_database(self.cluster, self.name, self.template)
            stack.callback(drop_database, self.cluster, self.name)
            stack.enter_context(self.mail)
            self.web.begin()
            stack.callback(self.web.stop)
            self.worker.begin()
            stack.callback(self.worker.stop)
            stack.enter_context(database.source(database.superuser_engine(self.cluster, self.name)))
            stack.enter_context(self._inside())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """The context that the factories' sealed columns need, and services a test calls."""
        with self.application().app_context():
            yield
            db.session.remove()
            for engine in db.engines.values():
                engine.dispose()

    def application(self) -> Flask:
        """Return an application with the same settings."""
        rest = {
            name: value for name, value in self.settings.items() if name not in {"DATABASE_URL", "SECRET_KEY"}
        }
        return create_app(database.settings(self.settings["DATABASE_URL"], **rest))

    @contextmanager
    def client(self, user: User | None = None) -> Iterator[LiveClient]:
        """Return a client of the running web process, signed in when a person is given."""
        cookies = {session_cookie_name(): sign_in_token(user)} if user else {}
        with LiveClient(base_url=self.url, cookies=cookies, trust_env=False, timeout=30) as client:
            yield client

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """Return the superuser's connection to the database, in autocommit."""
        with psycopg.connect(in_database(self.cluster, self.name), autocommit=True) as connection:
            yield connection

    def state(self, **options: Any) -> checksum.State:
        with self.connect() as connection:
            return checksum.state(connection, **options)

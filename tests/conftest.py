"""Fixtures of every test."""

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Playwright, sync_playwright
from sqlalchemy import Connection

from app import create_app
from app.commands import registry
from app.db.base import db
from app.db.scope import Scope, use_scope
from tests.support import checksum, programs
from tests.support.browser import chromium
from tests.support.client import Client
from tests.support.database import TEMPLATE, outer_transaction, settings, start_cluster
from tests.support.live import Live
from tests.support.order import spread
from tests.support.postgres import create_database, drop_database, in_database
from tests.support.redis import Redis

CLUSTER = pytest.StashKey()


def cluster_of(config: pytest.Config) -> str:
    """Return the superuser's address of the run's server, started once by the process that has no parent."""
    if hasattr(config, "workerinput"):
        return config.workerinput["cluster"]
    if CLUSTER not in config.stash:
        config.stash[CLUSTER] = start_cluster()
    return config.stash[CLUSTER].dsn()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    node.workerinput["cluster"] = cluster_of(node.config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = spread(items)


def pytest_unconfigure(config: pytest.Config) -> None:
    if CLUSTER in config.stash:
        config.stash[CLUSTER].remove()


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> str:
    """The superuser's address of the shared server; tests that stop or pause a server start their own."""
    return cluster_of(request.config)


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis | None]:
    """This worker's Redis; None where it is not installed."""
    if not programs.find("redis-server"):
        yield None
        return
    server = Redis()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def app(cluster: str, redis: Redis | None, worker_id: str) -> Iterator[Flask]:
    """The application on a database of this worker, as superuser: it switches to its own role by itself."""
    name = f"agentpress_{worker_id}"
    create_database(cluster, name, TEMPLATE)
    app = create_app(settings(in_database(cluster, name), **({"REDIS_URL": redis.url} if redis else {})))
    registry.register(app)
    app.test_client_class = Client
    with app.app_context():
        db.session.configure(join_transaction_mode="create_savepoint")
    yield app
    with app.app_context():
        for engine in db.engines.values():
            engine.dispose()
    drop_database(cluster, name)


@pytest.fixture
def connection(app: Flask, redis: Redis | None) -> Iterator[Connection]:
    """The test's outer transaction; everything the test stores is gone afterwards."""
    if redis:
        redis.flush()
    with outer_transaction(app) as connection:
        yield connection


@pytest.fixture
def client(app: Flask, connection: Connection) -> Client:
    return app.test_client()


@pytest.fixture
def new_client(app: Flask, connection: Connection):
    """A function that returns a further client, signed in when a person is given."""

    def make(user=None) -> Client:
        made = app.test_client()
        return made.sign_in(user) if user else made

    return make


@pytest.fixture
def acting(app: Flask, connection: Connection):
    """A function that puts the test into the place of a person in an organisation, for services and repositories."""
    with app.app_context():

        def act(org=None, user=None) -> None:
            use_scope(Scope(org and org.id, user and user.id, user.email if user else "system"))

        yield act


@pytest.fixture
def state(connection: Connection):
    """A function that returns the checksum of every table, whatever role is in force."""
    return lambda **options: checksum.of_transaction(connection, **options)


@pytest.fixture
def live(cluster: str, tmp_path) -> Iterator[Live]:
    """The product as processes of its own on a database of its own; commits are real."""
    with Live(cluster, tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium without back/forward cache."""
    with chromium(playwright) as started:
        yield started


@pytest.fixture(scope="session")
def caching_browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium with the back/forward cache people's browsers have; every Back test needs it."""
    with chromium(playwright, back_forward_cache=True) as started:
        yield started

"""Stored files, while others clear away the same ones: with transactions that do not see each other."""

import contextvars
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from time import sleep

import pytest
from sqlalchemy import delete, update

from app.db.base import db
from app.db.blobs import read_blob, store_blob
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.db.tables import Blob
from app.orgs.models import Org
from app.tasks.repo.upkeep import ExpiryRepo
from tests.factories import orgs, tasks
from tests.support.database import as_owner, source

CONTENT = b"name\r\nAda\r\n"
KIND = "text/csv"
DAY = timedelta(days=1)


@pytest.fixture
def org(app):
    """An organisation that others see at once, with the file of a task that ended long ago."""
    with app.app_context(), source(db.engines[None]):
        made = orgs.org()
        use_scope(Scope(made.id))
        with transaction():
            file = {"id": str(keep(made))}
        past = datetime.now(UTC) - 2 * DAY
        tasks.task(made, status="succeeded", finished_at=past, result={"file": file})
        with as_owner() as session:
            session.execute(update(Blob).where(Blob.org_id == made.id).values(created_at=past))
        yield made
        with as_owner() as session:
            session.execute(delete(Org).where(Org.id == made.id))
        db.session.remove()
        db.engines[None].dispose()  # the next test finds no connection of this one


@pytest.fixture
def beside(app, org):
    """A function that begins something in a thread and a transaction of its own; what gives its answer."""
    with ThreadPoolExecutor(1) as pool:

        def act(what):
            with app.app_context():
                use_scope(Scope(org.id))
                with transaction():
                    return what()

        yield lambda what: pool.submit(contextvars.Context().run, act, what)


def keep(org):
    return store_blob(org.id, io.BytesIO(CONTENT), KIND)


def clear(org):
    ExpiryRepo().remove_files(org.id, (KIND,), DAY)


def kept(org, blob_id):
    return b"".join(read_blob(org.id, blob_id))


def test_a_file_that_is_stored_again_is_not_cleared_away_meanwhile(org, beside):
    with transaction():
        blob_id = keep(org)
        beside(lambda: clear(org)).result(10)
    assert kept(org, blob_id) == CONTENT
    with transaction():
        clear(org)
    assert kept(org, blob_id) == b""


def test_a_file_that_is_being_cleared_away_is_stored_anew(org, beside):
    with transaction():
        clear(org)
        stored = beside(lambda: keep(org))
        sleep(0.5)
        assert not stored.done()
    assert kept(org, stored.result(10)) == CONTENT

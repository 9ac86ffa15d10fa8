"""The only commit of the product, and the read-only session for analytics."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psycopg.errors import QueryCanceled
from sqlalchemy import Executable, Result
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.engine import PREPARED
from app.db.scope import current_scope

ANALYTICS = "analytics"


class TooSlow(Exception):
    """A statement of the analytics engine took longer than its limit."""


@contextmanager
def transaction() -> Iterator[Session]:
    """Commit what the block changed, or nothing of it.

    Never nested: RuntimeError. Callbacks of `on_commit` run after the commit and are dropped on rollback.
    """
    session = db.session()
    if "callbacks" in session.info:
        raise RuntimeError("transaction() does not nest")
    callbacks: list[Callable[[], None]] = []
    session.info["callbacks"] = callbacks
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        del session.info["callbacks"]
    for callback in callbacks:
        callback()


def rest() -> None:
    """Give the connection to the database back until the next statement, unless inside `transaction()`.

    For a visitor's request that has read what it needs and now waits for something else.
    """
    session = db.session()
    if "callbacks" not in session.info:
        session.commit()


def on_commit(callback: Callable[[], None]) -> None:
    """Run `callback` once the running `transaction()` has committed; in-process notices only."""
    db.session().info["callbacks"].append(callback)


def columns_of(session: Session, statement: Executable, values: Mapping[str, Any]) -> Result[Any]:
    """The rows of a statement that selects columns by their keys: what the ORM does for entities would cost as much.

    It is planned once for each connection. What waits to be written is not written before.
    """
    return session.connection().execute(statement, values, execution_options=PREPARED)


@contextmanager
def analytics_session() -> Iterator[Session]:
    """A session on the read-only engine, in the scope of the main session. Raises TooSlow for a statement over 30 s."""
    try:
        with Session(db.engines[ANALYTICS], info={"scope": current_scope()}) as session:
            yield session
    except OperationalError as error:
        if isinstance(error.orig, QueryCanceled):
            raise TooSlow from error
        raise

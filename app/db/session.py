"""The only commit of the product, and the read-only session for analytics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from app.db.base import db
from app.db.scope import current_scope

ANALYTICS = "analytics"


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


def on_commit(callback: Callable[[], None]) -> None:
    """Run `callback` once the running `transaction()` has committed; in-process notices only."""
    db.session().info["callbacks"].append(callback)


@contextmanager
def analytics_session() -> Iterator[Session]:
    """A session on the read-only engine, in the scope of the main session; its statements end after 30 s."""
    with Session(db.engines[ANALYTICS], info={"scope": current_scope()}) as session:
        yield session

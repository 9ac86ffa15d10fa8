"""Who acts in which organisation: set for every database transaction, read by the row-level policies.

Each transaction switches to the role `agentpress_app`, which owns nothing, and names the organisation and the user
in transaction-local settings. All three are set even when empty: a setting never outlives its transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection, event, text
from sqlalchemy.orm import Session, SessionTransaction

from app.db.base import db
from app.db.engine import PREPARED

_SET = text(
    "SELECT set_config('role', 'agentpress_app', true), "
    "set_config('app.org_id', :org, true), set_config('app.user_id', :user, true)"
).execution_options(**PREPARED)


@dataclass(frozen=True)
class Scope:
    """The organisation and the person a transaction acts for, and where the request came from."""

    org_id: UUID | None = None
    user_id: UUID | None = None
    actor_label: str = "system"
    address: str | None = None
    request_id: str | None = None

    def settings(self) -> dict[str, str]:
        """The values of the transaction-local settings; unset is the empty string, which no policy matches."""
        return {"org": str(self.org_id or ""), "user": str(self.user_id or "")}


def current_scope(session: Session | None = None) -> Scope:
    """The scope of this session; the empty scope, which sees no tenant row, if none was set."""
    scope = (session or db.session()).info.get("scope", Scope())
    assert isinstance(scope, Scope)
    return scope


def use_scope(scope: Scope, session: Session | None = None) -> None:
    """Act in `scope` from now on, in a transaction that has begun as well as in later ones."""
    session = session or db.session()
    session.info["scope"] = scope
    if session.in_transaction():
        session.connection().execute(_SET, scope.settings())


@contextmanager
def in_org(org_id: UUID | None) -> Iterator[None]:
    """Act in another organisation, or outside any, as the same person; what the block adds is written in it."""
    session = db.session()
    before = current_scope(session)
    use_scope(replace(before, org_id=org_id), session)
    try:
        yield
        session.flush()
    except BaseException:
        session.info["scope"] = before
        raise
    use_scope(before, session)


@event.listens_for(Session, "after_begin")
def _enter_scope(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    connection.execute(_SET, current_scope(session).settings())

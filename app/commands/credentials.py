"""`flask credentials reseal`: have everything that is stored encrypted under the present SECRET_KEY."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import click
from flask.cli import with_appcontext
from sqlalchemy import Column, Table, func, literal, select, type_coerce, update
from sqlalchemy.dialects.postgresql import BYTEA

from app.commands.running import operating
from app.db.base import Base, db
from app.db.scope import Scope, use_scope
from app.db.sealed import SealBroken, Sealed, keyring
from app.db.session import transaction
from app.orgs.models import Org

BATCH = 200
_NOBODYS_MAIL = "email_outbox"
"""Only its definer reads what mail holds."""


@click.group()
def credentials() -> None:
    """Secrets that are stored encrypted."""


@credentials.command()
@with_appcontext
def reseal() -> None:
    """Encrypt with the first key of SECRET_KEY what a key of SECRET_KEY_FALLBACKS encrypted; then those can go.

    It works in small steps beside the running product, and can be broken off and begun again.
    """
    anew = lost = 0
    with operating("what was sealed until now stays; run the command again to go on"):
        for table, columns, org_id in _places():
            changed, broken = _resealed(table, columns, org_id)
            anew, lost = anew + changed, lost + broken
    click.echo(f"{anew} sealed anew.")
    if lost:
        click.echo(f"{lost} cannot be opened with any key of this instance and stay as they are.", err=True)
        sys.exit(1)


def _resealed(table: Table, columns: Sequence[Column[Any]], org_id: UUID | None) -> tuple[int, int]:
    """Seal a table of an organisation anew, batch by batch: how many values changed, and how many are lost."""
    anew = lost = 0
    position: UUID | None = None
    while True:
        with transaction():
            _enter(table, org_id)
            position, changed, broken = _batch(table, columns, position)
        anew, lost = anew + changed, lost + broken
        if position is None:
            return anew, lost


def _places() -> Iterator[tuple[Table, list[Column[Any]], UUID | None]]:
    """Every table with its sealed columns, once for each organisation if it belongs to them."""
    with transaction():
        orgs: Sequence[UUID] = db.session.scalars(select(Org.id).order_by(Org.id)).all()
    for table in Base.metadata.sorted_tables:
        columns = [column for column in table.columns if isinstance(column.type, Sealed)]
        if columns:
            of_orgs = "org_id" in table.c and table.name != _NOBODYS_MAIL
            yield from ((table, columns, org_id) for org_id in (orgs if of_orgs else [None]))


def _enter(table: Table, org_id: UUID | None) -> None:
    use_scope(Scope(org_id, actor_label="command line"))
    if table.name == _NOBODYS_MAIL:
        db.session.execute(select(func.set_config("role", "agentpress_definer", True)))


def _batch(table: Table, columns: Sequence[Column[Any]], after: UUID | None) -> tuple[UUID | None, int, int]:
    """Seal some rows anew: the last of them (None after the last batch), and how many values changed or are lost."""
    raw = [type_coerce(column, BYTEA).label(column.name) for column in columns]
    statement = select(table.c.id, *raw).order_by(table.c.id).limit(BATCH).with_for_update()
    rows = db.session.execute(statement if after is None else statement.where(table.c.id > after)).all()
    changed = lost = 0
    for row in rows:
        values, broken = _sealed_anew(row._mapping, columns)  # noqa: SLF001 - the public name of Row's mapping
        lost += broken
        changed += len(values)
        if values:
            kept = {"updated_at": table.c.updated_at} if "updated_at" in table.c else {}
            db.session.execute(update(table).where(table.c.id == row.id).values({**values, **kept}))
    return (rows[-1].id if len(rows) == BATCH else None), changed, lost


def _sealed_anew(row: Any, columns: Sequence[Column[Any]]) -> tuple[dict[str, Any], int]:
    """The values of a row that another key sealed, sealed with the first one; and how many no key opens."""
    ring, values, lost = keyring(), {}, 0
    for column in columns:
        sealed = row[column.name]
        if sealed is None or ring.is_current(bytes(sealed)):
            continue
        try:
            values[column.name] = literal(ring.seal(ring.open(bytes(sealed))), BYTEA)
        except SealBroken:
            lost += 1
    return values, lost

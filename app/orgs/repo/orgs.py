"""Organisations."""

import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, delete, func, literal, select, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db.base import Base, db
from app.db.cursor import Order, Page, paginate
from app.orgs.models import Org
from app.web.conditions import searched
from app.web.listing import ListState

_SLUG_LENGTH = 48  # leaves room for a number


_SORTS: Mapping[str, ColumnElement[Any]] = {
    "name": func.lower(Org.name),
    "created": Org.created_at.expression,
}


@dataclass(frozen=True)
class OrgRow:
    """An organisation in the list of all."""

    id: UUID
    name: str
    slug: str
    created_at: datetime
    members: int
    owners: int


class SlugTaken(Exception):
    """Another organisation has this address."""


class OrgRepo:
    """Organisations."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def get(self, org_id: UUID) -> Org | None:
        """The organisation."""
        return self._session.get(Org, org_id)

    def all(self) -> Sequence[Org]:
        """Every organisation, in the order of their addresses."""
        return self._session.scalars(select(Org).order_by(Org.slug)).all()

    def page(self, state: ListState) -> Page[OrgRow]:
        """All organisations with the size of each, as the list's state asks."""
        sizes = func.org_sizes().table_valued("org_id", "members", "owners", name="sizes")
        statement = (
            select(Org.id, Org.name, Org.slug, Org.created_at, sizes.c.members, sizes.c.owners)
            .outerjoin(sizes, sizes.c.org_id == Org.id)
            .where(*searched(state, Org.name, Org.slug))
        )
        order = Order(_SORTS[state.sort_key], Org.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _org_row)

    def for_slug(self, slug: str) -> Org | None:
        """The organisation whose addresses begin with `/o/<slug>`."""
        return self._session.scalar(select(Org).where(Org.slug == slug))

    def only(self) -> Org | None:
        """The organisation of an instance that has exactly one."""
        found = self._session.scalars(select(Org).limit(2)).all()
        return found[0] if len(found) == 1 else None

    def add(self, name: str) -> Org:
        """Store an organisation under the first free slug made of its name."""
        for slug in _slugs(name):
            row = insert(Org).values(name=name, slug=slug).on_conflict_do_nothing(index_elements=["slug"])
            org = self._session.scalars(row.returning(Org)).one_or_none()
            if org is not None:
                return org
        raise SlugTaken(name)

    def lock(self, org_id: UUID) -> Org | None:
        """The organisation as it is now, after waiting for others that change it or who belongs to it."""
        return self._session.scalar(
            select(Org)
            .where(Org.id == org_id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )

    def save(self, org: Org) -> None:
        """Write changed columns. Raises SlugTaken."""
        slug = org.slug  # not to be read once the flush has failed
        try:
            self._session.flush()
        except IntegrityError as error:
            raise SlugTaken(slug) from error

    def dismiss_card(self, org_id: UUID, card: str) -> bool:
        """Note that a set-up card is not to be shown again; False if it was noted before."""
        noted = func.coalesce(Org.settings["dismissed_cards"], func.jsonb_build_array())
        more = func.jsonb_build_object("dismissed_cards", noted.op("||")(func.jsonb_build_array(card)))
        changed = (
            update(Org)
            .where(Org.id == org_id, ~noted.bool_op("?")(card))
            .values(settings=Org.settings.op("||")(more))
            .returning(Org.id)
        )
        return self._session.execute(changed).one_or_none() is not None

    def remove(self, org_id: UUID) -> None:
        """Delete the organisation; the database deletes every row that belongs to it."""
        self._session.execute(delete(Org).where(Org.id == org_id))

    def counts(self, org_id: UUID, *only: str) -> Mapping[str, int]:
        """How many rows of the organisation each tenant table holds; one statement.

        Of each of `only`, those that a list shows at first: neither deleted nor archived ones.
        """
        tables = [table for table in Base.metadata.sorted_tables if "org_id" in table.c]
        tables = [table for table in tables if not only or table.name in only]
        parts = [
            select(literal(table.name).label("name"), func.count().label("rows"))
            .select_from(table)
            .where(table.c.org_id == org_id, *(_in_use(table) if only else ()))
            for table in tables
        ]
        return {row.name: row.rows for row in self._session.execute(union_all(*parts))}


def _in_use(table: Table) -> Iterator[ColumnElement[bool]]:
    """Rows of the table that are neither deleted nor archived."""
    if "deleted_at" in table.c:
        yield table.c.deleted_at.is_(None)
    if "archived" in table.c:
        yield ~table.c.archived


def _slugs(name: str) -> Iterator[str]:
    """Addresses to try for a name: `acme`, `acme-2` to `acme-9`, then with random digits."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-") or "org"
    yield base
    yield from (f"{base}-{number}" for number in range(2, 10))
    yield from (f"{base}-{secrets.token_hex(4)}" for _ in range(3))


def _org_row(row: Row[Any]) -> OrgRow:
    return OrgRow(row.id, row.name, row.slug, row.created_at, row.members or 0, row.owners or 0)

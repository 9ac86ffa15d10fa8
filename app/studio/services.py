"""Looking into tables: in whose name, and which row is meant."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, unquote
from uuid import UUID

from app.db.scope import current_scope, use_scope
from app.studio.repo.catalogue import CatalogueRepo, Column, Table, TableFacts
from app.web.access import role_has
from app.web.errors import NotFound
from app.web.identity import Membership, Visitor
from app.web.listing import ListState

RIGHT = "data.read"
_MOST_DIGITS = 18


def open_orgs(visitor: Visitor) -> dict[str, Membership]:
    """The organisations whose rows a platform admin may look at, by address: there, too, only a membership counts."""
    return {member.slug: member for member in visitor.memberships if role_has(member.role, RIGHT)}


def table_named(name: str) -> Table:
    """The table of that name. Raises NotFound."""
    table = CatalogueRepo().table(name) if "\0" not in name else None
    if table is None:
        raise NotFound
    return table


def listed_tables(state: ListState) -> list[TableFacts]:
    """The tables as the list's state asks; they are few."""
    kinds = state.chosen.get("kind", ())
    found = [
        table
        for table in CatalogueRepo().tables()
        if all(term.lower() in table.name for term in state.terms)
        and (not kinds or ("org" if table.guarded else "platform") in kinds)
    ]
    found.sort(key=lambda table: getattr(table, state.sort_key) or 0, reverse=state.descending)
    return found


def enter(org_id: UUID | None) -> None:
    """See that organisation's rows, or those of the platform alone, until the request ends."""
    use_scope(replace(current_scope(), org_id=org_id))


def row_address(key: Sequence[str]) -> str:
    """The key of a row as one part of an address."""
    return ",".join(quote(part, safe="") for part in key)


def read_row_address(table: Table, address: str) -> tuple[str, ...]:
    """The key that `row_address` wrote. Raises NotFound for what cannot be the key of a row of the table."""
    parts = tuple(unquote(part) for part in address.split(","))
    columns = [table.column(name) for name in table.key]
    if len(parts) != len(columns) or not all(map(_fits, columns, parts)):
        raise NotFound
    return parts


def _fits(column: Column, text: str) -> bool:
    if column.kind == "id":
        try:
            return str(UUID(text)) == text
        except ValueError:
            return False
    if column.kind == "whole":
        digits = text.removeprefix("-")
        return digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS
    return "\0" not in text and text.isprintable()

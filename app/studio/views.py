"""The data browser: all tables, what one is made of, its rows, and one row."""

from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.audit.services import record
from app.db.session import TooSlow, analytics_session, transaction
from app.studio.forms import TABLES, row_list
from app.studio.repo.catalogue import Table
from app.studio.repo.rows import VALUE_LENGTH, RowRepo
from app.studio.services import (
    enter,
    listed_tables,
    open_orgs,
    read_row_address,
    row_address,
    table_named,
)
from app.web.access import platform_admin
from app.web.errors import NotFound
from app.web.export import stream_table
from app.web.filters import viewer_zone
from app.web.identity import require_visitor
from app.web.listing import ListState, read_list, show_list
from app.web.render import render

PATH = "/platform/data"
bp = Blueprint("data", __name__, url_prefix=PATH)


@bp.get("")
@platform_admin
def index() -> Response:
    """All tables with their size."""
    state = read_list(TABLES)
    return render("data/index.html", "results", state=state, tables=listed_tables(state))


@bp.get("/<table>")
@platform_admin
def show(table: str) -> Response:
    """Columns, indexes, relations and policies of a table."""
    return render("data/show.html", table=table_named(table))


@bp.get("/<table>/rows")
@platform_admin
def rows(table: str) -> Response:
    """The rows that match the address."""
    found = table_named(table)
    state, org_id = _asked(found)
    context: dict[str, Any] = {
        "table": found,
        "org": _slug(state),
        "orgs": open_orgs(require_visitor()),
        "row_address": row_address,
        "most": VALUE_LENGTH,
    }
    if not found.readable or (found.of_orgs and org_id is None):
        return render("data/rows.html", "results", state=state, page=None, slow=False, **context)
    try:
        with analytics_session() as session:
            page = RowRepo(session).page(org_id, found, state)
    except TooSlow:
        return render("data/rows.html", "results", state=state, page=None, slow=True, **context)
    return show_list("data/rows.html", state, page, slow=False, **context)


@bp.get("/<table>/rows.csv")
@platform_admin
def export(table: str) -> Response:
    """The rows that match the address as a file, with the shown columns."""
    found = table_named(table)
    state, org_id = _asked(found)
    if not found.readable or (found.of_orgs and org_id is None):
        raise NotFound
    return stream_table(
        found.name,
        state.columns,
        lambda session: RowRepo(session).stream(org_id, found, state),
        partial(_note, found.name),
    )


@bp.get("/<table>/rows/<key>")
@platform_admin
def row(table: str, key: str) -> Response:
    """One row with all its values."""
    found = table_named(table)
    state, org_id = _asked(found)
    wanted = read_row_address(found, key)
    with analytics_session() as session:
        shown = RowRepo(session).get(org_id, found, wanted)
    if shown is None:
        raise NotFound
    return render("data/row.html", table=found, row=shown, key=key, org=_slug(state))


def _note(name: str) -> None:
    with transaction():
        query = request.query_string.decode("ascii", "replace")
        record("data.export", "table", target_label=name, after={"query": query})


def _asked(table: Table) -> tuple[ListState, UUID | None]:
    """The list's state and the organisation whose rows are meant, entered; the only one without being named."""
    orgs = open_orgs(require_visitor())
    names = {slug: org.name for slug, org in orgs.items()}
    state = read_list(row_list(table, names), viewer_zone().key, path=url_for(".rows", table=table.name))
    slug = _slug(state) or (next(iter(orgs)) if len(orgs) == 1 else None)
    org_id = orgs[slug].org_id if slug and table.of_orgs else None
    enter(org_id)
    return state, org_id


def _slug(state: ListState) -> str | None:
    return next(iter(state.chosen.get("org", ())), None)

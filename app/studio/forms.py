"""What the list of tables, and the rows of each table, can be asked."""

from collections.abc import Mapping, Sequence

from app.studio.repo.catalogue import Column, Table
from app.web.listing import RESERVED, Facet, ListSpec

SHOWN_COLUMNS = 6
LAST_SHOWN = ("created_at", "updated_at")
TABLES = ListSpec(
    sorts={"name": "name", "rows": "rows", "size": "size"},
    default_sort="name",
    facets={"kind": Facet("Kind", {"org": "Of organisations", "platform": "Of the platform"})},
)
_FLAGS = {"true": "true", "false": "false"}


def row_list(table: Table, orgs: Mapping[str, str]) -> ListSpec:
    """The list of a table's rows; `orgs` maps the address of each organisation that may be looked into to its name."""
    usable = [column for column in table.columns if column.shown and column.name not in {*RESERVED, "org"}]
    facets = {"org": Facet("Organisation", orgs)} if table.of_orgs else {}
    facets |= {column.name: Facet(column.name, _choices(column)) for column in usable if _choices(column)}
    first = table.key[0] if table.key else table.columns[0].name
    return ListSpec(
        sorts={first: "primary key"} if table.key else {first: "place"},
        default_sort=f"-{first}",
        facets=facets,
        dates={column.name: column.name for column in usable if column.kind == "moment"},
        numbers={column.name: column.name for column in usable if column.kind in {"whole", "number"}},
        columns={column.name: column.name for column in table.columns},
        shown=_shown(table, first),
    )


def _choices(column: Column) -> Mapping[str, str]:
    return _FLAGS if column.kind == "flag" else {choice: choice for choice in column.choices}


def _shown(table: Table, first: str) -> tuple[str, ...]:
    """The first column, the next few that say something, and when the row was written."""
    telling: Sequence[str] = [
        column.name
        for column in table.columns
        if column.shown and column.name not in {first, "org_id", *LAST_SHOWN} and column.kind != "json"
    ]
    moments = [column.name for column in table.columns if column.name == LAST_SHOWN[0]]
    return (first, *telling[: SHOWN_COLUMNS - 1 - len(moments)], *moments)

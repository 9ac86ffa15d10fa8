"""What the database says about its own tables."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db.base import db
from app.studio.repo.masking import may_show

_KEY_KINDS = frozenset({"id", "whole", "text"})
_KINDS = {
    **dict.fromkeys(("float4", "float8", "numeric"), "number"),
    **dict.fromkeys(("int2", "int4", "int8"), "whole"),
    **dict.fromkeys(("text", "varchar", "bpchar"), "text"),
    **dict.fromkeys(("json", "jsonb"), "json"),
    "uuid": "id",
    "bool": "flag",
    "timestamptz": "moment",
}
_LISTED_VALUE = re.compile(r"'((?:[^']|'')*)'::")
_DELETIONS = {"a": "no action", "r": "restrict", "c": "cascade", "n": "set null", "d": "set default"}
_COMMANDS = {"*": "all", "r": "select", "a": "insert", "w": "update", "d": "delete"}

_OUR_TABLES = "c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
_TABLES = text(
    f"""
    SELECT c.relname AS name, c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS size,
           pg_indexes_size(c.oid) AS index_size, c.relrowsecurity AS guarded
      FROM pg_class c
     WHERE {_OUR_TABLES}
     ORDER BY c.relname
    """  # noqa: S608 - a constant
)
_TABLE = text(
    f"""
    SELECT c.relname AS name, c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS size,
           pg_indexes_size(c.oid) AS index_size, c.relrowsecurity AS guarded,
           (SELECT json_agg(json_build_object(
                       'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'base', t.typname,
                       'is_enum', t.typtype = 'e', 'nullable', NOT a.attnotnull,
                       'default', pg_get_expr(d.adbin, d.adrelid),
                       'readable', has_column_privilege(c.oid, a.attnum, 'SELECT')) ORDER BY a.attnum)
              FROM pg_attribute a
              JOIN pg_type t ON t.oid = a.atttypid
              LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
           (SELECT json_agg(json_build_object(
                       'name', i.relname, 'definition', pg_get_indexdef(i.oid), 'size', pg_relation_size(i.oid),
                       'is_unique', x.indisunique, 'is_primary', x.indisprimary) ORDER BY i.relname)
              FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
             WHERE x.indrelid = c.oid) AS indexes,
           (SELECT json_agg(a.attname ORDER BY k.place)
              FROM pg_index x
             CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k(attnum, place)
              JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
             WHERE x.indrelid = c.oid AND x.indisprimary) AS key,
           (SELECT json_agg(json_build_object(
                       'name', f.conname, 'table', s.relname, 'target', r.relname, 'on_delete', f.confdeltype,
                       'table_guarded', s.relrowsecurity, 'target_guarded', r.relrowsecurity,
                       'columns', (SELECT json_agg(a.attname ORDER BY k.place)
                                     FROM unnest(f.conkey) WITH ORDINALITY AS k(attnum, place)
                                     JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum),
                       'target_columns', (SELECT json_agg(a.attname ORDER BY k.place)
                                     FROM unnest(f.confkey) WITH ORDINALITY AS k(attnum, place)
                                     JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.attnum)
                       ) ORDER BY s.relname, f.conname)
              FROM pg_constraint f
              JOIN pg_class s ON s.oid = f.conrelid
              JOIN pg_class r ON r.oid = f.confrelid
             WHERE f.contype = 'f' AND c.oid IN (f.conrelid, f.confrelid)) AS links,
           (SELECT json_agg(json_build_object(
                       'name', k.conname, 'definition', pg_get_constraintdef(k.oid),
                       'columns', (SELECT json_agg(a.attname) FROM pg_attribute a
                                    WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey))) ORDER BY k.conname)
              FROM pg_constraint k WHERE k.contype = 'c' AND k.conrelid = c.oid) AS checks,
           (SELECT json_agg(json_build_object(
                       'name', p.polname, 'command', p.polcmd, 'roles', (SELECT string_agg(o.rolname, ', ')
                         FROM pg_roles o WHERE o.oid = ANY (p.polroles)),
                       'using', pg_get_expr(p.polqual, p.polrelid),
                       'check', pg_get_expr(p.polwithcheck, p.polrelid)) ORDER BY p.polname)
              FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
      FROM pg_class c
     WHERE {_OUR_TABLES} AND c.relname = :name
    """  # noqa: S608 - a constant
)


@dataclass(frozen=True)
class TableFacts:
    """A table in the list of all. `rows` is PostgreSQL's estimate, None before the first; sizes are in bytes.

    `guarded` tables show only the rows of an organisation.
    """

    name: str
    rows: int | None
    size: int
    index_size: int
    guarded: bool


@dataclass(frozen=True)
class Column:
    """A column. `kind` is id, whole, number, flag, moment, text, json or other; `choices` are what a check allows.

    Columns that are not `readable` the application itself may not read; whether others are `shown` their name says.
    """

    name: str
    type: str
    kind: str
    nullable: bool
    default: str | None
    readable: bool
    shown: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Index:
    """An index with its definition as SQL; its size is in bytes."""

    name: str
    definition: str
    size: int
    is_unique: bool
    is_primary: bool


@dataclass(frozen=True)
class Link:
    """A foreign key from columns of `table` to columns of `target`."""

    name: str
    table: str
    table_guarded: bool
    columns: tuple[str, ...]
    target: str
    target_guarded: bool
    target_columns: tuple[str, ...]
    on_delete: str

    @property
    def by_id(self) -> str | None:
        """The column that holds the target's id, the organisation's aside; None for a key of another kind."""
        pairs = [pair for pair in zip(self.columns, self.target_columns, strict=True) if pair[1] != "org_id"]
        return pairs[0][0] if [target for _, target in pairs] == ["id"] else None


@dataclass(frozen=True)
class Rule:
    """A check or a policy in words of SQL."""

    name: str
    definition: str


@dataclass(frozen=True)
class Table:
    """A table with all that the catalogue knows of it.

    `key` is the primary key; it is empty if a part of it cannot be shown, and then rows can neither be paged nor
    opened.
    """

    name: str
    rows: int | None
    size: int
    index_size: int
    guarded: bool
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[Index, ...]
    links: tuple[Link, ...]
    checks: tuple[Rule, ...]
    policies: tuple[Rule, ...]

    def column(self, name: str) -> Column:
        """The column of that name. KeyError."""
        return {column.name: column for column in self.columns}[name]

    @property
    def readable(self) -> bool:
        """Whether the application may read anything of it."""
        return any(column.readable for column in self.columns)

    @property
    def of_orgs(self) -> bool:
        """Whether its rows belong to organisations."""
        return self.guarded and any(column.name == "org_id" for column in self.columns)

    @property
    def outgoing(self) -> list[Link]:
        """What its rows refer to."""
        return [link for link in self.links if link.table == self.name]

    @property
    def incoming(self) -> list[Link]:
        """What refers to its rows."""
        return [link for link in self.links if link.target == self.name]


class CatalogueRepo:
    """The tables of the product."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def tables(self) -> list[TableFacts]:
        """All tables by name; one statement."""
        return [
            TableFacts(**{**row._mapping, "rows": _estimate(row.rows)})  # noqa: SLF001 - the public name of Row's mapping
            for row in self._session.execute(_TABLES)
        ]

    def table(self, name: str) -> Table | None:
        """One table; one statement."""
        row = self._session.execute(_TABLE, {"name": name}).one_or_none()
        if row is None:
            return None
        columns = tuple(_column(row.name, column, row.checks or ()) for column in row.columns or ())
        openable = {column.name for column in columns if column.shown and column.kind in _KEY_KINDS}
        key = tuple(row.key or ())
        return Table(
            name=row.name,
            rows=_estimate(row.rows),
            size=row.size,
            index_size=row.index_size,
            guarded=row.guarded,
            columns=columns,
            key=key if openable.issuperset(key) else (),
            indexes=tuple(Index(**index) for index in row.indexes or ()),
            links=tuple(_link(link) for link in row.links or ()),
            checks=tuple(Rule(check["name"], check["definition"]) for check in row.checks or ()),
            policies=tuple(_policy(policy) for policy in row.policies or ()),
        )


def _estimate(rows: int) -> int | None:
    return None if rows < 0 else rows


def _column(table: str, found: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]) -> Column:
    name, base = found["name"], found["base"]
    kind = "text" if found["is_enum"] else _KINDS.get(base, "other")
    readable = found["readable"]
    shown = readable and may_show(table, name, base, is_enum=found["is_enum"])
    listed = [check["definition"] for check in checks if check["columns"] == [name]]
    found_in = next((rule for rule in listed if kind == "text" and f"({name} = ANY" in rule), "")
    return Column(
        name, found["type"], kind, found["nullable"], found["default"], readable, shown, _values(found_in)
    )


def _values(definition: str) -> tuple[str, ...]:
    return tuple(value.replace("''", "'") for value in _LISTED_VALUE.findall(definition))


def _link(found: Mapping[str, Any]) -> Link:
    return Link(
        **{
            **found,
            "columns": tuple(found["columns"]),
            "target_columns": tuple(found["target_columns"]),
            "on_delete": _DELETIONS[found["on_delete"]],
        }
    )


def _policy(found: Mapping[str, Any]) -> Rule:
    parts = [f"for {_COMMANDS[found['command']]} to {found['roles'] or 'public'}"]
    parts += [f"{word} {found[word]}" for word in ("using", "check") if found[word]]
    return Rule(found["name"], "\n".join(parts))

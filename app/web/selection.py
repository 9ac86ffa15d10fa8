"""Rows that are acted on together: which were ticked, what came of it, and which were left as they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID
from zlib import compress

from flask import Response, request, session

from app.web.errors import NotFound, Refusal
from app.web.filters import grouped
from app.web.render import render, toast

MOST_IDS = 200
MOST_ROWS = 100
_SHOWN, _NAME, _REASON = 50, 60, 120
_MOST_KEPT = 2_000
"""Bytes of rows, packed, that the cookie of a visit has room for."""
_KEY = "skipped"


@dataclass(frozen=True)
class Skipped:
    """A row that was left as it is, and why: the end of a sentence that begins with its name.

    Without an id it is what did not become a row, and the reason a sentence of its own.
    """

    id: UUID | None
    name: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What came of a change of several rows."""

    changed: int
    skipped: Sequence[Skipped] = ()


@dataclass(frozen=True)
class Left:
    """The rows that the last change left as they are: how many, and id, name and reason of the first of them."""

    count: int = 0
    rows: Sequence[Mapping[str, str]] = ()

    @property
    def ids(self) -> frozenset[str]:
        """The rows that stay ticked."""
        return frozenset(row["id"] for row in self.rows if row["id"])


def posted_ids() -> list[UUID]:
    """The ids ticked in a list, each once. NotFound for one in another spelling, Refusal for more than 200."""
    raw = list(dict.fromkeys(request.form.getlist("ids")))
    if len(raw) > MOST_IDS:
        raise Refusal(422, "At most 200 rows can be changed at once.")
    try:
        ids = [UUID(value) for value in raw]
    except ValueError as error:
        raise NotFound from error
    if [str(row_id) for row_id in ids] != raw:
        raise NotFound
    return ids


def ticked(noun: str) -> list[UUID]:
    """The ids ticked in a list of such, as `posted_ids`. Refusal if there is none."""
    ids = posted_ids()
    if not ids:
        raise Refusal(422, f"Select at least one {noun}.")
    return ids


def listed_ids(raw: str) -> list[UUID]:
    """The ids of an address, the first 100; what is none is left out."""
    found = []
    for part in raw.split(",")[:MOST_ROWS]:
        try:
            found.append(UUID(part))
        except ValueError:
            continue
    return found


@dataclass(frozen=True)
class Question:
    """What is asked before rows change for good, such as act "Remove", count 3, noun "member"; back is their list."""

    act: str
    count: int
    noun: str
    lead: str
    back: str

    @property
    def title(self) -> str:
        """`Remove 3 members`."""
        return f"{self.act} {self.count} {self.noun}{'' if self.count == 1 else 's'}"


def ask_first(asked: Question) -> Response | None:
    """The page that asks, from which the same form is sent again; None once the visitor has agreed there."""
    if request.form.get("sure"):
        return None
    sent = [pair for pair in request.form.items(multi=True) if pair[0] != "csrf_token"]
    return render("bulk_confirm.html", "results", asked=asked, sent=sent)


def report(outcome: Outcome, done: str, path: str, undo_url: str | None = None) -> None:
    """A notice such as "4 archived, 1 skipped."; the list at `path` shows what was skipped, and keeps it ticked."""
    parts = [f"{grouped(outcome.changed)} {done}"] if outcome.changed or not outcome.skipped else []
    if outcome.skipped:
        parts.append(f"{grouped(len(outcome.skipped))} skipped")
        rows = [
            {"id": str(row.id or ""), "name": row.name[:_NAME], "reason": row.reason[:_REASON]}
            for row in outcome.skipped[:_SHOWN]
        ]
        session[_KEY] = {"path": path, "count": len(outcome.skipped), "rows": _fitting(rows)}
    level = "success" if outcome.changed else "warning"
    toast(f"{', '.join(parts)}.", level, undo_url if outcome.changed else None)


def _fitting(rows: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """The first of these rows, as many as the cookie holds."""
    while len(compress(json.dumps(rows).encode())) > _MOST_KEPT:
        rows = rows[:-1]
    return rows


def left_alone(path: str) -> Left:
    """What `report` kept for the list at `path`, once."""
    if session.get(_KEY, {}).get("path") != path:
        return Left()
    kept = session.pop(_KEY)
    return Left(kept["count"], kept["rows"])

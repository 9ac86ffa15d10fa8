"""The address is the state of a list: parameters read, checked and written back in one canonical form.

A list declares a ListSpec; `read_list` turns the query string into a frozen ListState that the repository understands,
and `ListPage` gives the template the rows with the links around them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from flask import request
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.datastructures import MultiDict

from app.db import terms
from app.db.cursor import Page, PageRequest, Position
from app.web.security import settings

SIZES = (20, 50, 100)
RESERVED = ("q", "sort", "per", "after", "before", "last")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Facet:
    """A filter with listed values: `choices` maps each value to its words."""

    label: str
    choices: Mapping[str, str]


@dataclass(frozen=True)
class ListSpec:
    """What a list can be searched, filtered and sorted by. `sorts` maps each key to its words."""

    sorts: Mapping[str, str]
    default_sort: str
    facets: Mapping[str, Facet] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """A range of moments; `text` is its canonical form in the address. Open ends are None."""

    text: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True)
class Chip:
    """An active filter and the address without it."""

    label: str
    value: str
    url: str


@dataclass(frozen=True)
class ListState:
    """The checked state of a list. `excluded` holds the values given with a leading minus."""

    path: str
    spec: ListSpec
    q: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    sort: str = ""
    per: int = SIZES[0]
    request: PageRequest = field(default_factory=PageRequest)
    notices: tuple[str, ...] = ()

    @property
    def sort_key(self) -> str:
        """The sort without its direction."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the sort is descending."""
        return self.sort.startswith("-")

    @property
    def terms(self) -> tuple[str, ...]:
        """The words and phrases searched for."""
        return terms.terms(self.q)

    @property
    def filtered(self) -> bool:
        """Whether a search or filter narrows the list."""
        return bool(self.q or self.chosen or self.excluded or self.spans)

    def pairs(self) -> list[tuple[str, str]]:
        """The canonical query without position: defaults left out, keys in order, values sorted."""
        pairs = [("q", self.q)] if self.q else []
        for key in self.spec.facets:
            pairs += [(key, value) for value in sorted(self.chosen.get(key, ()))]
            pairs += [(key, f"-{value}") for value in sorted(self.excluded.get(key, ()))]
        pairs += [(key, self.spans[key].text) for key in self.spec.dates if key in self.spans]
        if self.sort != self.spec.default_sort:
            pairs.append(("sort", self.sort))
        if self.per != SIZES[0]:
            pairs.append(("per", str(self.per)))
        return pairs

    def url(self, position: Sequence[tuple[str, str]] = ()) -> str:
        """The canonical address of this state, optionally at a position."""
        query = urlencode([*self.pairs(), *position])
        return f"{self.path}?{query}" if query else self.path

    def sort_url(self, key: str) -> str:
        """The address sorted by `key`; the other direction if it is sorted so already."""
        default = self.spec.default_sort
        first = default if default.removeprefix("-") == key else key
        flipped = key if self.descending else f"-{key}"
        return replace(self, sort=flipped if self.sort_key == key else first).url()

    @property
    def clear_url(self) -> str:
        """The address without search and filters."""
        return replace(self, q="", chosen={}, excluded={}, spans={}).url()

    def chips(self) -> list[Chip]:
        """The active filters, each with the address that removes only it."""
        chips = [Chip("Search", self.q, replace(self, q="").url())] if self.q else []
        for key, facet in self.spec.facets.items():
            for group, name in ((self.chosen, "chosen"), (self.excluded, "excluded")):
                for value in group.get(key, ()):
                    left = tuple(other for other in group[key] if other != value)
                    words = facet.choices[value] if name == "chosen" else f"not {facet.choices[value]}"
                    changed = {**group, key: left} if left else {k: v for k, v in group.items() if k != key}
                    chips.append(Chip(facet.label, words, replace(self, **{name: changed}).url()))  # type: ignore[arg-type]
        for key, span in self.spans.items():
            left_spans = {other: value for other, value in self.spans.items() if other != key}
            chips.append(Chip(self.spec.dates[key], span.text, replace(self, spans=left_spans).url()))
        return chips

    def digest(self) -> str:
        """What a cursor is bound to: search, filters and sort."""
        bound = [pair for pair in self.pairs() if pair[0] != "per"]
        return hashlib.sha256(orjson.dumps([self.path, bound])).hexdigest()[:12]

    def cursor(self, position: Position) -> str:
        """A signed, versioned token for a position in this list."""
        value = position.value
        if isinstance(value, datetime):
            value = {"t": value.isoformat()}
        return _signer().dumps([1, self.digest(), value, str(position.id), position.ordinal])


@dataclass(frozen=True)
class ListPage(Generic[Item]):
    """Rows for a template, with the ordinal of the first and last, the count and the links around them."""

    rows: Sequence[Item]
    first: int | None
    last: int | None
    total: int
    capped: bool
    first_url: str | None
    previous_url: str | None
    next_url: str | None
    last_url: str | None


def list_page(state: ListState, page: Page[Item]) -> ListPage[Item]:
    """The page with its links."""
    previous = [("before", state.cursor(page.previous))] if page.previous else None
    following = [("after", state.cursor(page.next))] if page.next else None
    return ListPage(
        rows=page.rows,
        first=page.first,
        last=None if page.first is None else page.first + len(page.rows) - 1 if page.rows else 0,
        total=page.total,
        capped=page.capped,
        first_url=state.url() if previous else None,
        previous_url=state.url(previous) if previous else None,
        next_url=state.url(following) if following else None,
        last_url=state.url([("last", "1")]) if following else None,
    )


def read_list(spec: ListSpec, zone: str = "UTC", args: "MultiDict[str, str] | None" = None) -> ListState:
    """The state in the query string. What cannot be used is dropped with a notice; nothing here is an error."""
    args = request.args if args is None else args
    notices: list[str] = []
    chosen, excluded = _facets(spec, args, notices)
    sort = args.get("sort", spec.default_sort)
    if sort.removeprefix("-") not in spec.sorts:
        notices.append("The list cannot be sorted that way; the usual order is shown.")
        sort = spec.default_sort
    state = ListState(
        path=request.path,
        spec=spec,
        q=terms.clean(args.get("q", "")),
        chosen=chosen,
        excluded=excluded,
        spans=_spans(spec, args, zone, notices),
        sort=sort,
        per=_size(args.get("per", "")),
    )
    known = {*RESERVED, *spec.facets, *spec.dates, "cols", "view"}
    if any(key not in known for key in args):
        notices.append("Part of the address was not understood and is ignored.")
    wanted = _position(state, args, notices)
    return replace(state, request=wanted, notices=tuple(notices))


def _facets(
    spec: ListSpec, args: "MultiDict[str, str]", notices: list[str]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    chosen: dict[str, tuple[str, ...]] = {}
    excluded: dict[str, tuple[str, ...]] = {}
    for key, facet in spec.facets.items():
        values = [value for value in dict.fromkeys(args.getlist(key)) if value]
        if any(value.removeprefix("-") not in facet.choices for value in values):
            notices.append(f"An unknown value for {facet.label.lower()} was ignored.")
        plain = tuple(value for value in values if value in facet.choices)
        minus = tuple(value[1:] for value in values if value.startswith("-") and value[1:] in facet.choices)
        if plain:
            chosen[key] = plain
        if minus:
            excluded[key] = minus
    return chosen, excluded


def _size(raw: str) -> int:
    """The nearest allowed page size."""
    if not (raw.isascii() and raw.isdigit()):
        return SIZES[0]
    wanted = int(raw[:6])
    return min(SIZES, key=lambda size: abs(size - wanted))


def _spans(spec: ListSpec, args: "MultiDict[str, str]", zone: str, notices: list[str]) -> dict[str, Span]:
    spans = {}
    for key, label in spec.dates.items():
        raw = args.get(key, "").strip()
        if not raw:
            continue
        span = read_span(raw, zone)
        if span is None:
            notices.append(f"The range for {label.lower()} was not understood and is ignored.")
        else:
            spans[key] = span
    return spans


def read_span(raw: str, zone: str, now: datetime | None = None) -> Span | None:
    """`7d`, `24h`, `2026-11-01..2026-11-23` with open ends; days in `zone`. None if it is neither."""
    now = now or datetime.now(UTC)
    number, unit = raw[:-1], raw[-1:]
    if number.isascii() and number.isdigit() and len(number) <= 4 and unit in {"d", "h"}:
        length = timedelta(days=int(number)) if unit == "d" else timedelta(hours=int(number))
        return Span(raw, now - length, None)
    first, dots, last = raw.partition("..")
    try:
        start = _midnight(first, zone) if first else None
        end = _midnight(last if dots else first, zone, days=1) if last or not dots else None
    except (ValueError, OverflowError):
        return None
    if (start is None and end is None) or (start and end and start >= end):
        return None
    return Span(raw, start, end)


def _midnight(text: str, zone: str, days: int = 0) -> datetime:
    day = date.fromisoformat(text) + timedelta(days=days)
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _position(state: ListState, args: "MultiDict[str, str]", notices: list[str]) -> PageRequest:
    if args.get("last"):
        return PageRequest(state.per, last=True)
    after, before = args.get("after"), args.get("before")
    token = after or before
    if not token:
        return PageRequest(state.per)
    try:
        version, digest, value, row_id, ordinal = _signer().loads(token)
        if version != 1 or digest != state.digest():
            raise BadData("made for another list")  # noqa: TRY301 - one place says what happens then
        if isinstance(value, dict):
            value = datetime.fromisoformat(value["t"])
        position = Position(value, UUID(row_id), ordinal, backward=not after)
    except (BadData, ValueError, TypeError, KeyError):
        notices.append("The position in the list no longer fits; the first page is shown.")
        return PageRequest(state.per)
    return PageRequest(state.per, position)


def _signer() -> URLSafeSerializer:
    config = settings()
    keys = [*reversed(config.secret_key_fallbacks), config.secret_key]
    return URLSafeSerializer(keys, salt="list cursor", serializer=_Compact)


class _Compact:
    """orjson in the shape itsdangerous asks for."""

    @staticmethod
    def dumps(value: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(value: bytes | str) -> Any:
        return orjson.loads(value)

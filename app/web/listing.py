"""The address is the state of a list: parameters read, checked and written back in one canonical form.

A list declares a ListSpec; `read_list` turns the query string into a frozen ListState that the repository understands,
and `ListPage` gives the template the rows with the links around them.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import Response, request
from werkzeug.datastructures import MultiDict

from app.db import terms
from app.db.cursor import Page, PageRequest, Position
from app.web.bounds import Bounds, read_bounds
from app.web.parameters import SIZES, page_size, ranges, table_columns
from app.web.positions import position_token, read_position
from app.web.render import address_bar, render, trigger_id
from app.web.saved import Saved, SavedView, asked, with_base
from app.web.selection import left_alone
from app.web.spans import Span, read_span
from app.web.tokens import Forged, sign, unsign

PLACE = "list place"
RESERVED = ("q", "sort", "per", "after", "before", "end", "view", "cols")
TRAIL = "from"  # on a record's page that holds a list of its own: the list it was opened from
REPLACING = (
    "q",
    "per",
    "bulk",
    "live_state",
)  # ids of controls that leave no history entry; `col-` begins those of columns
REFILTERING = ("chip", "view-")  # ids of links after which the filter form follows the results
Item = TypeVar("Item")


@dataclass(frozen=True)
class Facet:
    """A filter with listed values: `choices` maps each value, or the id of each record, to its words."""

    label: str
    choices: Mapping[str, str]


@dataclass(frozen=True)
class ListSpec:
    """What a list can be searched, filtered and sorted by, and which columns it has.

    Each mapping goes from a key to its words. The first of `shown`, the columns shown by default, always is.
    `ranked` lists end where people stop reading: nobody asks for their last page.
    """

    sorts: Mapping[str, str]
    default_sort: str
    facets: Mapping[str, Facet] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    ranked: bool = False


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
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    sort: str = ""
    per: int = SIZES[0]
    columns: tuple[str, ...] = ()
    request: PageRequest = field(default_factory=PageRequest)
    notices: tuple[str, ...] = ()
    saved: Saved = field(default_factory=Saved)

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
    def wordless(self) -> bool:
        """Whether nothing but ASCII signs is searched for, by which no message is found."""
        return bool(self.q) and self.q.isascii() and not any(char.isalnum() for char in self.q)

    @property
    def filtered(self) -> bool:
        """Whether a search or filter narrows the list."""
        return bool(self.q or self.chosen or self.excluded or self.spans or self.bounds)

    def pairs(self) -> list[tuple[str, str]]:
        """The canonical query without position; over a saved view, the view and what differs from it."""
        return self.saved.over(self.own_pairs())

    @property
    def changed(self) -> bool:
        """Whether the list shows something else than its saved view asks for."""
        return self.saved.view is not None and self.own_pairs() != list(self.saved.base)

    def view_url(self, view: SavedView | None) -> str:
        """The address of the list with a saved view as it was saved, or with none."""
        if view is not None:
            return f"{self.path}?view={view.id}"
        return f"{self.path}?view=" if self.saved.has_default else self.path

    def own_pairs(self) -> list[tuple[str, str]]:
        """The canonical query as if there were no view: defaults left out, keys in order, values sorted."""
        pairs = [("q", self.q)] if self.q else []
        for key in self.spec.facets:
            pairs += [(key, value) for value in sorted(self.chosen.get(key, ()))]
            pairs += [(key, f"-{value}") for value in sorted(self.excluded.get(key, ()))]
        pairs += [(key, self.spans[key].text) for key in self.spec.dates if key in self.spans]
        pairs += [(key, self.bounds[key].text) for key in self.spec.numbers if key in self.bounds]
        if self.sort != self.spec.default_sort:
            pairs.append(("sort", self.sort))
        if self.per != SIZES[0]:
            pairs.append(("per", str(self.per)))
        if self.columns != self.spec.shown:
            pairs.append(("cols", ",".join(self.columns)))
        return pairs

    @property
    def position(self) -> list[tuple[str, str]]:
        """The parameters of its position; none on the first page."""
        if self.request.last:
            return [("end", "1")]
        if self.request.position is None:
            return []
        side = "before" if self.request.backward else "after"
        return [(side, self.cursor(self.request.position))]

    @property
    def here(self) -> str:
        """The canonical address of this state at its position."""
        return self.url(self.position)

    @cached_property
    def place(self) -> str:
        """The state with its position as a token: where a record of this list was opened from."""
        return sign(PLACE, [self.path, self.pairs(), self.position])

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
    def sort_words(self) -> str:
        """What the rows are sorted by, and in which direction."""
        if self.sort_key in self.spec.dates:
            return f"{self.spec.sorts[self.sort_key]}, {'newest' if self.descending else 'oldest'} first"
        return f"{self.spec.sorts[self.sort_key]}{', descending' if self.descending else ''}"

    def head(self, *, selectable: bool, numbers: Sequence[str] = ()) -> list[dict[str, str]]:
        """The head cells of the table: a box to select all, if wanted, then the shown columns."""
        cells = [
            {
                "label": self.spec.columns[key],
                "sort": key if key in self.spec.sorts else "",
                "kind": "number" if key in numbers else "",
            }
            for key in self.columns
        ]
        return [{"label": "Select", "kind": "select"}, *cells] if selectable else cells

    def export_url(self, kind: str, *, every_column: bool = False) -> str:
        """The address of these rows as a file."""
        columns = tuple(self.spec.columns) if every_column else self.columns
        return replace(self, path=f"{self.path}.{kind}", per=SIZES[0], columns=columns).url()

    @property
    def clear_url(self) -> str:
        """The address without search and filters."""
        return replace(self, q="", chosen={}, excluded={}, spans={}, bounds={}).url()

    def chips(self) -> list[Chip]:
        """The active filters, each with the address that removes only it."""
        chips = [Chip("Search", self.q, replace(self, q="").url())] if self.q else []
        for key, facet in self.spec.facets.items():
            for group, name in ((self.chosen, "chosen"), (self.excluded, "excluded")):
                for value in group.get(key, ()):
                    left = tuple(other for other in group[key] if other != value)
                    words = facet.choices[value] if name == "chosen" else f"not {facet.choices[value]}"
                    changed = {**group, key: left} if left else _without(group, key)
                    chips.append(Chip(facet.label, words, replace(self, **{name: changed}).url()))  # type: ignore[arg-type]
        for key, span in self.spans.items():
            url = replace(self, spans=_without(self.spans, key)).url()
            chips.append(Chip(self.spec.dates[key], span.words, url))
        for key, bounds in self.bounds.items():
            url = replace(self, bounds=_without(self.bounds, key)).url()
            chips.append(Chip(self.spec.numbers[key], bounds.words, url))
        return chips

    def digest(self) -> str:
        """What a cursor is bound to: the list, search, filters and sort."""
        bound = [pair for pair in self.own_pairs() if pair[0] not in {"per", "cols"}]
        return hashlib.sha256(orjson.dumps([self.path, bound])).hexdigest()[:12]

    def cursor(self, position: Position) -> str:
        """A signed, versioned token for a position in this list."""
        return position_token(position, self.digest())

    def signed(self) -> str:
        """The state without position as a token: what someone saw and chose to act on."""
        return sign("list state", [self.path, self.own_pairs()])


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
        last_url=state.url([("end", "1")]) if following and not state.spec.ranked else None,
    )


def show_list(template: str, state: ListState, page: Page[Any], **context: Any) -> Response:
    """The list as page or region, with the canonical address and the pages around it in the headers.

    The template also gets `skipped`, what the last bulk change left as it is.
    """
    shown = list_page(state, page)
    control = trigger_id()
    context["skipped"] = left_alone(state.path)
    context["fresh_filters"] = control.startswith(REFILTERING)
    response = render(template, "results", state=state, page=shown, **context)
    links = [(state.here, "canonical"), (shown.next_url, "next"), (shown.previous_url, "prev")]
    response.headers["Link"] = ", ".join(f'<{url}>; rel="{rel}"' for url, rel in links if url)
    return address_bar(response, state.here, push=control not in REPLACING and not control.startswith("col-"))


def read_signed(
    spec_for: Callable[[MultiDict[str, str]], ListSpec], token: str, path: str, zone: str = "UTC"
) -> ListState | None:
    """The state in a token of `ListState.signed` for the list at `path`; None if it is none.

    `spec_for` makes the rules of the list for the parameters in the token.
    """
    signed = signed_pairs(token)
    if signed is None or signed[0] != path:
        return None
    args = MultiDict[str, str](signed[1])
    return read_list(spec_for(args), zone, args, path)


def signed_pairs(token: str) -> tuple[str, list[tuple[str, str]]] | None:
    """The list's address and its parameters in a token of `ListState.signed`; None if it is none."""
    try:
        path, pairs = unsign("list state", token)
        return str(path), [(str(key), str(value)) for key, value in pairs]
    except (Forged, ValueError, TypeError):
        return None


def read_list(
    spec: ListSpec, zone: str = "UTC", args: MultiDict[str, str] | None = None, path: str | None = None
) -> ListState:
    """The state in the query string, over the saved view it names. What cannot be used is dropped with a notice.

    `args` and `path` are those of the request unless given; nothing here is an error.
    """
    path = path or request.path
    args, saved, told = asked(path, args)
    state = _read(spec, zone, args, path)
    if saved.view is not None:
        saved = with_base(saved, _read(spec, zone, MultiDict(saved.view.pairs), path).own_pairs())
    notices = [*told, *state.notices]
    wanted = _position(state, args, notices)
    return replace(state, saved=saved, request=wanted, notices=tuple(notices))


def _read(spec: ListSpec, zone: str, args: MultiDict[str, str], path: str) -> ListState:
    notices: list[str] = []
    chosen, excluded = _facets(spec, args, notices)
    sort = args.get("sort") or spec.default_sort
    if sort.removeprefix("-") not in spec.sorts:
        notices.append("The list cannot be sorted that way; the usual order is shown.")
        sort = spec.default_sort
    known = {*RESERVED, TRAIL, *spec.facets, *spec.dates, *spec.numbers}
    if any(key not in known for key in args):
        notices.append("Part of the address was not understood and is ignored.")
    return ListState(
        path=path,
        spec=spec,
        q=terms.clean(args.get("q", "")),
        chosen=chosen,
        excluded=excluded,
        spans=ranges(spec.dates, args, lambda raw: read_span(raw, zone), notices),
        bounds=ranges(spec.numbers, args, read_bounds, notices),
        sort=sort,
        per=page_size(args.get("per", "")),
        columns=table_columns(spec.columns, spec.shown, args, notices),
        notices=tuple(notices),
    )


def pasted_id(prefix: str, text: str) -> UUID | None:
    """The id in a search text that is nothing else, with or without its type's prefix, sent with Enter; else None."""
    if trigger_id() == "q":
        return None
    try:
        return UUID(text.removeprefix(f"{prefix}_")) if len(text) >= 36 else None
    except ValueError:
        return None


def _facets(
    spec: ListSpec, args: MultiDict[str, str], notices: list[str]
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


def _position(state: ListState, args: MultiDict[str, str], notices: list[str]) -> PageRequest:
    if args.get("end"):
        return PageRequest(state.per, last=True)
    after, before = args.get("after"), args.get("before")
    token = after or before
    if not token:
        return PageRequest(state.per)
    position = read_position(token, state.digest(), backward=not after)
    if position is None:
        notices.append("The position in the list no longer fits; the first page is shown.")
    return PageRequest(state.per, position)


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {other: value for other, value in mapping.items() if other != key}

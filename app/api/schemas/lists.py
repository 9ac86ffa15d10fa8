"""Lists of the API: the parameters of the pages' lists, read strictly, and answers in pages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

from flask import Response, request
from pydantic import Field
from werkzeug.datastructures import MultiDict

from app.api.schemas.strict import Model, answer
from app.db.cursor import Page
from app.db.terms import MAX_LENGTH
from app.web.errors import FieldError, Refusal
from app.web.identity import require_caller
from app.web.listing import ListSpec, ListState, read_list

MOST = 100
USUAL = 20
LAST_ROW = 10_000
"""The last row that page numbers reach; a cursor goes on for ever."""
DATES = "`7d`, `24h` or `2026-11-01..2026-11-23`"
NUMBERS = "`10..`, `..5` or `3..9`"
Item = TypeVar("Item")


class Listing(Model, Generic[Item]):
    """A page of a list."""

    data: list[Item]
    total: Annotated[int, Field(ge=0, description="How many match; 10000 may mean more.")]
    total_is_exact: bool
    page_size: Annotated[int, Field(ge=1, le=MOST)]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for what follows.")]


def read_state(spec: ListSpec) -> ListState:
    """What the query asks of a list. Refusal 422 with each parameter that is wrong."""
    errors = list(_wrong(spec))
    if errors:
        raise Refusal(422, "Some parameters are wrong.", errors=errors)
    given = request.args
    per = int(given.get("page_size", USUAL))
    state = _read(spec, given)
    offset = (int(given["page"]) - 1) * per if "page" in given else 0
    return replace(state, per=per, request=replace(state.request, per=per, offset=offset, exact=True))


def _read(spec: ListSpec, given: MultiDict[str, str]) -> ListState:
    """The state; its path names the organisation, which the address does not, for cursors to be bound to it."""
    args = MultiDict(
        ("after" if key == "cursor" else key, value)
        for key, value in given.items(multi=True)
        if key not in {"page", "page_size"}
    )
    return read_list(spec, "UTC", args, f"/o/{require_caller().org.slug}{request.path}")


def _wrong(spec: ListSpec) -> Iterator[FieldError]:
    given = request.args
    for key, values in given.lists():
        if key not in {"page", "page_size"}:
            yield from _wrong_values(spec, key, values)
    yield from _wrong_numbers(given)
    if "cursor" in given and "page" in given:
        yield FieldError("page", "Give either page or cursor.")


def _wrong_values(spec: ListSpec, key: str, values: Sequence[str]) -> Iterator[FieldError]:
    """What is wrong with a parameter alone; a cursor can be judged only with what it was made for."""
    if key == "q":
        if len(values[0]) > MAX_LENGTH:
            yield FieldError("q", f"Use at most {MAX_LENGTH} characters.")
    elif not all(values):
        yield FieldError(key, "Give a value.")
    else:
        alone = request.args if key == "cursor" else MultiDict((key, value) for value in values)
        if _read(spec, alone).notices:
            yield FieldError(key, _expected(spec, key))


def _expected(spec: ListSpec, key: str) -> str:
    """What a parameter takes. A page leaves a wrong value aside and says so, a program is refused."""
    if key == "cursor":
        return "Give the `next_cursor` of a page with the same other parameters."
    if key == "sort":
        return f"Give one of {', '.join(spec.sorts)}, with a leading `-` to descend."
    if key in spec.facets:
        return "There is no such value."
    return f"Give {DATES if key in spec.dates else NUMBERS}."


def _wrong_numbers(given: Mapping[str, str]) -> Iterator[FieldError]:
    size = number(given.get("page_size", str(USUAL)))
    if size is None or size > MOST:
        yield FieldError("page_size", f"Give a whole number from 1 to {MOST}.")
    page = number(given.get("page", "1"))
    if page is None or page * (size or USUAL) > LAST_ROW:
        yield FieldError("page", f"Give a whole number from 1 on, up to row {LAST_ROW}; beyond, use cursor.")


def number(text: str) -> int | None:
    """A whole number from 1 on; None for anything else."""
    usable = text.isascii() and text.isdigit() and len(text) <= 9 and not text.startswith("0")
    return int(text) if usable else None


def listing(model: type[Listing[Any]], page: Page[Any], state: ListState, items: Sequence[Any]) -> Response:
    """A page of a list as the answer."""
    cursor = state.cursor(page.next) if page.next else None
    shown = model(
        data=list(items),
        total=page.total,
        total_is_exact=not page.capped,
        page_size=state.per,
        next_cursor=cursor,
    )
    return with_next(answer(shown), cursor)


def with_next(response: Response, cursor: str | None) -> Response:
    """The answer with the address of the next page in its `Link` (RFC 8288)."""
    if cursor:
        kept = [
            (key, value) for key, value in request.args.items(multi=True) if key not in {"cursor", "page"}
        ]
        response.headers["Link"] = f'<{request.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'
    return response


def parameters(spec: ListSpec) -> list[dict[str, Any]]:
    """The parameters of a list as OpenAPI describes them. Filters without listed values take any text."""
    sorts = [key for name in spec.sorts for key in (name, f"-{name}")]
    return [
        parameter(
            "q", {"type": "string", "maxLength": MAX_LENGTH}, 'All words must occur; "quotes" keep a phrase.'
        ),
        *(_facet(key, list(facet.choices), facet.label) for key, facet in spec.facets.items()),
        *(
            parameter(key, {"type": "string"}, f"{label}: {DATES}, in UTC.")
            for key, label in spec.dates.items()
        ),
        *(parameter(key, {"type": "string"}, f"{label}: {NUMBERS}.") for key, label in spec.numbers.items()),
        parameter(
            "sort", {"type": "string", "enum": sorts, "default": spec.default_sort}, "`-` is descending."
        ),
        parameter("cursor", {"type": "string"}, "The `next_cursor` of the page before."),
        parameter("page", {"type": "integer", "minimum": 1}, f"A page by number, up to row {LAST_ROW}."),
        parameter(
            "page_size", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}, "Rows a page."
        ),
    ]


def _facet(key: str, values: list[str], label: str) -> dict[str, Any]:
    listed = [value for name in values for value in (name, f"-{name}")]
    items: dict[str, Any] = {"type": "string", **({"enum": listed} if listed else {"minLength": 1})}
    words = f"{label}: any of these; a leading `-` excludes."
    return parameter(key, {"type": "array", "items": items}, words)


def parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """A parameter of the query as OpenAPI describes it."""
    return {"name": name, "in": "query", "schema": schema, "description": description}

"""What the document says of a view: an `operation` stands between its access mark and its function."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from flask import Flask, request
from werkzeug.routing import Rule

from app.api.schemas.strict import Model
from app.web.access import View, access_of
from app.web.errors import FieldError, Refusal
from app.web.render import speaks_openai

EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True)
class Operation:
    """A view as programs call it.

    `answer` is None where the answer is empty, `once` marks calls that take an Idempotency-Key, `refusals` are statuses
    beside those that the rest implies; 412 goes with `If-Match`. `also` are further statuses of the same answer.
    `streams` says of those that may be a stream, with 200, what its events are; `headers` are further ones of the
    answer, and `tagged` marks those with an ETag.
    """

    summary: str
    answer: type[Model] | None
    status: int = 200
    body: type[Model] | None = None
    query: Sequence[dict[str, Any]] = ()
    refusals: tuple[int, ...] = ()
    once: bool = False
    also: tuple[int, ...] = ()
    streams: str = ""
    headers: tuple[str, ...] = ()
    tagged: bool = False


@dataclass(frozen=True)
class Route:
    """An operation with its address and the scope its key needs."""

    rule: Rule
    method: str
    scope: str
    operation: Operation

    @property
    def speaks_openai(self) -> bool:
        """Whether it is one of those for OpenAI's clients, which refuse in their words."""
        return self.rule.rule.startswith("/v1/")


def operation(described: Operation) -> Callable[[View], View]:
    """Describe a view, and hold its callers to the parameters of the query that are described.

    Refusal 422 with each that is unknown or doubled; OpenAI's clients send what they like.
    """

    def apply(view: View) -> View:
        @wraps(view)
        def checked(**arguments: Any) -> Any:
            errors = [] if speaks_openai() else list(_wrong(described))
            if errors:
                raise Refusal(422, "Some parameters are wrong.", errors=errors)
            return view(**arguments)

        checked.operation = described  # type: ignore[attr-defined]
        return cast("View", checked)

    return apply


def _wrong(described: Operation) -> Iterator[FieldError]:
    taken = {each["name"]: each["schema"] for each in described.query if each["in"] == "query"}
    for name, values in request.args.lists():
        if name not in taken:
            yield FieldError(name, "There is no such parameter.")
        elif len(values) > 1 and taken[name].get("type") != "array":
            yield FieldError(name, "Give it once.")


def routes(app: Flask) -> list[Route]:
    """Every view that programs call by key. AttributeError for one that nothing describes."""
    found = []
    for rule in app.url_map.iter_rules():
        access = access_of(app, rule.endpoint)
        if access.kind == "api":
            view: Any = app.view_functions[rule.endpoint]
            (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found.append(Route(rule, method, str(access.right), view.operation))
    return sorted(found, key=lambda route: (route.rule.rule, route.method))

"""What the document says of a view: an `operation` stands between its access mark and its function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from app.api.schemas.strict import Model
from app.web.access import View, access_of

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
    """Describe a view."""

    def apply(view: View) -> View:
        view.operation = described  # type: ignore[attr-defined]
        return view

    return apply


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

"""Saved views: states of a list under a name. One is asked for with `view`, parameters beside it go before it.

Who keeps them is told by `register`; here they are plain rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from uuid import UUID

from flask import Flask, current_app, request
from werkzeug.datastructures import MultiDict

from app.web.identity import current_visitor

Pairs = Sequence[tuple[str, str]]
GONE = "The saved view does not exist any more, or is not shared with you."


@dataclass(frozen=True)
class SavedView:
    """A state of a list under a name; `own` and `default` as the visitor sees them."""

    id: UUID
    name: str
    pairs: tuple[tuple[str, str], ...]
    shared: bool
    own: bool
    default: bool


@dataclass(frozen=True)
class Saved:
    """The views a list offers to the visitor, the chosen one, and what that one asks for today."""

    views: Sequence[SavedView] = ()
    view: SavedView | None = None
    base: Pairs = ()

    @property
    def has_default(self) -> bool:
        """Whether the bare address of the list opens a view."""
        return any(view.default for view in self.views)

    def over(self, pairs: Pairs) -> list[tuple[str, str]]:
        """The parameters that lead to `pairs`: the view and what differs from it, an emptied one without a value."""
        if self.view is None:
            return list(pairs) or ([("view", "")] if self.has_default else [])
        wanted, base = _grouped(pairs), _grouped(self.base)
        found = [pair for key, values in wanted.items() if base.get(key) != values for pair in values]
        found += [(key, "") for key in base if key not in wanted]
        last = [pair for pair in found if pair[0] == "cols"]
        return [*(pair for pair in found if pair[0] != "cols"), ("view", str(self.view.id)), *last]


def register(app: Flask, find: Callable[[str], Sequence[SavedView]]) -> None:
    """Have `find` look up the views of a list, by its address below the organisation's, for the visitor."""
    app.extensions["saved_views"] = find


def list_name(path: str) -> str | None:
    """The name under which views of the list at `path` are kept; None for lists of no organisation of the visitor."""
    visitor = current_visitor() if path.startswith("/o/") else None
    start = f"/o/{visitor.org.slug}/" if visitor and visitor.org else None
    return path.removeprefix(start) if start and path.startswith(start) else None


def asked(path: str, args: MultiDict[str, str] | None) -> tuple[MultiDict[str, str], Saved, tuple[str, ...]]:
    """The parameters with those of the view under them, the views, and notices.

    Without `args`, the request is asked; one without parameters opens the visitor's default view.
    """
    given = request.args if args is None else args
    name = list_name(path) if args is None or given.get("view") else None
    views = current_app.extensions["saved_views"](name) if name else ()
    wanted = given.get("view", "")
    view = next((view for view in views if str(view.id) == wanted), None)
    if args is None and not given:
        view = next((view for view in views if view.default), None)
    notices = (GONE,) if wanted and view is None else ()
    return (_merged(view, given), Saved(views, view), notices)


def parameters(path: str) -> MultiDict[str, str]:
    """What this request asks of the list at `path`, with the parameters of its view under those of the address."""
    return asked(path, None)[0]


def with_base(saved: Saved, pairs: Pairs) -> Saved:
    """`saved`, when its view asks for `pairs` today."""
    return replace(saved, base=tuple(pairs))


def _merged(view: SavedView | None, given: MultiDict[str, str]) -> MultiDict[str, str]:
    if view is None:
        return given
    merged = MultiDict[str, str](view.pairs)
    for key in given:
        merged.setlist(key, given.getlist(key))
    return merged


def _grouped(pairs: Pairs) -> dict[str, list[tuple[str, str]]]:
    return {key: list(group) for key, group in groupby(pairs, key=lambda pair: pair[0])}

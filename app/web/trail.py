"""The list that a record was opened from: its breadcrumb leads back to it, and `[` and `]` walk along it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, redirect, request
from werkzeug.datastructures import MultiDict

from app.web.errors import NotFound
from app.web.listing import PLACE, ListSpec, ListState, read_list
from app.web.render import toast
from app.web.tokens import Forged, unsign


@dataclass(frozen=True)
class Trail:
    """A list in the state, and at the position, in which it was left; without a token, the list as it opens."""

    path: str
    token: str = ""
    pairs: tuple[tuple[str, str], ...] = ()
    position: tuple[tuple[str, str], ...] = ()

    @property
    def list_url(self) -> str:
        """The address of the list."""
        query = urlencode([*self.pairs, *self.position])
        return f"{self.path}?{query}" if query else self.path

    def url(self, url: str) -> str:
        """The address of another page of the list's records, with the way back."""
        return f"{url}?{urlencode({'from': self.token})}" if self.token else url

    def state(self, spec_for: Callable[[MultiDict[str, str]], ListSpec], zone: str) -> ListState:
        """What the list asked for, its position left out; `spec_for` answers the list's rules for its parameters."""
        args = MultiDict[str, str](self.pairs)
        return read_list(spec_for(args), zone, args, self.path)


def came_from(path: str) -> Trail:
    """The trail in this request's `from`, if it belongs to the list at `path`; costs no statement."""
    token = request.args.get("from", "")
    try:
        signed_path, pairs, position = unsign(PLACE, token)
    except (Forged, ValueError, TypeError):
        return Trail(path)
    return Trail(path, token, _pairs(pairs), _pairs(position)) if signed_path == path else Trail(path)


def walk(trail: Trail, url: str, here: UUID, found: UUID | None, thing: str) -> Response:
    """Lead to the record `found` beside `here`, or say that the list ends. `url` is that of the one found.

    Raises NotFound if there is no record `here`: then nothing was found.
    """
    if found is None:
        raise NotFound
    if found == here:
        toast(f"The list has no further {thing} that way.", "info")
    return redirect(trail.url(url), 302)  # type: ignore[return-value]


def _pairs(raw: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(key), str(value)) for key, value in raw)

"""All rows that match, and the list that a form of many rows was sent from."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from flask import request
from werkzeug.datastructures import MultiDict

from app.web.errors import NotFound, Refusal
from app.web.filters import viewer_zone
from app.web.listing import ListSpec, ListState, read_signed


def posted_state(spec_for: Callable[[MultiDict[str, str]], ListSpec], path: str) -> ListState:
    """The state of the list at `path` whose rows are all meant. NotFound if the form carries none of this list.

    Refusal if one of its filters is no more: without it, other rows would be meant.
    """
    state = read_signed(spec_for, request.values.get("state", ""), path, viewer_zone().key)
    if state is None:
        raise NotFound
    if state.notices:
        raise Refusal(409, "What the list was filtered by no longer exists. Go back and filter it again.")
    return state


def list_url(path: str) -> str:
    """The list as it was when the form was sent."""
    return f"{path}?{urlencode(parse_qsl(request.form.get('query', '')))}"

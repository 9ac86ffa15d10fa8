"""All rows that match, and the list that a form of many rows was sent from."""

from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from flask import request
from werkzeug.datastructures import MultiDict

from app.db.cursor import COUNT_CAP
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


def all_matching(find: Callable[[int], Sequence[UUID]], plural: str) -> Sequence[UUID]:
    """What `find` finds with a limit. Refusal for more than 10,000."""
    ids = find(COUNT_CAP + 1)
    if len(ids) > COUNT_CAP:
        raise Refusal(422, f"At most 10,000 {plural} can be changed at once. Narrow the list first.")
    return ids


def list_url(path: str) -> str:
    """The list as it was when the form was sent."""
    return f"{path}?{urlencode(parse_qsl(request.form.get('query', '')))}"

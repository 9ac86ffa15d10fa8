"""The search page of an organisation, whose names the palette asks for as JSON, and the search in its messages."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from app.analytics.forms import KINDS, THREAD_NAMES, earlier_url, message_search
from app.analytics.repo.found import Found, FoundRepo
from app.db.terms import clean, terms
from app.tasks.services.tasks import title_of
from app.threads.access import current_viewer
from app.threads.models import Thread
from app.threads.repo.choices import ThreadChoiceRepo
from app.threads.repo.listed import ThreadListRepo, ThreadRow
from app.threads.repo.search import SearchRepo
from app.threads.repo.threads import ThreadRepo
from app.web.access import org_right
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.params import filter_ids
from app.web.render import can, leave, render, wants_json

bp = Blueprint("search", __name__, url_prefix="/o/<org>/search")
MOST_RESULTS = 20


@bp.get("")
@org_right("agents.read")
def index(org: str) -> Response:
    """What the words of `q` find by name, in groups; a pasted id leads to its record."""
    q = clean(request.args.get("q", ""))
    groups = _jump(org, q) or (_named(org, q) if q else [])
    if wants_json():
        return make_response({"groups": groups})
    if groups and _pasted(q):
        return leave(groups[0]["items"][0]["url"])
    cut = sum(len(group["items"]) for group in groups) >= MOST_RESULTS
    return render("search/index.html", "results", q=q, groups=groups, cut=cut)


@bp.get("/messages")
@org_right("threads.read")
def messages(org: str) -> Response:
    """The messages that say the words of `q`, the best first, each with its passage and the way into its thread."""
    org_id = require_org().org_id
    viewer, asked = current_viewer(), filter_ids(request.args.getlist("agent"))
    choices = ThreadChoiceRepo().choices(org_id, viewer, asked, [])
    zone = viewer_zone()
    state = read_list(message_search(choices["agent"]), zone.key)
    found = SearchRepo().page(org_id, viewer, state)
    since = found.since and found.since.astimezone(zone).date()
    earlier = found.since and earlier_url(state, found.since, zone)
    return show_list("search/messages.html", state, found.page, found=found, since=since, earlier=earlier)


def _kinds() -> list[str]:
    """The kinds of things that the visitor may see."""
    return [kind for kind, shown in KINDS.items() if can(shown.right)]


def _pasted(q: str) -> UUID | None:
    """The id that was pasted, of whatever kind."""
    prefixes = ("thr", *(shown.prefix for shown in KINDS.values()))
    return next((found for prefix in prefixes if (found := pasted_id(prefix, q))), None)


def _jump(org: str, q: str) -> list[dict[str, Any]]:
    """The record with the pasted id, if there is one."""
    org_id, viewer, found_id = require_org().org_id, current_viewer(), _pasted(q)
    if found_id is None:
        return []
    kinds = [kind for kind in _kinds() if pasted_id(KINDS[kind].prefix, q)]
    thread = ThreadRepo().get(org_id, viewer, found_id) if pasted_id("thr", q) else None
    return _groups(
        org, FoundRepo().with_id(org_id, viewer, kinds, found_id), [] if thread is None else [thread]
    )


def _named(org: str, q: str) -> list[dict[str, Any]]:
    """What has these words in its name or description."""
    org_id = require_org().org_id
    found = FoundRepo().named(org_id, _kinds(), terms(q), MOST_RESULTS)
    state = read_list(THREAD_NAMES, args=MultiDict({"q": q}), path=request.path)
    return _groups(org, found, ThreadListRepo().page(org_id, current_viewer(), state).page.rows)


def _groups(org: str, found: Sequence[Found], threads: Sequence[Thread | ThreadRow]) -> list[dict[str, Any]]:
    """Groups with at most 20 things in all, of which the largest give way."""
    items: dict[str, list[dict[str, str]]] = {shown.group: [] for shown in KINDS.values()}
    for thing in found:
        items[KINDS[thing.kind].group].append(_item(org, thing))
    groups = {"Agents": items.pop("Agents"), "Threads": [_thread(org, thread) for thread in threads], **items}
    while sum(map(len, groups.values())) > MOST_RESULTS:
        max(groups.values(), key=len).pop()
    return [{"label": label, "items": listed} for label, listed in groups.items() if listed]


def _item(org: str, thing: Found) -> dict[str, str]:
    shown = KINDS[thing.kind]
    place: dict[str, Any] = {
        shown.argument: thing.id,
        **({shown.parent: thing.parent_id} if shown.parent else {}),
    }
    if thing.kind == "message":
        place["_anchor"] = str(thing.id)
    name = title_of(thing.name) if thing.kind == "task" else thing.name
    return {"text": name, "note": thing.note, "url": url_for(shown.endpoint, org=org, **place)}


def _thread(org: str, thread: Thread | ThreadRow) -> dict[str, str]:
    return {"text": thread.name, "note": "", "url": url_for("thread.show", org=org, thread_id=thread.id)}

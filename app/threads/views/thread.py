"""One thread: its messages in windows, each message by itself, what happened to it, and its files."""

from dataclasses import asdict
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import Blueprint, Response, url_for

from app.audit.repo import AuditRepo
from app.threads.access import current_viewer
from app.threads.cached_repo import CachedThreadRepo
from app.threads.forms import REASON_WORDS, NoteForm
from app.threads.repo.beside import Beside, BesideRepo
from app.threads.repo.listed import ThreadListRepo
from app.threads.repo.messages import MessageRepo, MessageRow
from app.threads.repo.threads import ThreadHead
from app.threads.views.found import seen_thread
from app.threads.views.place import read_place
from app.threads.views.shown import Calls, arranged, shown_messages
from app.threads.views.spec import current_spec
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.render import address_bar, render
from app.web.trail import came_from, walk

bp = Blueprint("thread", __name__, url_prefix="/o/<org>/threads/<uuid:thread_id>")
HISTORY_LENGTH = 50
LARGEST_JSON = 100_000


@bp.get("")
@org_right("threads.read")
def show(org: str, thread_id: UUID) -> Response:
    """The latest messages, or those around the one that the address names."""
    org_id, viewer, thread = require_org().org_id, current_viewer(), seen_thread(thread_id)
    place, url = read_place(org_id, thread), url_for(".show", org=org, thread_id=thread_id)
    trail = came_from(url_for("threads.index", org=org))
    beside = BesideRepo().of(org_id, thread_id, place.window, viewer.user_id)
    response = render(
        "threads/show.html",
        "messages",
        thread=thread,
        place=place,
        messages=shown_messages(thread, place.window.rows, beside, f"{url}/files", place.marked),
        beside=beside,
        reasons=REASON_WORDS.items(),
        viewer=viewer,
        note_form=NoteForm(),
        trail=trail,
    )
    query = urlencode({**place.query, **({"from": trail.token} if trail.token else {})})
    return address_bar(response, f"{url}?{query}" if query else url, push=True)


@bp.get("/history")
@org_right("threads.read")
def history(org: str, thread_id: UUID) -> Response:
    """Who did what to the thread, and which models and versions answered in it."""
    thread, org_id = seen_thread(thread_id), require_org().org_id
    events = AuditRepo().for_target(org_id, "thread", thread_id, HISTORY_LENGTH)
    facts = CachedThreadRepo().facts(org_id, thread)
    trail = came_from(url_for("threads.index", org=org))
    return render("threads/history.html", thread=thread, events=events, facts=facts, trail=trail)


@bp.get("/<any(previous,next):way>")
@org_right("threads.read")
def neighbour(org: str, thread_id: UUID, way: str) -> Response:
    """Lead to the thread before or after this one in the list that the visitor came from."""
    trail = came_from(url_for("threads.index", org=org))
    state, viewer = trail.state(current_spec, viewer_zone().key), current_viewer()
    org_id, backward = require_org().org_id, way == "previous"
    found = ThreadListRepo().beside(org_id, viewer, state, thread_id, backward=backward)
    return walk(trail, url_for(".show", org=org, thread_id=found or thread_id), thread_id, found, "thread")


@bp.get("/messages/<uuid:message_id>")
@org_right("threads.read")
def message(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """One message in full, and as it is stored."""
    thread, row = _found(thread_id, message_id)
    url = url_for(".show", org=org, thread_id=thread_id)
    shown = shown_messages(thread, [row], Beside(), f"{url}/files")[0]
    whole = list(arranged(row.parts, f"{url}/files", Calls(), longest=len(orjson.dumps(row.parts))))
    raw = _json(row).decode()
    return render(
        "threads/message.html",
        thread=thread,
        message={**asdict(shown), "facts": shown.facts, "parts": whole},
        raw=raw if len(raw) <= LARGEST_JSON else None,
        size=len(raw),
    )


@bp.get("/messages/<uuid:message_id>.json")
@org_right("threads.read")
def raw(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """One message as it is stored."""
    return Response(_json(_found(thread_id, message_id)[1]), mimetype="application/json")


def _found(thread_id: UUID, message_id: UUID) -> tuple[ThreadHead, MessageRow]:
    thread = seen_thread(thread_id)
    row = MessageRepo().get(require_org().org_id, thread_id, message_id)
    if row is None:
        raise NotFound
    return thread, row


def _json(row: MessageRow) -> bytes:
    fields = {name: value for name, value in asdict(row).items() if name != "text_content"}
    return orjson.dumps(fields, option=orjson.OPT_INDENT_2)

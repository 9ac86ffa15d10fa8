"""What is done to threads from their list and their page: archive, restore, delete, tags, one or many, and undo."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from flask import Blueprint, Response, g, request, url_for

from app.audit.statuses import DONE
from app.db.cursor import COUNT_CAP
from app.db.session import transaction
from app.threads.access import current_viewer
from app.threads.repo.listed import ThreadListRepo
from app.threads.services.changing import ACTS, TAG_ACTS, change_status, change_tags, read_tag, undo
from app.threads.views.spec import current_spec
from app.web.access import org_right
from app.web.errors import Refusal
from app.web.identity import require_org
from app.web.matching import all_matching, list_url, posted_state
from app.web.render import leave, refresh, render
from app.web.selection import Outcome, report, ticked
from app.web.trail import came_from

bp = Blueprint("thread_changes", __name__, url_prefix="/o/<org>/threads")


@bp.post("/<uuid:thread_id>/<any(archive,restore,delete,tag,untag):act>")
@org_right("threads.edit")
def change_one(org: str, thread_id: UUID, act: str) -> Response:
    """Change the status or the tags of one thread; deleting leads back to the list."""
    with transaction():
        outcome = _change([thread_id], act)
    _report(org, outcome, _done(act))
    trail = came_from(url_for("threads.index", org=org))
    own = trail.url(url_for("thread.show", org=org, thread_id=thread_id))
    return leave(trail.list_url if act == "delete" else own)


@bp.post("/bulk")
@org_right("threads.edit")
def change_many(org: str) -> Response:
    """Change the ticked threads, or ask first when all that match are meant."""
    act = _act()
    if request.form.get("match"):
        state = request.form.get("state", "")
        return leave(url_for(".confirm", org=org, act=act, state=state, tag=_tag(act) or None))
    ids = ticked("thread")
    with transaction():
        outcome = _change(ids, act)
    _report(org, outcome, _done(act))
    return refresh(list_url(url_for("threads.index", org=org)))


@bp.get("/bulk")
@org_right("threads.edit")
def confirm(org: str) -> Response:
    """Say how many threads match now, and ask."""
    act = _act()
    state = posted_state(current_spec, url_for("threads.index", org=org))
    ids = ThreadListRepo().matching(require_org().org_id, current_viewer(), state, COUNT_CAP + 1)
    found = {"total": min(len(ids), COUNT_CAP), "capped": len(ids) > COUNT_CAP}
    return render("threads/confirm.html", state=state, act=act, tag=_tag(act), page=found)


@bp.post("/bulk/matching")
@org_right("threads.edit")
def change_matching(org: str) -> Response:
    """Change every thread that matches."""
    act = _act()
    state = posted_state(current_spec, url_for("threads.index", org=org))
    with transaction():
        find = partial(ThreadListRepo().matching, require_org().org_id, current_viewer(), state)
        ids = all_matching(find, "threads")
        outcome = _change(ids, act)
    _report(org, outcome, _done(act))
    return leave(state.url())


@bp.post("/undo/<request_id>")
@org_right("threads.edit")
def take_back(org: str, request_id: str) -> Response:
    """Take back what one request of this person did within the last hour."""
    with transaction():
        outcome = undo(require_org().org_id, current_viewer(), request_id)
    _report(org, outcome, "restored", undoable=False)
    return leave(url_for("threads.index", org=org))


def _act() -> str:
    act = request.values.get("act", "")
    if act not in {*ACTS, *TAG_ACTS}:
        raise Refusal(422, "Choose what to do with the threads: archive, restore, delete, tag or untag.")
    return act


def _tag(act: str) -> str:
    """The tag that the form names, where tags are meant."""
    return read_tag(request.values.get("tag", "")) if act in TAG_ACTS else ""


def _change(ids: Sequence[UUID], act: str) -> Outcome:
    org_id, viewer = require_org().org_id, current_viewer()
    if act in TAG_ACTS:
        return change_tags(org_id, viewer, ids, act, request.values.get("tag", ""))
    return change_status(org_id, viewer, ids, act)


def _done(act: str) -> str:
    return {"tag": "tagged", "untag": "untagged"}.get(act) or DONE[act]


def _report(org: str, outcome: Outcome, done: str, *, undoable: bool = True) -> None:
    undo_url = url_for(".take_back", org=org, request_id=g.request_id) if undoable else None
    report(outcome, done, url_for("threads.index", org=org), undo_url)

"""The list of tasks, one task with all it left, and what people do to tasks."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, Response, request, url_for

from app.db.session import transaction
from app.db.tables import Task
from app.db.work import SEALED
from app.tasks.forms import task_list
from app.tasks.repo.tasks import TasksRepo
from app.tasks.services.live import LiveRows
from app.tasks.services.tasks import (
    DONE,
    can_do,
    can_read_file,
    cancel_tasks,
    file_of,
    lacks,
    retry_as,
    title_of,
)
from app.threads.access import current_viewer
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.export import stream_blob
from app.web.filters import viewer_zone
from app.web.identity import require_org, require_visitor
from app.web.listing import pasted_id, read_list, show_list
from app.web.matching import list_url
from app.web.render import leave, refresh, render, wants_fragment
from app.web.selection import Outcome, listed_ids, report, ticked
from app.web.trail import came_from

bp = Blueprint("tasks", __name__, url_prefix="/o/<org>/tasks")
EVENTS_SHOWN = 200
SHOWN_LENGTH = 4_000
_ID = re.compile(r"[ -][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


@bp.get("")
@org_right("tasks.read")
def index(org: str) -> Response:
    """The tasks that match the address, newest first; a pasted id leads to its task."""
    repo, org_id = TasksRepo(), require_org().org_id
    state = read_list(task_list(), viewer_zone().key)
    jump = pasted_id("tsk", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, task_id=jump))
    page = repo.page(org_id, current_viewer(), state)
    live_rows = LiveRows.of(page.rows, state.columns)
    return show_list("tasks/index.html", state, page, title_of=title_of, live=live_rows)


@bp.get("/live")
@org_right("tasks.read")
def live(org: str) -> Response:
    """How many tasks wait or run, for the top bar; without htmx the list of them."""
    if not wants_fragment():
        return refresh(url_for(".index", org=org, status=["queued", "running"]))
    return render("shell/live_count.html", "live_count")


@bp.get("/status")
@org_right("tasks.read")
def status(org: str) -> Response:
    """The changing cells of these rows of the list, out of band; without htmx the list itself."""
    if not wants_fragment():
        return refresh(url_for(".index", org=org))
    ids = listed_ids(request.args.get("ids", ""))
    rows = TasksRepo().some(require_org().org_id, current_viewer(), ids) if ids else []
    live_rows = LiveRows.of(rows, request.args.get("cols", "").split(","))
    return render("tasks/live_rows.html", "live_rows", live=live_rows, rows=rows)


@bp.get("/<uuid:task_id>")
@org_right("tasks.read")
def show(org: str, task_id: UUID) -> Response:
    """One task: its state as long as it changes, its attempts, what it said, its input and its result."""
    repo, org_id = TasksRepo(), require_org().org_id
    shown = repo.with_agent(org_id, current_viewer(), task_id)
    if shown is None:
        raise NotFound
    task = shown.task
    return render(
        "tasks/show.html",
        "task_state",
        task=task,
        shown=shown,
        title=title_of(task.kind),
        attempts=repo.attempts(org_id, task_id),
        events=[] if shown.private else repo.events(org_id, task_id, limit=EVENTS_SHOWN),
        may_do=can_do(require_org().role, task.kind),
        lacks=lacks(task),
        file=file_of(task) if _may_read(task) else None,
        values=[] if shown.private else [("Input", _shown(task.payload)), ("Output", _shown(task.result))],
        step_words=_step_words,
        trail=came_from(url_for(".index", org=org)),
    )


def _step_words(name: str) -> str:
    """The name of a step without the id that tells it from others of its kind."""
    return _ID.sub("", name)


def _shown(value: dict[str, Any] | None) -> str:
    """Values as people read them, cut where they are long."""
    shown = {name: "•••" if name == SEALED else part for name, part in (value or {}).items()}
    text = orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}\n…"


@bp.get("/<uuid:task_id>/file")
@org_right("tasks.read")
def file(org: str, task_id: UUID) -> Response:
    """The file that a task left, for a day, for those who may see what it holds."""
    org_id = require_org().org_id
    task = TasksRepo().get(org_id, task_id)
    found = file_of(task) if task else None
    if task is None or found is None:
        raise NotFound
    if not _may_read(task):
        raise Refusal(403, "Your role cannot read what this task wrote.")
    response = stream_blob(org_id, found.id, found.byte_size, found.media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{found.name}"'
    return response


def _may_read(task: Task) -> bool:
    return can_read_file(require_org().role, require_visitor().id, task)


@bp.post("/<uuid:task_id>/<any(cancel,retry):act>")
@org_right("tasks.edit")
def change_one(org: str, task_id: UUID, act: str) -> Response:
    """Cancel a task or queue it again."""
    with transaction():
        outcome = _change(act, [task_id])
    report(outcome, DONE[act], url_for(".index", org=org), None)
    return leave(url_for(".show", org=org, task_id=task_id))


@bp.post("/bulk")
@org_right("tasks.edit")
def change_many(org: str) -> Response:
    """Cancel the ticked tasks or queue them again."""
    act = request.form.get("act", "")
    if act not in DONE:
        raise Refusal(422, "Choose what to do with the tasks: cancel or retry.")
    ids = ticked("task")
    with transaction():
        outcome = _change(act, ids)
    report(outcome, DONE[act], url_for(".index", org=org), None)
    return refresh(list_url(url_for(".index", org=org)))


def _change(act: str, ids: Sequence[UUID]) -> Outcome:
    own = require_org()
    return cancel_tasks(own.org_id, ids) if act == "cancel" else retry_as(own.role, own.org_id, ids)

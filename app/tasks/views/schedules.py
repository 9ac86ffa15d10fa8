"""The list of schedules, one schedule with its next and last runs, and its form."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request, url_for

from app.db.session import transaction
from app.db.work import UnknownKind
from app.orgs.forms import ConfirmForm
from app.tasks.forms import SCHEDULE_LIST, ScheduleForm, schedule_form
from app.tasks.models import Schedule
from app.tasks.repo.schedules import ScheduleRepo
from app.tasks.repo.tasks import TasksRepo
from app.tasks.services.calendar import month_named, month_of
from app.tasks.services.schedules import (
    Stale,
    change_schedule,
    create_schedule,
    remove_schedule,
    run_now,
    runs_planned,
    runs_to_come,
    set_enabled,
    state_of,
)
from app.tasks.services.tasks import shown_input, title_of
from app.tasks.slots import Slot, cron_words
from app.threads.access import current_viewer
from app.threads.repo.threads import ThreadRepo
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.listing import read_list, show_list
from app.web.render import leave, render, toast
from app.web.trail import came_from

bp = Blueprint("schedules", __name__, url_prefix="/o/<org>/schedules")
RUNS_SHOWN = 10
RUNS_PLANNED = 5
PARTS = {"choose": "kind_inputs", "preview": "next_runs"}
"""What of the form an act asks for that does not save it: the fields of a kind, the runs to come."""
LONG = 80
"""Characters from which on an input is shown as a text."""


@bp.get("")
@org_right("tasks.read")
def index(org: str) -> Response:
    """The schedules that match the address, the next to run first."""
    state = read_list(SCHEDULE_LIST, viewer_zone().key)
    page = ScheduleRepo().page(require_org().org_id, state)
    return show_list("schedules/index.html", state, page, title_of=title_of)


@bp.get("/calendar")
@org_right("tasks.read")
def calendar(org: str) -> Response:
    """The runs to come in a month, day by day in the visitor's zone; an unknown month is this one."""
    zone, asked = viewer_zone(), request.args.get("month", "")
    today = datetime.now(zone).date()
    first = month_named(asked, today)
    return render(
        "schedules/calendar.html",
        month=month_of(require_org().org_id, first or today.replace(day=1), zone),
        zone=zone,
        today=today,
        unknown_month=bool(asked) and first is None,
    )


@bp.get("/new")
@org_right("tasks.edit")
def new(org: str) -> Response:
    """An empty form, or one with what the address names."""
    form = schedule_form()(time_zone=viewer_zone().key)
    form.begin_with(request.args.get("kind", ""), request.args)
    return _form(form, "schedules/new.html")


@bp.post("/new")
@org_right("tasks.edit")
def create(org: str) -> Response:
    """Store a new schedule, which acts for whoever makes it, or show a part of the form anew."""
    form = schedule_form()()
    if _asked_part():
        return _form(form, "schedules/new.html")
    if not form.fits(require_org().org_id):
        return _form(form, "schedules/new.html", 422)

    def stored() -> str:
        schedule = create_schedule(require_org().org_id, form.values())
        return url_for(".show", org=org, schedule_id=schedule.id)

    with transaction():
        location = once(stored)
    toast("Schedule created.")
    return leave(location)


@bp.get("/<uuid:schedule_id>")
@org_right("tasks.read")
def show(org: str, schedule_id: UUID) -> Response:
    """One schedule: when it runs next, in its zone and the visitor's, what it ran last, and its threads."""
    org_id, viewer = require_org().org_id, current_viewer()
    shown = ScheduleRepo().with_agent(org_id, schedule_id)
    if shown is None:
        raise NotFound
    schedule = shown.schedule
    inputs = shown_input(schedule.kind, schedule.payload)
    return render(
        "schedules/show.html",
        schedule=schedule,
        shown=shown,
        title_of=title_of,
        state=state_of(schedule),
        words=schedule.cron and cron_words(schedule.cron),
        inputs=inputs,
        texts=[value for _, value in inputs if "\n" in value or len(value) > LONG],
        runs=_runs(runs_to_come(schedule, RUNS_SHOWN), schedule.time_zone),
        tasks=TasksRepo().of_schedule(org_id, viewer, schedule_id, RUNS_SHOWN),
        threads=ThreadRepo().of_schedule(org_id, viewer, schedule_id, RUNS_SHOWN),
        trail=came_from(url_for(".index", org=org)),
    )


@bp.get("/<uuid:schedule_id>/edit")
@org_right("tasks.edit")
def edit(org: str, schedule_id: UUID) -> Response:
    """The form with the schedule as it is stored."""
    schedule = _schedule(schedule_id)
    return _form(schedule_form().of(schedule), "schedules/edit.html", schedule=schedule)


@bp.post("/<uuid:schedule_id>/edit")
@org_right("tasks.edit")
def update(org: str, schedule_id: UUID) -> Response:
    """Save the form, or show a part of the form anew; from now on the schedule acts for whoever saved it."""
    form, schedule = schedule_form()(), _schedule(schedule_id)
    form.stored = schedule
    if _asked_part():
        return _form(form, "schedules/edit.html", schedule=schedule)
    if not form.fits(require_org().org_id):
        return _form(form, "schedules/edit.html", 422, schedule=schedule)
    try:
        with transaction():
            change_schedule(require_org().org_id, schedule_id, form.version(), form.values())
    except Stale:
        overtaken(form, "schedule", schedule.lock_version)
        return _form(form, "schedules/edit.html", 409, schedule=schedule)
    toast("Schedule saved.")
    return leave(url_for(".show", org=org, schedule_id=schedule_id))


@bp.post("/<uuid:schedule_id>/<any(enable,disable):act>")
@org_right("tasks.edit")
def switch(org: str, schedule_id: UUID, act: str) -> Response:
    """Turn a schedule on or off; slots that pass while it is off never run."""
    with transaction():
        set_enabled(require_org().org_id, schedule_id, enabled=act == "enable")
    toast(f"Schedule turned {'on' if act == 'enable' else 'off'}.")
    return leave(url_for(".show", org=org, schedule_id=schedule_id))


@bp.post("/<uuid:schedule_id>/run")
@org_right("tasks.edit")
def run(org: str, schedule_id: UUID) -> Response:
    """Queue a task of the schedule now."""
    try:
        with transaction():
            task_id = run_now(require_org().org_id, schedule_id)
    except UnknownKind as error:
        raise Refusal(409, "This version does not know what the schedule runs.") from error
    return leave(url_for("tasks.show", org=org, task_id=task_id))


@bp.get("/<uuid:schedule_id>/delete")
@org_right("tasks.edit")
def confirm_delete(org: str, schedule_id: UUID) -> Response:
    """Say what deleting means."""
    schedule = _schedule(schedule_id)
    return render("schedules/delete.html", schedule=schedule, form=ConfirmForm(schedule.name))


@bp.post("/<uuid:schedule_id>/delete")
@org_right("tasks.edit")
def destroy(org: str, schedule_id: UUID) -> Response:
    """Delete a schedule whose name was typed; what it started goes on."""
    schedule = _schedule(schedule_id)
    form = ConfirmForm(schedule.name)
    if not form.validate():
        return render("schedules/delete.html", status=422, schedule=schedule, form=form)
    with transaction():
        remove_schedule(require_org().org_id, schedule_id)
    toast("Schedule deleted.")
    return leave(url_for(".index", org=org))


def _runs(slots: list[Slot], time_zone: str) -> list[dict[str, Any]]:
    """Runs to come, each with its time in a zone, and whether that is another one than the visitor's."""
    abroad = viewer_zone().key != time_zone
    times = [slot.at.astimezone(ZoneInfo(time_zone)) for slot in slots]
    return [
        {"slot": slot, "abroad": abroad, "local": f"{time:%a} {time.day} {time:%b %Y, %H:%M %Z}"}
        for slot, time in zip(slots, times, strict=True)
    ]


def _planned(form: ScheduleForm) -> dict[str, Any]:
    """The runs that the form as it stands would lead to and its cron line in words, or why there are none."""
    problem = next((words for _, words in form.timing_problems()), "")
    if problem:
        return {"problem": problem, "words": ""}
    when = form.when()
    return {
        "problem": "",
        "words": cron_words(when["cron"]) if when["cron"] else "",
        "runs": _runs(runs_planned(when, form.stored, RUNS_PLANNED), when["time_zone"]),
    }


def _schedule(schedule_id: UUID) -> Schedule:
    schedule = ScheduleRepo().get(require_org().org_id, schedule_id)
    if schedule is None:
        raise NotFound
    return schedule


def _asked_part() -> str | None:
    """The part of the form that it was sent for, if it was not sent to be saved."""
    return PARTS.get(request.values.get("act", ""))


def _form(form: ScheduleForm, template: str, status: int = 200, **context: object) -> Response:
    form.offer(require_org().org_id)
    return render(template, _asked_part() or "form", status, form=form, planned=_planned(form), **context)

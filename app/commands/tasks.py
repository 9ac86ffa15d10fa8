"""`flask tasks ...` and `flask schedules ...`."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from flask.cli import AppGroup

from app.commands.running import changes, org_of
from app.db.cursor import PageRequest
from app.db.scope import in_org
from app.db.tables import ENDED, LIVE
from app.orgs.models import Org
from app.orgs.repo.orgs import OrgRepo
from app.tasks.forms import SCHEDULE_LIST, task_list
from app.tasks.repo.schedules import ScheduleRepo, ScheduleRow
from app.tasks.repo.tasks import TaskRow, TasksRepo
from app.tasks.services.schedules import timing_of
from app.tasks.services.tasks import cancel_tasks, retry_tasks
from app.tasks.slots import SlotError, Timing, check, preview
from app.threads.repo.threads import EVERYTHING
from app.web.errors import NotFound
from app.web.listing import ListState
from app.web.selection import Outcome

tasks = AppGroup("tasks", help="What is done in the background.")
schedules = AppGroup("schedules", help="What runs by the clock.")

MOST_LISTED = 1_000
EARLY = datetime(1970, 1, 1, tzinfo=UTC)
IN_ORG = click.option("--org", "slug", help="Only this organisation (the word after /o/).")


@tasks.command("list")
@IN_ORG
@click.option("--status", type=click.Choice((*LIVE, *ENDED)), help="Only tasks in this status.")
@click.option("--limit", type=click.IntRange(1, MOST_LISTED), default=20, show_default=True)
@changes
def list_tasks(*, slug: str | None, status: str | None, limit: int) -> str:
    """Print the newest tasks of each organisation, at most --limit of each."""
    state = ListState(
        "",
        task_list(),
        chosen={"status": (status,)} if status else {},
        sort="-created",
        request=PageRequest(limit),
    )
    lines = []
    for org in _orgs(slug):
        with in_org(org.id):
            lines += [_task_line(org, task) for task in TasksRepo().page(org.id, EVERYTHING, state).rows]
    return "\n".join(lines) or "No tasks."


@tasks.command("cancel")
@click.argument("task_id", type=click.UUID)
@IN_ORG
@changes
def cancel_task(*, task_id: UUID, slug: str | None) -> str:
    """End the waiting task TASK_ID, or ask it to stop at its next step if it runs."""
    return _changed(cancel_tasks, task_id, slug, "Cancelled")


@tasks.command("retry")
@click.argument("task_id", type=click.UUID)
@IN_ORG
@changes
def retry_task(*, task_id: UUID, slug: str | None) -> str:
    """Queue the task TASK_ID, which failed or was cancelled, again."""
    return _changed(retry_tasks, task_id, slug, "Queued again")


@schedules.command("list")
@IN_ORG
@changes
def list_schedules(*, slug: str | None) -> str:
    """Print the schedules of each organisation, the next to run first."""
    state = ListState("", SCHEDULE_LIST, sort="next", request=PageRequest(MOST_LISTED))
    lines = []
    for org in _orgs(slug):
        with in_org(org.id):
            lines += [_schedule_line(org, row) for row in ScheduleRepo().page(org.id, state).rows]
    return "\n".join(lines) or "No schedules."


@schedules.command("preview")
@click.argument("what")
@click.option("--zone", default="UTC", show_default=True, help="An IANA time zone, such as Europe/Berlin.")
@click.option("--count", type=click.IntRange(1, 100), default=5, show_default=True, help="How many runs.")
@click.option("--after", type=click.DateTime(), help="Runs behind this moment in UTC; now by default.")
@changes
def preview_schedule(*, what: str, zone: str, count: int, after: datetime | None) -> str:
    """Print the next runs of WHAT, a schedule's id or a cron line such as '30 2 * * *'.

    Each in the schedule's zone and in UTC; a change of the clock that moves or repeats a run is named.
    """
    timing = _stored_timing(what) or Timing(what, None, None, EARLY, zone)
    try:
        check(timing)
    except SlotError as error:
        raise click.UsageError(str(error)) from None
    begin = after.replace(tzinfo=UTC) if after else datetime.now(UTC)
    local = ZoneInfo(timing.time_zone)
    lines = [
        f"{slot.at.astimezone(local):%a %Y-%m-%d %H:%M %Z}  {slot.at:%Y-%m-%dT%H:%MZ}  {slot.note}".rstrip()
        for slot in preview(timing, begin, count)
    ]
    return "\n".join(lines) or "No runs to come."


def _orgs(slug: str | None) -> Sequence[Org]:
    return [org_of(slug)] if slug else OrgRepo().all()


def _changed(
    change: Callable[[UUID, Sequence[UUID]], Outcome], task_id: UUID, slug: str | None, done: str
) -> str:
    for org in _orgs(slug):
        with in_org(org.id):
            try:
                outcome = change(org.id, [task_id])
            except NotFound:
                continue
        if outcome.skipped:
            raise click.UsageError(f"The task {outcome.skipped[0].reason}.")
        return f"{done}: task {task_id} of {org.slug}."
    raise click.UsageError(f"There is no task {task_id}.")


def _stored_timing(what: str) -> Timing | None:
    """The timing of the schedule with this id; None for what is no id."""
    try:
        schedule_id = UUID(what)
    except ValueError:
        return None
    for org in OrgRepo().all():
        with in_org(org.id):
            schedule = ScheduleRepo().get(org.id, schedule_id)
        if schedule is not None:
            return timing_of(schedule)
    raise click.UsageError(f"There is no schedule {schedule_id}.")


def _task_line(org: Org, task: TaskRow) -> str:
    tail = f"  {task.error}" if task.error else ""
    return f"{task.id}  {org.slug}  {task.created_at:%Y-%m-%dT%H:%MZ}  {task.status:9}  {task.kind}{tail}"


def _schedule_line(org: Org, row: ScheduleRow) -> str:
    following = f"{row.next_run_at:%Y-%m-%dT%H:%MZ}" if row.next_run_at else "-"
    timing = row.cron or (
        f"every {row.every_seconds} s" if row.every_seconds else f"once {row.run_at:%Y-%m-%dT%H:%MZ}"
    )
    return f"{row.id}  {org.slug}  {following:17}  {row.state:8}  {timing} ({row.time_zone})  {row.name}"

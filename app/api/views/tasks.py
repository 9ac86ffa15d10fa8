"""Tasks of the worker, and the schedules that begin some of them."""

from flask import Blueprint, Response

from app.api.schemas.lists import listing, read_state
from app.api.schemas.operations import Operation, operation
from app.api.schemas.tasks import (
    SCHEDULE_QUERY,
    TASK_QUERY,
    ScheduleListing,
    TaskListing,
    listed_schedule,
    listed_task,
    task_spec,
)
from app.api.services import viewer_of
from app.db.work import kinds
from app.tasks.forms import SCHEDULE_LIST
from app.tasks.repo.schedules import ScheduleRepo
from app.tasks.repo.tasks import TasksRepo
from app.web.access import api_scope
from app.web.identity import require_caller

bp = Blueprint("api_tasks", __name__, url_prefix="/api/v1")


@bp.get("/tasks")
@api_scope("tasks:read")
@operation(Operation("List tasks", TaskListing, query=TASK_QUERY))
def index() -> Response:
    """The tasks that match, newest first."""
    state = read_state(task_spec({kind.name: kind.title for kind in kinds().all()}))
    caller = require_caller()
    page = TasksRepo().page(caller.org.org_id, viewer_of(caller), state)
    return listing(TaskListing, page, state, [listed_task(row) for row in page.rows])


@bp.get("/schedules")
@api_scope("tasks:read")
@operation(Operation("List schedules", ScheduleListing, query=SCHEDULE_QUERY))
def schedules() -> Response:
    """The schedules that match, the next to run first."""
    state = read_state(SCHEDULE_LIST)
    page = ScheduleRepo().page(require_caller().org.org_id, state)
    return listing(ScheduleListing, page, state, [listed_schedule(row) for row in page.rows])

"""Tasks and schedules in the API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.api.schemas.lists import Listing, parameters
from app.api.schemas.runs import Status
from app.api.schemas.strict import Model
from app.tasks.forms import SCHEDULE_LIST, STATUSES, TRIGGERS
from app.tasks.repo.schedules import ScheduleRow
from app.tasks.repo.tasks import TaskRow
from app.web.listing import Facet, ListSpec


class Progress(Model):
    """How far a task is; `total` is null where nobody knows it."""

    done: int
    total: int | None
    words: str


class Task(Model):
    """A task of the worker. `trigger` says what began it; `schedule`, `agent` and `created_by` are names."""

    id: UUID
    kind: str
    status: Status
    trigger: Literal["person", "schedule", "program", "system"]
    error: Annotated[str | None, Field(description="Its first 300 characters.")]
    progress: Progress | None
    attempt: int
    schedule_id: UUID | None
    schedule: str | None
    slot_at: datetime | None
    thread_id: UUID | None
    agent_id: UUID | None
    agent: str | None
    created_by: str | None
    created_at: datetime
    available_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class TaskListing(Listing[Task]):
    """A page of tasks."""


class Schedule(Model):
    """A schedule. One of `cron`, `every_seconds` and `run_at` says when; `agent` and `created_by` are names."""

    id: UUID
    name: str
    kind: str
    state: Literal["active", "paused", "ended", "disabled"]
    cron: str | None
    every_seconds: int | None
    run_at: datetime | None
    time_zone: str
    disabled_reason: str | None
    paused_until: datetime | None
    next_run_at: datetime | None
    agent: str | None
    created_by: Annotated[str | None, Field(description="The person it acts for.")]
    created_at: datetime


class ScheduleListing(Listing[Schedule]):
    """A page of schedules."""


def task_spec(titles: Mapping[str, str]) -> ListSpec:
    """The list of tasks of these kinds, by name and title."""
    return ListSpec(
        sorts={"created": "created"},
        default_sort="-created",
        facets={
            "status": Facet("Status", STATUSES),
            "kind": Facet("Kind", titles),
            "trigger": Facet("Started by", TRIGGERS),
        },
        dates={"created": "Created"},
    )


TASK_QUERY, SCHEDULE_QUERY = parameters(task_spec({})), parameters(SCHEDULE_LIST)


def listed_task(row: TaskRow) -> Task:
    """A task of the list."""
    values = {name: getattr(row, name) for name in Task.model_fields}
    told = row.progress
    progress = told and {
        "done": told.get("done", 0),
        "total": told.get("total"),
        "words": told.get("words") or "",
    }
    return Task.model_validate({**values, "progress": progress or None})


def listed_schedule(row: ScheduleRow) -> Schedule:
    """A schedule of the list."""
    return Schedule.model_validate({name: getattr(row, name) for name in Schedule.model_fields})

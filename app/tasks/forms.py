"""What the lists of tasks, schedules and mail can be asked, and the form of a test message."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, HiddenField, RadioField, SelectChoice, SelectField
from wtforms.validators import AnyOf, Optional

from app.db.work import Kinds, kinds
from app.tasks.models import CATCH_UP, OVERLAP, Schedule
from app.tasks.slots import CRON_LENGTH, time_zones
from app.web.fields import WholeNumberField, address_field, name_field, optional_field
from app.web.listing import Facet, ListSpec

MOST_MINUTES = 525_600
MAIL_STATES = {"sent": "Sent", "waiting": "Waiting", "failed": "Failed"}
MAIL_LOG = ListSpec(
    sorts={"at": "time", "to": "recipient"},
    default_sort="-at",
    facets={"status": Facet("Status", MAIL_STATES)},
    dates={"at": "Written"},
)
STATUSES = {
    "queued": "Queued",
    "running": "Running",
    "waiting": "Waiting",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "expired": "Expired",
    "skipped": "Skipped",
}
TRIGGERS = {"person": "Person", "schedule": "Schedule", "program": "Program", "system": "System"}
TASK_COLUMNS = {
    "task": "Task",
    "status": "Status",
    "progress": "Progress",
    "by": "Started by",
    "agent": "Agent",
    "attempts": "Attempts",
    "created": "Created",
    "finished": "Finished",
}
SCHEDULE_STATES = {"active": "Active", "paused": "Paused", "ended": "Ended", "disabled": "Disabled"}
SCHEDULE_COLUMNS = {
    "schedule": "Schedule",
    "state": "State",
    "when": "When",
    "next": "Next run",
    "by": "Acts for",
    "created": "Created",
}
SCHEDULE_LIST = ListSpec(
    sorts={"next": "next run", "name": "name", "created": "created"},
    default_sort="next",
    facets={"state": Facet("State", SCHEDULE_STATES)},
    dates={"created": "Created"},
    columns=SCHEDULE_COLUMNS,
    shown=("schedule", "state", "when", "next", "by"),
)


def task_list() -> ListSpec:
    """The list of tasks, which may be of any kind."""
    return ListSpec(
        sorts={"created": "created"},
        default_sort="-created",
        facets={
            "status": Facet("Status", STATUSES),
            "kind": Facet("Kind", {kind.name: kind.title for kind in kinds().all()}),
            "trigger": Facet("Started by", TRIGGERS),
        },
        dates={"created": "Created"},
        columns=TASK_COLUMNS,
        shown=("task", "status", "progress", "by", "created"),
    )


def schedulable(known: Kinds) -> list[tuple[str, str]]:
    """The kinds a schedule can start, by name and title."""
    return [(kind.name, kind.title) for kind in known.all() if kind.schedulable]


class ScheduleForm(FlaskForm):
    """A schedule as people edit it; the version it was read at travels along."""

    name = name_field("Name", 120, missing="Enter a name for the schedule.")
    kind = SelectField("What runs", validate_choice=False)
    timing = RadioField(
        "When",
        choices=[
            SelectChoice("cron", "By a cron line"),
            SelectChoice("every", "Every so many minutes"),
            SelectChoice("once", "Once"),
        ],
        default="cron",
        validate_choice=False,
        validators=[AnyOf(("cron", "every", "once"), "Choose when the schedule runs.")],
    )
    cron = optional_field("Cron line", CRON_LENGTH)
    every_minutes = WholeNumberField("Minutes", validators=[Optional()])
    run_at = DateTimeLocalField("Date and time", validators=[Optional()])
    time_zone = SelectField(
        "Time zone",
        choices=[SelectChoice(zone) for zone in sorted(time_zones())],
        validate_choice=False,
    )
    catch_up = RadioField(
        "Runs that were missed",
        choices=[
            SelectChoice("one", "Catch up with one run"),
            SelectChoice("all", "Run all of them, one after the other"),
            SelectChoice("skip", "Skip them"),
        ],
        default="one",
        validate_choice=False,
        validators=[AnyOf(CATCH_UP, "Choose what happens to missed runs.")],
    )
    overlap = RadioField(
        "If the run before has not ended",
        choices=[
            SelectChoice("skip", "Skip the next one"),
            SelectChoice("queue", "Wait for it"),
            SelectChoice("allow", "Run both"),
        ],
        default="skip",
        validate_choice=False,
        validators=[AnyOf(OVERLAP, "Choose what happens when runs overlap.")],
    )
    lock_version = HiddenField()

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleForm":
        """The form with a schedule as it is stored."""
        zone = ZoneInfo(schedule.time_zone)
        timing = "cron" if schedule.cron else "every" if schedule.every_seconds else "once"
        return cls(
            obj=schedule,
            timing=timing,
            every_minutes=(schedule.every_seconds or 0) // 60 or None,
            run_at=schedule.run_at and schedule.run_at.astimezone(zone).replace(tzinfo=None),
        )

    def offer(self, offered: list[tuple[str, str]]) -> None:
        """The kinds to choose from."""
        self.kind.choices = [SelectChoice(name, title) for name, title in offered]

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether all fields fit, those of the chosen timing included."""
        fits = bool(super().validate(extra_validators))
        if self.kind.data not in {name for name, _ in schedulable(kinds())}:
            self.kind.errors = ["Choose what runs."]
        if self.time_zone.data not in time_zones():
            self.time_zone.errors = ["Choose a time zone of the list."]
        if self.timing.data == "every" and not 1 <= (self.every_minutes.data or 0) <= MOST_MINUTES:
            self.every_minutes.errors = ["Enter a number of minutes from 1 to 525,600."]
        if self.timing.data == "once" and self.run_at.data is None:
            self.run_at.errors = ["Enter a date and a time."]
        return fits and not any(field.errors for field in self)

    def blame(self, words: str) -> None:
        """Show what is wrong with the cron line."""
        self.cron.errors = [words]

    def values(self, schedule: Schedule | None = None) -> dict[str, Any]:
        """The columns as the form has them; the input of a kind that was not chosen before is the usual one."""
        timing, run_at = self.timing.data, self.run_at.data
        values = {
            "name": self.name.data,
            "kind": self.kind.data,
            "cron": self.cron.data if timing == "cron" else None,
            "every_seconds": 60 * (self.every_minutes.data or 0) if timing == "every" else None,
            "run_at": run_at.replace(tzinfo=ZoneInfo(self.time_zone.data)).astimezone(UTC)
            if timing == "once"
            else None,
            "time_zone": self.time_zone.data,
            "catch_up": self.catch_up.data,
            "overlap": self.overlap.data,
        }
        if schedule is None or schedule.kind != self.kind.data:
            values["payload"] = kinds().get(self.kind.data).given().model_dump(mode="json")
        return values

    def version(self) -> int:
        """The version the form was read at; 0, which no schedule has, for anything else."""
        raw = str(self.lock_version.data or "")
        return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else 0


class TestMailForm(FlaskForm):
    """Where the test message goes."""

    recipient = address_field("Send to")

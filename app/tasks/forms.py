"""What the lists of tasks, schedules and mail can be asked, and the form of a test message."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from flask_wtf import FlaskForm
from pydantic import ValidationError
from wtforms import BooleanField, Field, HiddenField, RadioField, SelectChoice, SelectField
from wtforms.validators import AnyOf, Optional

from app.db.work import Kind, Kinds, kinds
from app.tasks.models import CATCH_UP, OVERLAP, Schedule
from app.tasks.slots import CRON_LENGTH, SlotError, check_cron
from app.web.fields import (
    MomentField,
    WholeNumberField,
    address_field,
    name_field,
    optional_field,
    read_version,
)
from app.web.inputs import form_fields, problems, sent_values
from app.web.listing import Facet, ListSpec
from app.web.zones import time_zones

MOST_MINUTES = 525_600
TIMED_BY = {"cron": "cron", "every": "every_minutes", "once": "run_at"}
"""The field of each timing."""
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
    """The kinds a schedule can start, by name and title, in the order of titles."""
    found = [(kind.name, kind.title) for kind in known.all() if kind.schedulable]
    return sorted(found, key=lambda kind: kind[1])


class ScheduleForm(FlaskForm):
    """A schedule as people edit it; the version it was read at travels along."""

    name = name_field("Name", 120, missing="Enter a name for the schedule.")
    kind = SelectField("What runs", validate_choice=False, render_kw={"autocomplete": "off"})
    timing = RadioField(
        "When",
        choices=[
            SelectChoice("cron", "By a cron line"),
            SelectChoice("every", "Every so many minutes"),
            SelectChoice("once", "Once"),
        ],
        default="cron",
        validate_choice=False,
    )
    cron = optional_field("Cron line", CRON_LENGTH, render_kw={"list": "cron-lines", "autocomplete": "off"})
    every_minutes = WholeNumberField("Minutes", validators=[Optional()])
    run_at = MomentField("Date and time", validators=[Optional()])
    time_zone = SelectField(
        "Time zone",
        choices=[SelectChoice(zone) for zone in time_zones()],
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
    paused_until = MomentField("Pause until", validators=[Optional()])
    ends_at = MomentField("Last run at the latest", validators=[Optional()])
    lock_version = HiddenField()
    stored: Schedule | None = None
    """The schedule that is edited."""

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleForm":
        """The form with a schedule as it is stored."""
        inputs = {_input(schedule.kind, name): value for name, value in schedule.payload.items()}
        timing = "cron" if schedule.cron else "every" if schedule.every_seconds else "once"
        form = cls(
            obj=schedule, timing=timing, every_minutes=(schedule.every_seconds or 0) // 60 or None, **inputs
        )
        for name in ("run_at", "paused_until", "ends_at"):
            form[name].data = _local(getattr(schedule, name), schedule.time_zone)
        if schedule.paused_until and schedule.paused_until <= datetime.now(UTC):
            form.paused_until.data = None
        form.stored = schedule
        return form

    def offer(self, org_id: UUID) -> None:
        """The kinds to choose from, none of them chosen to begin with, and what can be chosen for each of them."""
        none = [] if self.kind.data else [SelectChoice("", "Choose…")]
        self.kind.choices = [*none, *(SelectChoice(name, title) for name, title in schedulable(kinds()))]
        for name, _ in schedulable(kinds()):
            kind, fields = kinds().get(name), self.inputs_of(name)
            given = {name: field.data for name, field in fields.items()}
            for field, groups in (kind.choices(org_id, given) if kind.choices else {}).items():
                cast("SelectField", fields[field]).choices = [
                    SelectChoice(value, words, optgroup=group or None)
                    for group, values in groups.items()
                    for value, words in values
                ]

    def begin_with(self, kind: str, given: Mapping[str, str]) -> None:
        """Fill in what is to run and some of what it takes, as an address names them; unknown ones are left out."""
        if kind in dict(schedulable(kinds())):
            self.kind.data = kind
            for name, field in self.inputs_of(kind).items():
                field.data = given.get(name, field.data)

    def inputs(self) -> tuple[str, list[Field]]:
        """The title of the chosen kind, and the fields of what it takes."""
        title = dict(schedulable(kinds())).get(self.kind.data, "")
        return title, list(self.inputs_of(self.kind.data).values()) if title else []

    def kept(self) -> list[tuple[str, str]]:
        """Names and values of what was typed for the other kinds, for whoever goes back to one of them."""
        others = [name for name, _ in schedulable(kinds()) if name != self.kind.data]
        fields = [field for name in others for field in self.inputs_of(name).values()]
        return [(field.name, value) for field in fields for value in _typed(field)]

    def inputs_of(self, kind: str) -> dict[str, Field]:
        """The fields of what a kind takes, by their names there."""
        begin = _input(kind, "")
        return {field.name.removeprefix(begin): field for field in self if field.name.startswith(begin)}

    def fits(self, org_id: UUID) -> bool:
        """Whether all fields fit, and what the chosen kind takes in this organisation."""
        kind, fine = self.kind.data, self.validate()
        found = kinds().get(kind) if fine else None
        if found is None or found.check is None:
            return fine
        given = found.read(self._given())
        for name, words in found.check(org_id, given).items():
            self.inputs_of(kind)[name].errors = [words]
            fine = False
        return fine

    def validate(self, extra_validators: Any = None) -> bool:
        """Whether all fields fit, those of the chosen timing and of the chosen kind included."""
        super().validate(extra_validators)
        offered = {name for name, _ in schedulable(kinds())}
        others = [self[name] for timing, name in TIMED_BY.items() if timing != self.timing.data]
        for kind in offered - {self.kind.data}:
            others += self.inputs_of(kind).values()
        for field in others:
            field.errors = []
        if self.kind.data not in offered:
            self.kind.errors = ["Choose what runs."]
        else:
            self._check_payload()
        for field, words in self.timing_problems():
            field.errors = field.errors or [words]
        return not any(field.errors for field in self)

    def _check_payload(self) -> None:
        kind, fields = kinds().get(self.kind.data), self.inputs_of(self.kind.data)
        try:
            kind.read(self._given())
        except ValidationError as error:
            for name, words in problems(error, kind.given).items():
                field = fields.get(name, self.kind)
                field.errors = field.errors or [words]

    def timing_problems(self) -> Iterator[tuple[Field, str]]:
        """What is wrong with when it runs, each with its field."""
        if self.timing.data not in TIMED_BY:
            yield self.timing, "Choose when the schedule runs."
        if self.time_zone.data not in time_zones():
            yield self.time_zone, "Choose a time zone of the list."
        else:
            yield from self._moment_problems()
        if self.timing.data == "every" and not 1 <= (self.every_minutes.data or 0) <= MOST_MINUTES:
            yield self.every_minutes, "Enter a number of minutes from 1 to 525,600."
        if self.timing.data == "once" and self.run_at.data is None:
            yield self.run_at, "Enter a date and a time."
        if self.timing.data == "cron":
            yield from self._cron_problems()

    def _cron_problems(self) -> Iterator[tuple[Field, str]]:
        try:
            check_cron(self.cron.data or "")
        except SlotError as error:
            yield self.cron, str(error)

    def _moment_problems(self) -> Iterator[tuple[Field, str]]:
        for name in ("run_at", "paused_until", "ends_at"):
            field, moment = self[name], self._moment(name)
            if name == "run_at" and self.timing.data != "once":
                continue
            yield from ((field, words) for words in field.process_errors)
            was = _local(getattr(self.stored, name, None), self.time_zone.data)
            if moment and moment <= datetime.now(UTC) and field.data != was:
                yield field, "Enter a moment to come."
        paused, ends = self._moment("paused_until"), self._moment("ends_at")
        if paused and ends and ends <= paused:
            yield self.ends_at, "Enter a moment behind the pause, or no pause."

    def _moment(self, name: str) -> datetime | None:
        return cast("MomentField", self[name]).moment(self.time_zone.data)

    def _given(self) -> dict[str, Any]:
        """The input of the chosen kind: what is stored, under what was sent."""
        kind = kinds().get(self.kind.data)
        kept = self.stored.payload if self.stored and self.stored.kind == kind.name else {}
        return {**kept, **sent_values(kind.given, self.inputs_of(kind.name))}

    def when(self) -> dict[str, Any]:
        """The columns that say when it runs."""
        timing = self.timing.data
        return {
            "cron": self.cron.data if timing == "cron" else None,
            "every_seconds": 60 * (self.every_minutes.data or 0) if timing == "every" else None,
            "run_at": self._moment("run_at") if timing == "once" else None,
            "time_zone": self.time_zone.data,
            "paused_until": self._moment("paused_until"),
            "ends_at": self._moment("ends_at"),
        }

    def values(self) -> dict[str, Any]:
        """The columns as the form has them."""
        kind, given = kinds().get(self.kind.data), self._given()
        values = {
            "name": self.name.data,
            "kind": self.kind.data,
            **self.when(),
            "catch_up": self.catch_up.data,
            "overlap": self.overlap.data,
        }
        if self.stored is None or self.stored.kind != kind.name or given != self.stored.payload:
            values["payload"] = kind.read(given).model_dump(mode="json")
            about = values["payload"].get("agent_id")
            values["agent_id"] = about and UUID(about)
        return values

    def version(self) -> int:
        """The version the form was read at; 0, which no schedule has, for anything else."""
        return read_version(self.lock_version.data)


@lru_cache(maxsize=8)
def _form_with_inputs(offered: tuple[Kind[Any], ...]) -> type[ScheduleForm]:
    fields = {
        _input(kind.name, name): field for kind in offered for name, field in form_fields(kind.given).items()
    }
    return cast("type[ScheduleForm]", type("ScheduleForm", (ScheduleForm,), fields))


def schedule_form() -> type[ScheduleForm]:
    """The form with the fields of every kind that can be scheduled."""
    return _form_with_inputs(tuple(kind for kind in kinds().all() if kind.schedulable))


def _typed(field: Field) -> list[str]:
    """What a field sends as it stands."""
    if field.raw_data is not None:
        return [str(value) for value in field.raw_data]
    if isinstance(field, BooleanField):
        return ["y"] if field.data else []
    if isinstance(field, SelectField):
        return [] if field.data is None else [str(field.data)]
    return [field._value()]  # noqa: SLF001 - what the field's own widget calls


def _input(kind: str, name: str) -> str:
    """The name of a form field for a field of what a kind takes."""
    return f"{kind.replace('.', '-')}--{name}"


def _local(moment: datetime | None, time_zone: str) -> datetime | None:
    """A moment as the clock of a zone shows it, to the minute."""
    return moment and moment.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None, second=0, microsecond=0)


class TestMailForm(FlaskForm):
    """Where the test message goes."""

    recipient = address_field("Send to")

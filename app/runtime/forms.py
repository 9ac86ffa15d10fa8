"""What people say to agents, and about the calls that they want to make."""

import re
from collections.abc import Mapping, Sequence

from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from wtforms import SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import AnyOf, DataRequired, Length, ValidationError

from app.agents.repo.versions import Draft
from app.agents.snapshot import Snapshot
from app.runtime.services.approving import REASON_LENGTH, VERDICTS
from app.runtime.services.variables import variables_of
from app.tasks.forms import STATUSES
from app.threads.services.pictures import MOST_PICTURE_BYTES, MOST_PICTURES, NoPicture, picture_type
from app.web.fields import optional_field, storable, unified
from app.web.listing import Facet, ListSpec

MESSAGE_LENGTH = 200_000
VARIABLE_LENGTH = 10_000
DRAFT = "draft"
MOST_MESSAGE_BYTES = MOST_PICTURES * MOST_PICTURE_BYTES + 1024 * 1024
_MOST_VERSIONS = 50
_FIELD = "variable_"


APPROVAL_STATUSES = {
    "pending": "Pending",
    "approved": "Approved",
    "rejected": "Rejected",
    "expired": "Expired",
    "cancelled": "Cancelled",
}
APPROVAL_COLUMNS = {
    "tool": "Tool",
    "status": "Status",
    "agent": "Agent",
    "thread": "Thread",
    "created": "Asked",
    "expires": "Expires",
    "decider": "Decided by",
}


RUN_LIST = ListSpec(
    sorts={"created": "created"},
    default_sort="-created",
    facets={"status": Facet("Status", STATUSES)},
    dates={"created": "Created"},
)
"""The list of an agent's runs."""


class SayForm(FlaskForm):
    """A message, and which version of the agent answers it."""

    message = TextAreaField(
        "Message",
        filters=[unified],
        validators=[
            DataRequired("Write a message."),
            Length(max=MESSAGE_LENGTH, message=f"Use at most {MESSAGE_LENGTH:,} characters."),
            storable,
        ],
        render_kw={"rows": 3},
    )
    pictures = MultipleFileField("Images")
    version = SelectField("Answered by")
    missing: Sequence[str] = ()
    error_places: Mapping[str, str] = {}

    def versions(self) -> list[str]:
        """Who is to answer."""
        return [self.version.data]

    def lack(self, names: Sequence[str]) -> None:
        """Say which variables have no value: the model would read their names."""
        self.missing = names
        self.error_places = {f"Enter a value for {name}.": f"{_FIELD}{name}" for name in names}
        self.form_errors = list(self.error_places)

    def validate_pictures(self, field: MultipleFileField) -> None:
        """Refuse files that are no pictures, naming each with its reason."""
        files = [file for file in field.data or () if file and file.filename]
        if len(files) > MOST_PICTURES:
            raise ValidationError(f"Choose at most {MOST_PICTURES} images.")
        problems = []
        for file in files:
            try:
                picture_type(file.stream)
            except NoPicture as error:
                problems.append(f"{file.filename}: {error}")
        if problems:
            raise ValidationError("\n".join(problems))

    def offer(self, draft: Draft, chosen: str | None = None) -> None:
        """Set the versions to choose from: the draft and those published, the newest first."""
        newest = draft.latest.number if draft.latest else 0
        numbers = range(newest, max(0, newest - _MOST_VERSIONS), -1)
        self.version.choices = [
            SelectChoice(DRAFT, "Draft" if draft.changed else f"Draft (equals version {newest})"),
            *(SelectChoice(str(number), f"Version {number}") for number in numbers),
        ]
        if not self.is_submitted():
            self.version.data = chosen or (str(newest) if newest and not draft.changed else DRAFT)


class BesideForm(SayForm):
    """A message, and the two versions that answer it."""

    version = SelectField("Left")
    other = SelectField("Right")

    def versions(self) -> list[str]:
        """Who is to answer, from left to right."""
        return [self.version.data, self.other.data]

    def offer(self, draft: Draft, chosen: str | None = None, other: str | None = None) -> None:
        """Set the versions to choose from; without a choice the newest one on the left, the draft on the right."""
        newest = str(draft.latest.number) if draft.latest else DRAFT
        super().offer(draft, chosen or newest)
        self.other.choices = list(self.version.choices or ())
        if not self.is_submitted():
            self.other.data = other or DRAFT


def prompt_variables(*snapshots: Snapshot) -> tuple[str, ...]:
    """The variables of the personas and prompts, in order."""
    return variables_of(*(text for one in snapshots for text in one.texts))


def read_variables(form: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """What was given for these variables; empty ones are left out, long ones cut."""
    given = {name: form.get(f"{_FIELD}{name}", "").replace("\0", "")[:VARIABLE_LENGTH] for name in names}
    return {name: value for name, value in given.items() if value}


def read_event_id(raw: str | None) -> int:
    """The number of the last event a follower has, as EventSource sends it; 0 for anything else."""
    return int(raw) if raw and re.fullmatch(r"[0-9]{1,9}", raw) else 0


class DecideForm(FlaskForm):
    """What a person decides about a call, and why; `place` is `thread`, or the address that the person came from."""

    verdict = StringField(validators=[AnyOf(VERDICTS, "Choose whether to approve or to reject the call.")])
    reason = optional_field("Reason", REASON_LENGTH)
    place = StringField()


def approval_list(agents: Mapping[str, str]) -> ListSpec:
    """The list of calls to decide, of these agents."""
    return ListSpec(
        sorts={"created": "asked"},
        default_sort="created",
        facets={"status": Facet("Status", APPROVAL_STATUSES), "agent": Facet("Agent", agents)},
        columns=APPROVAL_COLUMNS,
        shown=("tool", "status", "agent", "thread", "created", "expires"),
    )

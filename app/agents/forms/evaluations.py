"""The form of an evaluation case; its checks are rows, each a kind and a value."""

from collections.abc import Mapping, Sequence
from typing import Any

from wtforms import BooleanField, HiddenField, TextAreaField
from wtforms.validators import DataRequired, Length

from app.agents.forms.conflicts import SharedForm
from app.agents.services.checks import MOST_CHECKS
from app.web.fields import AssignmentsField, name_field, storable, unified

MESSAGE_LENGTH = 100_000
EMPTY_ROWS = 3
MOST_ROWS = MOST_CHECKS + EMPTY_ROWS
GATE_WORDS: Mapping[str, str] = {
    "none": "Whatever the cases say",
    "all": "Only when all cases pass",
    "no_fewer": "Only when no fewer cases pass than with the last version",
}


class CaseForm(SharedForm):
    """What the agent is told; what was said before stays as it was saved."""

    thread_id = HiddenField()
    message_id = HiddenField()
    name = name_field("Name", 255, missing="Enter a name.")
    message = TextAreaField(
        "Message",
        filters=[unified],
        validators=[
            DataRequired("Enter what the agent is asked."),
            Length(max=MESSAGE_LENGTH, message="Use at most 100,000 characters."),
            storable,
        ],
        render_kw={"rows": 5, "dir": "auto"},
    )
    variables = AssignmentsField("Variables", render_kw={"rows": 2, "dir": "auto"})
    enabled = BooleanField("Asked in every run", default=True)
    error_places: Mapping[str, str] = {}

    def refuse(self, message: str, place: str) -> None:
        """Say what is wrong with a row of the checks, and in which field."""
        self.form_errors.append(message)
        self.error_places = {message: place}


def check_rows(form: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The rows of checks that a browser sent, empty ones included."""
    return [
        (str(form.get(f"kind-{row}", "")), str(form.get(f"value-{row}", "")))
        for row in range(MOST_ROWS)
        if f"kind-{row}" in form or f"value-{row}" in form
    ]


def shown_rows(rows: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rows of a form: those with a value, then some empty ones."""
    kept = [row for row in rows if row[1].strip()][:MOST_ROWS]
    return [*kept, *[("contains", "")] * min(EMPTY_ROWS, MOST_ROWS - len(kept))]

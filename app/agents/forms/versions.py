"""The form that publishes an agent, and what the list of its versions can be asked."""

from wtforms import BooleanField, TextAreaField
from wtforms.validators import Length, ValidationError

from app.agents.forms.conflicts import SharedForm
from app.agents.services.agents import NAME_LENGTH
from app.web.fields import optional_field, storable, unified
from app.web.listing import ListSpec

NOTE_LENGTH = 2_000
VERSION_LIST = ListSpec(
    sorts={"number": "number"},
    default_sort="-number",
    columns={
        "number": "Version",
        "note": "Note",
        "author": "Published by",
        "created": "Published",
        "content": "Content",
    },
    shown=("number", "note", "author", "created", "content"),
)


class PublishForm(SharedForm):
    """What a version is called and why it was published."""

    name = optional_field("Name", NAME_LENGTH)
    note = TextAreaField(
        "Note",
        filters=[unified],
        validators=[Length(max=NOTE_LENGTH, message="Use at most 2,000 characters."), storable],
        render_kw={"rows": 3, "dir": "auto"},
    )
    anyway = BooleanField("Publish although the evaluation cases do not pass")

    def validate_note(self, field: TextAreaField) -> None:
        """Ask for the reason where cases are passed over."""
        if self.anyway.data and not field.data:
            raise ValidationError("Say why it is published anyway.")


def read_side(text: str) -> int | None:
    """A side of a comparison: the number of a version, or None for the draft. ValueError for anything else."""
    if text == "draft":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise ValueError(text)
    return int(text)

"""Forms whose text is compared with what somebody else saved in the meantime."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, SelectField, SelectMultipleField

from app.web.fields import read_version

_UNSEEN = ("lock_version", "csrf_token")


@dataclass(frozen=True)
class Difference:
    """A field that two people left with different values, in words."""

    name: str
    label: str
    mine: str
    theirs: str


class SharedForm(FlaskForm):
    """A form of something that several people edit; the version it was read at travels along."""

    lock_version = HiddenField()

    def version(self) -> int:
        """The version the form was read at; 0, which nothing has, for anything else."""
        return read_version(self.lock_version.data)

    def differences(self, theirs: Mapping[str, Any]) -> list[Difference]:
        """The fields that differ from the stored values."""
        return [
            Difference(field.name, field.label.text, mine, stored)
            for field in self
            if field.name not in _UNSEEN
            and (mine := _words(field, field.data)) != (stored := _words(field, theirs[field.name]))
        ]

    def kept(self) -> Iterator[tuple[str, str]]:
        """Names and values that a browser sends of the form as it is, without its version."""
        for field in self:
            if field.name in _UNSEEN:
                continue
            if isinstance(field, SelectMultipleField):
                yield from ((field.name, value) for value in field.data or ())
            elif isinstance(field, BooleanField):
                if field.data:
                    yield field.name, "y"
            else:
                yield field.name, "" if field.data is None else str(field.data)


def _words(field: Field, value: Any) -> str:
    if isinstance(field, BooleanField):
        return "Yes" if value else "No"
    if isinstance(field, SelectField):
        labels = {choice.value: choice.label for choice in field.choices}
        chosen = value if isinstance(field, SelectMultipleField) else [value] if value else []
        return ", ".join(sorted(labels[key] for key in chosen or () if key in labels)) or "–"
    return "–" if value is None or value == "" else str(value)

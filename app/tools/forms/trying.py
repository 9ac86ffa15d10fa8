"""The form that tries a tool, made of its schema."""

import json
from collections.abc import Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import ValidationError

from app.web.fields import storable, unified

MOST_FIELDS, MOST_TEXT = 30, 20_000
_NUMBERS = {"integer": int, "number": float}


class TryForm(FlaskForm):
    """Arguments as JSON; subclasses have a field for each simple argument, named `arg_` and its number."""

    arguments = TextAreaField(
        "Arguments as JSON",
        filters=[unified],
        validators=[storable],
        render_kw={"rows": 5, "spellcheck": "false"},
    )
    named: Mapping[str, tuple[str, str]] = {}
    simple = False

    def validate_arguments(self, field: Any) -> None:
        """Refuse what is no JSON object, with its line."""
        if not field.data:
            return
        if len(field.data) > MOST_TEXT:
            raise ValidationError(f"Use at most {MOST_TEXT:,} characters.")
        try:
            found = json.loads(field.data)
        except json.JSONDecodeError as error:
            raise ValidationError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
        except (RecursionError, ValueError) as error:
            raise ValidationError("The text cannot be read as JSON.") from error
        if not isinstance(found, dict):
            raise ValidationError("The arguments must be a JSON object.")

    def read(self) -> dict[str, Any]:
        """The arguments; after validation."""
        found = {
            name: _value(self[key].data, kind) for key, (name, kind) in self.named.items() if self[key].data
        }
        return {**found, **json.loads(self.arguments.data or "{}")}


def try_form(schema: Mapping[str, Any]) -> TryForm:
    """A form for arguments of this schema, filled in with what was sent."""
    fields: dict[str, Any] = {}
    named: dict[str, tuple[str, str]] = {}
    for number, (name, part) in enumerate(list(schema.get("properties", {}).items())[:MOST_FIELDS]):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in {"string", "integer", "number", "boolean"}:
            named[f"arg_{number}"] = (name, kind)
            fields[f"arg_{number}"] = _field(name, part)
    made = type("SchemaForm", (TryForm,), {**fields, "named": named, "simple": bool(named)})()
    assert isinstance(made, TryForm)
    for key, (name, _) in named.items():
        made[key].flags.needed = name in schema.get("required", [])
    return made


def _field(name: str, part: Mapping[str, Any]) -> Field:
    words = str(part.get("description", ""))[:500] or None
    listed = part.get("enum")
    choices = [str(value) for value in listed] if isinstance(listed, list) else []
    if part["type"] == "boolean":
        choices = ["true", "false"]
    if choices:
        offered = [SelectChoice("", "–"), *(SelectChoice(value, value) for value in choices)]
        return SelectField(name, choices=offered, description=words)
    return StringField(name, validators=[storable, _number(part["type"])], description=words)


def _number(kind: str) -> Any:
    def validate(_form: Any, field: Any) -> None:
        if field.data and kind in _NUMBERS:
            try:
                _NUMBERS[kind](field.data)
            except (ValueError, OverflowError) as error:
                words = "Enter a whole number." if kind == "integer" else "Enter a number."
                raise ValidationError(words) from error

    return validate


def _value(text: str, kind: str) -> Any:
    if kind == "boolean":
        return text == "true"
    return _NUMBERS[kind](text) if kind in _NUMBERS else text

"""The form that tries a tool, made of its schema."""

import json
from collections.abc import Mapping
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import ValidationError

from app.tools.services.schemas import finite
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
            endless = not finite(found)
        except json.JSONDecodeError as error:
            raise ValidationError(f"Line {error.lineno}, column {error.colno}: {error.msg}.") from error
        except (RecursionError, ValueError) as error:
            raise ValidationError("The text cannot be read as JSON.") from error
        if not isinstance(found, dict):
            raise ValidationError("The arguments must be a JSON object.")
        if endless:
            raise ValidationError("The arguments do not fit: their numbers must be finite.")

    def read(self) -> dict[str, Any]:
        """The arguments; after validation."""
        found = {
            name: _value(self[key].data, kind) for key, (name, kind) in self.named.items() if self[key].data
        }
        return {**found, **json.loads(self.arguments.data or "{}")}


def try_form(schema: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> TryForm:
    """A form for arguments of this schema, filled in with what was sent, or else with the arguments given."""
    fields: dict[str, Any] = {}
    named: dict[str, tuple[str, str]] = {}
    for number, (name, part) in enumerate(list(schema.get("properties", {}).items())[:MOST_FIELDS]):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in {"string", "integer", "number", "boolean"}:
            named[f"arg_{number}"] = (name, kind)
            fields[f"arg_{number}"] = _field(name, part)
    filled = _filled(schema.get("properties", {}), named, given or {})
    made = type("SchemaForm", (TryForm,), {**fields, "named": named, "simple": bool(named)})(data=filled)
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
            words = "Enter a whole number." if kind == "integer" else "Enter a number."
            try:
                number = _NUMBERS[kind](field.data)
            except (ValueError, OverflowError) as error:
                raise ValidationError(words) from error
            if not finite(number):
                raise ValidationError(words)

    return validate


def _value(text: str, kind: str) -> Any:
    if kind == "boolean":
        return text == "true"
    return _NUMBERS[kind](text) if kind in _NUMBERS else text


def _filled(
    parts: Mapping[str, Any], named: Mapping[str, tuple[str, str]], given: Mapping[str, Any]
) -> dict[str, str]:
    """What each field holds of the arguments given; those that no simple field can hold are left to the JSON."""
    texts = {key: _text(given[name], parts[name]) for key, (name, _) in named.items() if name in given}
    filled = {key: text for key, text in texts.items() if text}
    said = {named[key][0] for key in filled}
    rest = {name: value for name, value in given.items() if name not in said}
    return {**filled, "arguments": _json(rest)} if rest else filled


def _text(value: Any, part: Mapping[str, Any]) -> str:
    """A value as its simple field holds it; empty for one that only JSON can say."""
    kind, listed = part["type"], part.get("enum")
    if kind == "boolean":
        return str(value).lower() if isinstance(value, bool) else ""
    if kind == "string":
        text = value if isinstance(value, str) and value.isprintable() else ""
    else:
        text = str(value) if type(value) is (int if kind == "integer" else float) else ""
    return "" if isinstance(listed, list) and text not in map(str, listed) else text


def _json(value: Any) -> str:
    """A value as people read it, unless it holds what no page can."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if text.isascii() or text.encode(errors="replace").decode() == text else json.dumps(value)

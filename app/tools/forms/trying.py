"""The form that tries a tool, made of its schema."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, SelectChoice, StringField, TextAreaField
from wtforms.validators import ValidationError

from app.tools.forms.choosing import ChoiceField
from app.tools.services.schemas import finite
from app.web.fields import storable, unified

MOST_FIELDS, MOST_TEXT = 30, 20_000
_NUMBERS = {"integer": int, "number": float}
_OF: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (float, int),
    "boolean": (bool,),
}
"""The types that are written in a simple field."""


@dataclass(frozen=True)
class Simple:
    """An argument that one field can hold. `choices` are the texts of its values, if they are listed.

    `null` says that it may be null, `needed` that it has to be there.
    """

    name: str
    kind: str
    description: str
    choices: Sequence[str]
    null: bool
    needed: bool

    def value(self, text: str) -> Any:
        """What a text stands for; after validation."""
        if self.kind == "boolean":
            return text == "true"
        return _NUMBERS[self.kind](text) if self.kind in _NUMBERS else text

    def text(self, value: Any) -> str:
        """A value as the field holds it; empty for one that only JSON can say."""
        if type(value) not in _OF[self.kind]:
            return ""
        text = _written(value) if self.kind != "string" or value.isprintable() else ""
        return text if text in self.choices or not self.choices else ""


class TryForm(FlaskForm):
    """Arguments as JSON; subclasses have a field for each simple argument, named `arg_` and its number."""

    arguments = TextAreaField(
        "Arguments as JSON",
        filters=[unified],
        validators=[storable],
        render_kw={"rows": 5, "spellcheck": "false"},
    )
    named: Mapping[str, Simple] = {}
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
            part.name: part.value(self[key].data) if self[key].data else None
            for key, part in self.named.items()
            if self[key].data or (part.null and part.needed)
        }
        return {**found, **json.loads(self.arguments.data or "{}")}


def try_form(schema: Mapping[str, Any], given: Mapping[str, Any] | None = None) -> TryForm:
    """A form for arguments of this schema, filled in with what was sent, or else with the arguments given."""
    parts = list(schema.get("properties", {}).items())[:MOST_FIELDS]
    required = schema.get("required", [])
    simple = {
        f"arg_{number}": _simple(name, part, needed=name in required)
        for number, (name, part) in enumerate(parts)
    }
    named = {key: part for key, part in simple.items() if part}
    fields: dict[str, Any] = {key: _field(part) for key, part in named.items()}
    filled = _filled(named, given or {})
    made = type("SchemaForm", (TryForm,), {**fields, "named": named, "simple": bool(named)})(data=filled)
    assert isinstance(made, TryForm)
    for key, part in named.items():
        made[key].flags.needed = part.needed and not part.null
    return made


def _simple(name: str, part: Any, *, needed: bool) -> Simple | None:
    """An argument of one simple type, which may be null beside; None for any other."""
    said = part.get("type") if isinstance(part, dict) else None
    kinds = [kind for kind in (said if isinstance(said, list) else [said]) if kind != "null"]
    kind, null = str(kinds[0]) if len(kinds) == 1 else "", isinstance(said, list) and "null" in said
    if kind not in _OF:
        return None
    words = str(part.get("description", ""))[:500]
    if null and needed:
        words = f"{words} Nothing stands for null.".lstrip()
    listed = part.get("enum")
    values = [True, False] if kind == "boolean" else listed if isinstance(listed, list) else []
    choices = [_written(value) for value in values if type(value) in _OF[kind] and value != ""]
    return Simple(name, kind, words, choices, null, needed)


def _field(part: Simple) -> Field:
    words = part.description or None
    if part.choices:
        offered = [SelectChoice("", "–"), *(SelectChoice(value, value) for value in part.choices)]
        wrong = f"Choose a value of the list for {part.name[:100]}."
        return ChoiceField(part.name, wrong=wrong, choices=offered, description=words)
    return StringField(part.name, validators=[storable, _number(part.kind)], description=words)


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


def _filled(named: Mapping[str, Simple], given: Mapping[str, Any]) -> dict[str, str]:
    """What each field holds of the arguments given; those that no simple field can hold are left to the JSON."""
    texts = {key: part.text(given[part.name]) for key, part in named.items() if part.name in given}
    filled = {key: text for key, text in texts.items() if text}
    said = {named[key].name for key in filled}
    empty = {part.name for part in named.values() if part.null and part.needed}
    rest = {
        name: value
        for name, value in given.items()
        if name not in said and not (value is None and name in empty)
    }
    return {**filled, "arguments": _json(rest)} if rest else filled


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(value: Any) -> str:
    """A value as people read it, unless it holds what no page can."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if text.isascii() or text.encode(errors="replace").decode() == text else json.dumps(value)

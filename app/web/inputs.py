"""Form fields for a typed input (a pydantic model), and what is wrong with its values in plain words."""

from collections.abc import Mapping
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from wtforms import BooleanField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import Optional

from app.web.fields import AssignmentsField, WholeNumberField, optional_field, storable, unified
from app.web.zones import time_zones

LONGEST = 4_000
_ZONE = {"format": "time-zone"}
LONG_TEXT: dict[str, Any] = {"format": "long-text"}
"""Extra of a field that is a text of several lines."""
ASSIGNMENTS: dict[str, Any] = {"format": "assignments"}
"""Extra of a field of names with texts."""
CHOICE: dict[str, Any] = {"format": "choice"}
"""Extra of a field that is chosen from what the kind offers (`Kind.choices`)."""
_WORDS = {
    "missing": "{label}: enter a value.",
    "literal_error": "{label}: choose one of the list.",
    "string_too_long": "Use at most {max_length:,} characters.",
    "string_too_short": "{label}: enter a value.",
    "greater_than_equal": "Enter {ge:,} or more.",
    "less_than_equal": "Enter {le:,} or less.",
    "too_long": "Use at most {max_length:,}.",
    "int_type": "Enter a whole number.",
    "uuid_type": "{label}: choose one of the list.",
    "uuid_parsing": "Enter an ID, as its page shows it.",
}


def _known_zone(name: str) -> str:
    if name not in time_zones():
        raise ValueError("Choose a time zone of the list.")
    return name


ZoneName = Annotated[str, AfterValidator(_known_zone), Field(json_schema_extra=_ZONE)]
"""A time zone in a typed input, chosen from the list of all."""


def worded(words: Mapping[str, str]) -> dict[str, Any]:
    """Extra of a field that is one of a few values: what people call each."""
    return {"format": "words", "words": dict(words)}


def words_of(field: FieldInfo) -> Mapping[str, str]:
    """What people call the values of a field; empty where it does not say."""
    found: Mapping[str, str] = _extra(field).get("words", {})
    return found


def is_choice(field: FieldInfo) -> bool:
    """Whether a field is chosen from what its kind offers."""
    return _extra(field) == CHOICE


def label_of(name: str, field: FieldInfo) -> str:
    """What people call a field of an input."""
    return field.title or name.replace("_", " ").capitalize()


def form_fields(model: type[BaseModel]) -> dict[str, Any]:
    """An unbound form field for each field of the model, by its name."""
    return {name: _form_field(name, field) for name, field in model.model_fields.items()}


def _form_field(name: str, field: FieldInfo) -> Any:
    label, kind = label_of(name, field), _without_none(field.annotation)
    values = {
        "description": field.description or "",
        "default": None if field.is_required() else field.get_default(call_default_factory=True),
    }
    if field.json_schema_extra == _ZONE:
        return _select(label, time_zones(), values)
    if get_origin(kind) is Literal or is_choice(field):
        return _select(label, get_args(kind), values, words_of(field))
    if _extra(field) in (LONG_TEXT, ASSIGNMENTS):
        return _lines(field, label, values)
    if kind is bool:
        return BooleanField(label, **values)
    if kind is int:
        return WholeNumberField(label, validators=[Optional()], **values)
    return optional_field(label, LONGEST, **values)


def _select(
    label: str, choices: Any, values: Mapping[str, Any], words: Mapping[str, str] | None = None
) -> SelectField:
    named = [SelectChoice(choice, (words or {}).get(choice)) for choice in choices]
    return SelectField(label, choices=named, validate_choice=False, **values)


def _lines(field: FieldInfo, label: str, values: Mapping[str, Any]) -> TextAreaField:
    if _extra(field) == ASSIGNMENTS:
        return AssignmentsField(label, render_kw={"rows": 3}, **values)
    return TextAreaField(label, filters=[unified], validators=[storable], render_kw={"rows": 4}, **values)


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _without_none(annotation: Any) -> Any:
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    return kinds[0] if NoneType in get_args(annotation) and len(kinds) == 1 else annotation


def sent_values(model: type[BaseModel], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a posted form says about the model's fields; what it is silent or empty about is left out.

    An emptied text is the empty text, an emptied choice is none; a box that is not ticked is false.
    """
    values: dict[str, Any] = {}
    for name, field in fields.items():
        empty = "" if model.model_fields[name].annotation is str else None
        if is_choice(model.model_fields[name]) and field.raw_data:
            values |= {name: field.data or None}
        elif isinstance(field, BooleanField) or field.raw_data:
            text = isinstance(field, StringField) and not isinstance(field, AssignmentsField)
            value = empty if text and not field.data else field.data
            values |= {} if value is None else {name: value}
    return values


def problems(error: ValidationError, model: type[BaseModel]) -> dict[str, str]:
    """What to do about each field of the model that does not fit, by its name."""
    names = [(str(one["loc"][0]), one) for one in error.errors() if one["loc"]]
    fields = model.model_fields
    return {
        name: _words(one, label_of(name, fields[name]) if name in fields else name) for name, one in names
    }


def _words(error: Any, label: str) -> str:
    known = _WORDS.get(error["type"])
    if known:
        return known.format(**{"label": label, **error.get("ctx", {})})
    return str(error["msg"]).removeprefix("Value error, ")

"""What is wrong with the values of a body, by the names that programs know and in plain words."""

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.web.errors import FieldError

_TAKES = "Input should be "
_WORDS = {
    "dict_type": f"{_TAKES}an object",
    "model_type": f"{_TAKES}an object",
    "model_attributes_type": f"{_TAKES}an object",
    "uuid_parsing": f"{_TAKES}a valid UUID",
    "union_tag_not_found": "Field required",
    "union_tag_invalid": f"{_TAKES}one of {{expected_tags}}",
}
_OF_TAGS = ("union_tag_invalid", "union_tag_not_found")


def wrong_values(
    error: ValidationError, model: type[BaseModel], patterns: Mapping[str, str]
) -> list[FieldError]:
    """One error for each value; `patterns` has a sentence for each beginning of a pattern."""
    found: dict[str, list[str]] = {}
    for one in error.errors(include_url=False):
        place = ".".join(map(str, _place(model, one))) or "body"
        found.setdefault(place, []).append(_words(one, patterns))
    return [FieldError(place, _sentence(_either(words))) for place, words in found.items()]


def _place(model: type[BaseModel], error: ErrorDetails) -> Iterator[int | str]:
    """Where the value stands, without the steps that name one type of several or the key of an object."""
    kind: Any = model
    for step in error["loc"]:
        branches = _branches(kind)
        if len(branches) > 1:
            kind = next((branch for branch in branches if _is_called(branch, str(step))), None)
        elif step != "[key]":
            kind = _inner(branches[0], step)
            yield step
    if error["type"] in _OF_TAGS:
        yield error["ctx"]["discriminator"].strip("'")


def _branches(kind: Any) -> Sequence[Any]:
    """What a type may be beside null, without notes."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) not in {Union, UnionType}:
        return (kind,)
    branches = [branch for branch in get_args(kind) if branch is not type(None)]
    return branches if len(branches) > 1 else _branches(branches[0])


def _is_called(branch: Any, tag: str) -> bool:
    """Whether an error names this type so: by its own name, or by the value that tells it from the others."""
    (kind, *_) = _branches(branch)
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return False
    told = [field.annotation for field in kind.model_fields.values()]
    return kind.__name__ == tag or any(get_origin(one) is Literal and tag in get_args(one) for one in told)


def _inner(kind: Any, step: int | str) -> Any:
    """The type of what stands in a value of this type."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(step))
        return field.annotation if field else None
    inner = get_args(kind)
    return inner[-1] if inner else None


def _words(error: ErrorDetails, patterns: Mapping[str, str]) -> str:
    if error["type"] == "string_pattern_mismatch":
        if not str(error["input"]).strip():
            return "Give a text that is not blank"
        pattern = error["ctx"]["pattern"]
        fitting = (words for known, words in patterns.items() if pattern.startswith(known))
        return next(fitting, "Write it as the description of the API says")
    if error["type"] in _WORDS:
        return _WORDS[error["type"]].format(**error.get("ctx", {}))
    return error["msg"].removeprefix("Value error, ").partition(" after validation, ")[0]


def _either(words: Sequence[str]) -> str:
    """What is said of one value; where several types are taken, what each of them takes."""
    taken = [each for each in dict.fromkeys(words) if each.startswith(_TAKES)]
    if len(taken) < 2:
        return words[0]
    return _TAKES + ", or ".join(each.removeprefix(_TAKES) for each in taken)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")

"""What all models of the API have in common: no coercion, no unknown names, no change."""

from typing import Annotated, TypeVar

from flask import Response, make_response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.web.errors import FieldError, Refusal
from app.web.json_body import JSON_TYPE, read_object

ONE_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
Read = TypeVar("Read", bound="Model")


class Model(BaseModel):
    """An object of the API."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str | None = None
    errors: list["WrongValue"] | None = None


class WrongValue(Model):
    """A value that is wrong."""

    field: Annotated[str, Field(description="Where it stands, such as `parts.0.text`.")]
    message: str


def _named(text: str) -> str:
    if not text.strip(" "):
        raise ValueError("give a name")
    return text.strip(" ")


Name = Annotated[str, Field(min_length=1, max_length=255, pattern=ONE_LINE), AfterValidator(_named)]
"""A text on one line that is not blank; spaces around it are dropped."""
Line = Annotated[str, Field(max_length=255, pattern=ONE_LINE)]
CANONICAL_ID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
Id = Annotated[str, Field(pattern=CANONICAL_ID, json_schema_extra={"format": "uuid"})]
"""An id in its one spelling."""
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="The version that was read.")]


def read_body(model: type[Read], *, keep: bool = True) -> Read:
    """The request's body; `keep` and Refusal as `read_object`, 422 with each value that is wrong."""
    try:
        return model.model_validate(read_object(keep=keep))
    except ValidationError as error:
        raise Refusal(422, "Some values are wrong.", errors=_errors(error)) from error


def _errors(error: ValidationError) -> list[FieldError]:
    return [
        FieldError(
            ".".join(str(step) for step in wrong["loc"]) or "body", wrong["msg"].removeprefix("Value error, ")
        )
        for wrong in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def answer(model: BaseModel, status: int = 200, location: str | None = None) -> Response:
    """A model as the answer."""
    response = make_response(model.model_dump_json(), status)
    response.mimetype = JSON_TYPE
    if location:
        response.headers["Location"] = location
    return response

"""What all models of the API have in common: no coercion, no unknown names, no change."""

import re
from typing import Annotated, Any, TypeVar

from flask import Response, make_response, request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.api.schemas.wrong import wrong_values
from app.web.errors import Refusal
from app.web.json_body import JSON_TYPE, read_object

ONE_LINE = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
Read = TypeVar("Read", bound="Model")
_REVISION = re.compile("[0-9]{1,18}")


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
    current: Annotated[
        dict[str, Any] | None,
        Field(description="What is stored now, where somebody else was faster with a change."),
    ] = None
    code: Annotated[
        str | None, Field(description="`insufficient_quota` where a limit of spending is used up.")
    ] = None


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
PATTERNS = {
    f"{CANONICAL_ID}|": "Give the id of a tool, or the name of one that is built in.",
    CANONICAL_ID: "Give an id, such as 01930000-0000-7000-8000-000000000000.",
    ONE_LINE: "Use letters, digits and signs on one line only.",
    "^[A-Za-z_]": "Use letters, digits and underscores, the first one no digit.",
    "^https?://": "Give an address that begins with http:// or https://.",
    r"^[^\u0000]*": "Remove the null characters.",
}
"""What a text must be, by how its pattern begins."""
Version = Annotated[int, Field(ge=1, le=2**31 - 1, description="The version that was read.")]


def read_body(model: type[Read], *, keep: bool = True) -> Read:
    """The request's body; `keep` and Refusal as `read_object`, 422 with each value that is wrong."""
    try:
        return model.model_validate(read_object(keep=keep))
    except ValidationError as error:
        raise Refusal(422, "Some values are wrong.", errors=wrong_values(error, model, PATTERNS)) from error


def answer(model: BaseModel, status: int = 200, location: str | None = None) -> Response:
    """A model as the answer."""
    response = make_response(model.model_dump_json(), status)
    response.mimetype = JSON_TYPE
    if location:
        response.headers["Location"] = location
    return response


def tagged(model: BaseModel, revision: int) -> Response:
    """A model as the answer, with an ETag for `If-Match`; who has this answer already is only told so."""
    response = answer(model)
    response.add_etag()
    response.set_etag(f"{revision}.{response.get_etag()[0]}")
    response.make_conditional(request)
    return response


def read_matches() -> frozenset[int] | None:
    """The revisions that the request was made for, by the ETags in its `If-Match`; None if for any."""
    if not request.if_match or request.if_match.star_tag:
        return None
    revisions = ((tag or "").partition(".")[0] for tag in request.if_match.as_set())
    return frozenset(int(number) for number in revisions if _REVISION.fullmatch(number))


def empty() -> Response:
    """An answer without a body, hence of no type."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response

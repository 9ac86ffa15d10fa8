"""The OpenAPI 3.1 document, made of the same models that read and write."""

import re
from collections.abc import Sequence
from typing import Any

from flask import Flask, current_app
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import AnyConverter, IntegerConverter

from app.api.schemas.completions import OpenAIError
from app.api.schemas.operations import EVENT_STREAM, Operation, Route, routes
from app.api.schemas.strict import CANONICAL_ID, Problem
from app.web.errors import PROBLEM_TYPE
from app.web.json_body import JSON_TYPE
from app.web.params import AnyName
from app.web.security import settings

_ARGUMENT = re.compile(r"<[^<>]*?(\w+)>")
_REF = "#/components/schemas/{model}"
_ALWAYS = (401, 403, 429, 503)
_WORDS = {
    400: "The body or address cannot be read.",
    401: "No key, or one that does not work.",
    403: "The key lacks the scope, or its person the role.",
    404: "Unknown, or of another organisation.",
    409: (
        "Something changed in the meantime, the thread is being answered (`Retry-After` says when to ask again), or"
        " the Idempotency-Key came with another body."
    ),
    412: "It is not what `If-Match` names any more; `current` is what is stored now.",
    413: "The body is too large; `detail` says how large it may be.",
    415: "The body is no application/json, or packed by a Content-Encoding.",
    422: "Some values are wrong, or a parameter of the query is not described; `errors` names them.",
    429: "Too many requests; `Retry-After` says when to go on.",
    424: "A model gave no answer; `detail` says why.",
    503: "The database does not answer; `Retry-After` says when to go on.",
}
_OPENAI_WORDS = {
    400: "The body cannot be read, or an image cannot be taken; `param` names it.",
    404: "No published agent is called so, or the thread is unknown or of another agent.",
    409: (
        "The thread is being answered or its answer waits for a person, and `Retry-After` says when to ask again; or"
        " the agent is switched off."
    ),
    413: "The body is too large; `message` says how large it may be.",
    422: "Some values are wrong; `param` names the first.",
    424: (
        "The model gave no answer; `message` says why, the thread keeps what it said. It is no 5xx, so that clients do"
        " not ask and pay again."
    ),
    429: (
        "Too many requests, or a limit of spending is used up, which `code` says; `Retry-After` says when to go on."
    ),
}
"""What is said otherwise of the endpoint for OpenAI's clients."""
_HEADERS = {
    "X-Request-ID": ("string", "Names the request, in the log too."),
    "RateLimit-Policy": ("string", "The limit and its seconds, such as `600;w=60`."),
    "RateLimit-Limit": ("integer", "Requests a minute."),
    "RateLimit-Remaining": ("integer", "How many are left."),
    "RateLimit-Reset": ("integer", "Seconds until all are there again."),
    "Location": ("string", "Where it is."),
    "ETag": ("string", "Names this answer, for `If-Match` and `If-None-Match`."),
    "Link": ("string", "The next page, if there is one (RFC 8288)."),
    "Retry-After": ("integer", "Seconds to wait, where waiting helps."),
    "X-Should-Retry": ("string", "`false` where a limit of spending is used up."),
    "WWW-Authenticate": ("string", "How to show a key."),
    "X-Thread-Id": ("string", "The thread that holds question and answer."),
}
_EVERYWHERE = (
    "X-Request-ID",
    "RateLimit-Policy",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)
_OF_REFUSALS = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "X-Should-Retry"),
    503: ("Retry-After",),
}
_OF_ANSWERS = {424: ("X-Thread-Id",), 429: ("X-Thread-Id",)}
"""What refusals of OpenAI's clients carry as well, where an answer had begun."""


def document() -> dict[str, Any]:
    """The running application's API, made once."""
    kept = current_app.extensions.get("openapi")
    if kept is None:
        kept = current_app.extensions["openapi"] = _make(current_app)
    assert isinstance(kept, dict)
    return kept


def _make(app: Flask) -> dict[str, Any]:
    found = routes(app)
    paths: dict[str, dict[str, Any]] = {}
    for route in found:
        path = _ARGUMENT.sub(r"{\1}", route.rule.rule)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "AgentPress",
            "version": "1",
            "description": (
                "What members do in pages, by key, with the same rights. Below `/api/v1`, names in bodies and"
                " parameters of the query that are not described here are refused with 422."
            ),
        },
        "servers": [{"url": settings().base_url}],
        "security": [{"bearer": []}, {"header": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(found),
            "responses": {
                _refusal_name(route, status): _refusal(route, status)
                for route in found
                for status in _refusals(route)
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
        },
    }


def _schemas(found: list[Route]) -> dict[str, Any]:
    models: dict[tuple[type[BaseModel], Any], None] = {
        (Problem, "validation"): None,
        (OpenAIError, "validation"): None,
    }
    for route in found:
        if route.operation.body:
            models[route.operation.body, "validation"] = None
        if route.operation.answer:
            models[route.operation.answer, "serialization"] = None
    _, schema = models_json_schema(list(models), ref_template=_REF)
    defined = schema["$defs"]
    assert isinstance(defined, dict)
    return defined


def _operation(route: Route) -> dict[str, Any]:
    described = route.operation
    tag = "openai" if route.speaks_openai else route.rule.rule.split("/")[3]
    made: dict[str, Any] = {
        "operationId": route.rule.endpoint.removeprefix("api_").replace(".", "_"),
        "summary": described.summary,
        "tags": [tag],
        "security": [{"bearer": [route.scope]}, {"header": [route.scope]}],
        "parameters": [*_arguments(route), *described.query, *_conditions(described)],
        "responses": {
            **{str(status): _answer(described, status) for status in (described.status, *described.also)},
            **(_UNCHANGED if described.tagged and route.method == "GET" else {}),
            **{
                str(status): {"$ref": f"#/components/responses/{_refusal_name(route, status)}"}
                for status in _refusals(route)
            },
        },
    }
    if described.body:
        content = {JSON_TYPE: {"schema": _reference(described.body)}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _refusals(route: Route) -> list[int]:
    described = route.operation
    found = {*_ALWAYS, *described.refusals}
    if "<" in route.rule.rule:
        found.add(404)
    if described.body or not route.speaks_openai:
        found.add(422)
    if described.body or route.method != "GET":
        found |= {400, 413, 415}
    if described.once:
        found.add(409)
    return sorted(found)


def _arguments(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _argument(route, name)}
        for name in _ARGUMENT.findall(route.rule.rule)
    ]


def _argument(route: Route, name: str) -> dict[str, Any]:
    converter = route.rule._converters[name]  # noqa: SLF001 - the only place that names a route's arguments
    if isinstance(converter, AnyConverter):
        return {"type": "string", "enum": sorted(converter.items)}
    if isinstance(converter, AnyName):
        return {"type": "string", "minLength": 1}
    if isinstance(converter, IntegerConverter):
        return {"type": "integer", "minimum": 0}
    return {"type": "string", "format": "uuid", "pattern": CANONICAL_ID}


_ONCE = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "description": (
            "Sent again within 24 hours, it gives the same answer and does nothing anew; a refusal with"
            " `Retry-After` is not kept."
        ),
    }
]


_UNCHANGED = {"304": {"description": "It is still what `If-None-Match` names."}}
_MATCH = [
    {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string", "pattern": "^[!-~]+$"},
        "description": (
            "The ETag of the answer that was read: nothing is changed that has changed since. It names all that the"
            " answer shows, so a new message counts as a change; without it the name is changed whatever was said."
        ),
    }
]


def _conditions(described: Operation) -> list[dict[str, Any]]:
    return [*(_ONCE if described.once else []), *(_MATCH if 412 in described.refusals else [])]


def _answer(described: Operation, status: int) -> dict[str, Any]:
    names = [*_EVERYWHERE, *described.headers]
    if status == 201:
        names.append("Location")
    if any(parameter["name"] == "cursor" for parameter in described.query):
        names.append("Link")
    if described.tagged:
        names.append("ETag")
    made: dict[str, Any] = {"description": described.summary, "headers": _headers(names)}
    if described.answer:
        made["content"] = {JSON_TYPE: {"schema": _reference(described.answer)}}
    if described.streams and status == 200:
        made.setdefault("content", {})[EVENT_STREAM] = {
            "schema": {"type": "string", "description": described.streams}
        }
    return made


def _refusal_name(route: Route, status: int) -> str:
    return f"openai_{status}" if route.speaks_openai else str(status)


def _refusal(route: Route, status: int) -> dict[str, Any]:
    openai = route.speaks_openai
    names = [*_EVERYWHERE, *_OF_REFUSALS.get(status, ()), *(_OF_ANSWERS.get(status, ()) if openai else ())]
    return {
        "description": {**_WORDS, **(_OPENAI_WORDS if openai else {})}[status],
        "headers": _headers(names),
        "content": {JSON_TYPE: {"schema": _reference(OpenAIError)}}
        if openai
        else {PROBLEM_TYPE: {"schema": _reference(Problem)}},
    }


def _headers(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        name: {"schema": {"type": kind}, "description": words}
        for name in names
        for kind, words in [_HEADERS[name]]
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}

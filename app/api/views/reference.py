"""The description of the API: for programs and for people."""

from collections import defaultdict

import orjson
from flask import Blueprint, Response, request

from app.api.schemas.document import document
from app.web.access import public
from app.web.json_body import JSON_TYPE
from app.web.render import render

bp = Blueprint("api_reference", __name__, url_prefix="/api")


@bp.get("")
@public
def index() -> Response:
    """The operations, by what they are about."""
    described, sections = document(), defaultdict(list)
    for path, methods in described["paths"].items():
        for method, made in methods.items():
            sections[made["tags"][0]].append((method, path, made))
    return render("api/index.html", document=described, sections=list(sections.items()))


@bp.get("/openapi.json")
@public
def show() -> Response:
    """The OpenAPI document; who has it already is only told so."""
    response = Response(orjson.dumps(document()), mimetype=JSON_TYPE)
    response.add_etag()
    response.make_conditional(request)
    return response

"""The organisation of the key."""

from flask import Blueprint, Response

from app.api.schemas.operations import Operation, operation
from app.api.schemas.orgs import Org, OrgListing
from app.api.schemas.strict import answer
from app.web.access import api_scope
from app.web.identity import require_caller

bp = Blueprint("api_orgs", __name__, url_prefix="/api/v1/orgs")


@bp.get("")
@api_scope("org:read")
@operation(Operation("The key's organisation", OrgListing))
def index() -> Response:
    """A list of one."""
    org = require_caller().org
    own = Org.model_validate({"id": org.org_id, "name": org.name, "slug": org.slug, "role": org.role})
    return answer(OrgListing(data=[own], total=1, total_is_exact=True, page_size=1, next_cursor=None))

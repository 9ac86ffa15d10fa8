"""The tools of an organisation."""

from flask import Blueprint, Response

from app.api.schemas.lists import listing, read_state
from app.api.schemas.operations import Operation, operation
from app.api.schemas.tools import QUERY, ToolListing, listed_tool
from app.tools.forms.single import TOOL_LIST
from app.tools.repo.tools import ToolsRepo
from app.web.access import api_scope
from app.web.identity import require_caller

bp = Blueprint("api_tools", __name__, url_prefix="/api/v1/tools")


@bp.get("")
@api_scope("tools:read")
@operation(Operation("List tools", ToolListing, query=QUERY))
def index() -> Response:
    """The tools that match, by name; without a status those that are not archived."""
    state = read_state(TOOL_LIST)
    page = ToolsRepo().page(require_caller().org.org_id, state)
    return listing(ToolListing, page, state, [listed_tool(row) for row in page.rows])

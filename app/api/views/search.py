"""The search in messages."""

from flask import Blueprint, Response, request

from app.api.schemas.lists import with_next
from app.api.schemas.operations import Operation, operation
from app.api.schemas.search import QUERY, SearchResult, read_search, result
from app.api.schemas.strict import answer
from app.api.services import viewer_of
from app.threads.repo.search import SearchRepo
from app.web.access import api_scope
from app.web.identity import require_caller

bp = Blueprint("api_search", __name__, url_prefix="/api/v1/search")


@bp.get("")
@api_scope("threads:read")
@operation(Operation("Search in messages", SearchResult, query=QUERY))
def index() -> Response:
    """The best matches of `q`: words, "phrases" and -exclusions."""
    caller = require_caller()
    state = read_search(request.args.getlist("agent"))
    found = SearchRepo().page(caller.org.org_id, viewer_of(caller), state)
    cursor = state.cursor(found.page.next) if found.page.next else None
    return with_next(answer(result(found, state.per, cursor)), cursor)

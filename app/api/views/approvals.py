"""Calls of tools that wait for a person."""

from uuid import UUID

from flask import Blueprint, Response

from app.api.schemas.approvals import (
    QUERY,
    Approval,
    ApprovalListing,
    Decision,
    shown_approval,
)
from app.api.schemas.lists import listing, read_state
from app.api.schemas.operations import Operation, operation
from app.api.schemas.strict import answer, read_body
from app.api.services import viewer_of
from app.db.session import transaction
from app.runtime.approvals_repo import ApprovalsRepo
from app.runtime.forms import approval_list
from app.runtime.services.approving import decide as settle
from app.web.access import api_scope
from app.web.errors import NotFound
from app.web.identity import Caller, require_caller

bp = Blueprint("api_approvals", __name__, url_prefix="/api/v1/approvals")


@bp.get("")
@api_scope("threads:read")
@operation(Operation("List calls to approve", ApprovalListing, query=QUERY))
def index() -> Response:
    """The calls that match, in threads the person of the key sees; without a status those that wait, oldest first."""
    caller, repo = require_caller(), ApprovalsRepo()
    state = read_state(approval_list(repo.agents(caller.org.org_id)))
    page = repo.page(caller.org.org_id, viewer_of(caller), state)
    return listing(ApprovalListing, page, state, [shown_approval(row) for row in page.rows])


@bp.get("/<uuid:approval_id>")
@api_scope("threads:read")
@operation(Operation("Read a call to approve", Approval))
def show(approval_id: UUID) -> Response:
    """A call, decided or not."""
    return answer(_found(require_caller(), approval_id))


@bp.post("/<uuid:approval_id>/decision")
@api_scope("agents:run")
@operation(Operation("Approve or reject a call", Approval, body=Decision, refusals=(409,)))
def decide(approval_id: UUID) -> Response:
    """Decide; the answer goes on once none of its calls waits any more. A second decision is refused."""
    caller = require_caller()
    _found(caller, approval_id)
    given, org = read_body(Decision), caller.org
    with transaction():
        settle(org.org_id, viewer_of(caller), org.role, approval_id, given.verdict, given.reason)
    return answer(_found(caller, approval_id))


def _found(caller: Caller, approval_id: UUID) -> Approval:
    row = ApprovalsRepo().get(caller.org.org_id, viewer_of(caller), approval_id)
    if row is None:
        raise NotFound
    return shown_approval(row)

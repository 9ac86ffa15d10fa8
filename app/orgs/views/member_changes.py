"""What is done to several members at once: another role, removal."""

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.db.session import transaction
from app.orgs.forms import MEMBERS, ROLE_WORDS
from app.orgs.repo.members import MemberRepo
from app.orgs.services.members import change_roles, remove_members
from app.web.access import ROLES, org_right
from app.web.errors import Refusal
from app.web.identity import require_org
from app.web.listing import ListState
from app.web.matching import list_url, posted_state
from app.web.render import leave, refresh, render
from app.web.selection import Outcome, Question, ask_first, report, ticked

bp = Blueprint("member_changes", __name__, url_prefix="/o/<org>/members")
MOST_MATCHING = 1000


@bp.post("/bulk")
@org_right("members.manage")
def change_many(org: str) -> Response:
    """Change the role of the ticked members or remove them, or ask first when all that match are meant."""
    action, role = _action(), request.form.get("role", "")
    if request.form.get("match"):
        state = request.form.get("state", "")
        return leave(url_for(".confirm", org=org, action=action, role=role, state=state))
    ids = ticked("member")
    if action == "remove" and (page := ask_first(_removal(org, len(ids)))):
        return page
    with transaction():
        outcome = _change(ids, action)
    _report(org, outcome, action)
    return refresh(list_url(url_for("members.index", org=org)))


@bp.get("/bulk")
@org_right("members.manage")
def confirm(org: str) -> Response:
    """Say how many members match now, and ask."""
    action, state = _action(), _state(org)
    page = MemberRepo().page(require_org().org_id, state)
    role = request.args.get("role", "")
    fields = {"action": action, "role": role}
    words = ROLE_WORDS.get(role, "").lower()
    return render(
        "members/confirm.html", state=state, page=page, fields=fields, words=words, most=MOST_MATCHING
    )


@bp.post("/bulk/matching")
@org_right("members.manage")
def change_matching(org: str) -> Response:
    """Change the role of every member that matches, or remove them."""
    action, state, org_id = _action(), _state(org), require_org().org_id
    with transaction():
        ids = MemberRepo().matching(org_id, state, MOST_MATCHING + 1)
        if len(ids) > MOST_MATCHING:
            raise Refusal(422, "At most 1,000 members can be changed at once. Narrow the list first.")
        outcome = _change(ids, action)
    _report(org, outcome, action)
    return leave(state.url())


def _removal(org: str, count: int) -> Question:
    lead = "They lose access at once; their keys and invitations stop working. This cannot be undone."
    return Question("Remove", count, "member", lead, list_url(url_for("members.index", org=org)))


def _action() -> str:
    action, role = request.values.get("action", ""), request.values.get("role", "")
    if action not in {"role", "remove"} or (action == "role" and role not in ROLES):
        raise Refusal(422, "Choose a role or an action.")
    return action


def _change(ids: Sequence[UUID], action: str) -> Outcome:
    if action == "remove":
        return remove_members(require_org().org_id, ids)
    return change_roles(require_org().org_id, ids, request.form.get("role", ""))


def _state(org: str) -> ListState:
    return posted_state(lambda _asked: MEMBERS, url_for("members.index", org=org))


def _report(org: str, outcome: Outcome, action: str) -> None:
    report(outcome, "removed" if action == "remove" else "changed", url_for("members.index", org=org))

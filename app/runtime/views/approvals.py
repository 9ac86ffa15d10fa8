"""Calls that wait for a person: the list, one of them, those of an answer, and the decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, url_for

from app.db.session import transaction
from app.runtime.approvals_repo import ApprovalRow, ApprovalsRepo
from app.runtime.forms import DecideForm, approval_list
from app.runtime.services.approving import decide as settle
from app.runtime.services.approving import reject_many as reject_all
from app.runtime.views.asking import acted
from app.runtime.views.scene import shown_approvals
from app.threads.access import current_viewer
from app.threads.repo.messages import MessageRepo
from app.threads.views.found import seen_thread
from app.tools.services.described import described_now
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import ListState, read_list, show_list
from app.web.matching import list_url
from app.web.render import can, refresh, render
from app.web.security import safe_next
from app.web.selection import report, ticked
from app.web.trail import came_from

bp = Blueprint("approvals", __name__, url_prefix="/o/<org>")


@dataclass(frozen=True)
class Outcome:
    """The result of a call, and whether one is still expected where there is none."""

    result: Mapping[str, Any] | None
    expected: bool


@bp.get("/approvals")
@org_right("threads.read")
def index(org: str) -> Response:
    """The calls that match the address in threads the visitor sees; at first those that wait, the oldest first."""
    repo, org_id = ApprovalsRepo(), require_org().org_id
    state = read_list(approval_list(repo.agents(org_id)), viewer_zone().key)
    page = repo.page(org_id, current_viewer(), state)
    asked = {name for name, _ in state.own_pairs()}
    tabs = _tabs(state)
    return show_list(
        "approvals/index.html", state, page, tabs=tabs, settled=tabs[1][2] and asked <= {"status", "sort"}
    )


@bp.post("/approvals/bulk")
@org_right("agents.run")
def reject_many(org: str) -> Response:
    """Reject the ticked calls."""
    ids, membership = ticked("call"), require_org()
    with transaction():
        outcome = reject_all(membership.org_id, current_viewer(), membership.role, ids)
    report(outcome, "rejected", url_for(".index", org=org), None)
    return refresh(list_url(url_for(".index", org=org)))


@bp.get("/approvals/<uuid:approval_id>")
@org_right("threads.read")
def show(org: str, approval_id: UUID) -> Response:
    """One call, and its decision."""
    return _page(_found(approval_id), DecideForm())


@bp.post("/approvals/<uuid:approval_id>")
@org_right("agents.run")
def decide(org: str, approval_id: UUID) -> Response:
    """Approve or reject a call; the answer goes on once nothing else is waited for."""
    row, form = _found(approval_id), DecideForm()
    if not form.validate_on_submit():
        return _page(row, form, 422)
    verdict, reason, membership = form.verdict.data or "", form.reason.data, require_org()
    act = partial(settle, membership.org_id, current_viewer(), membership.role, approval_id, verdict, reason)
    done = "Call approved." if verdict == "approve" else "Call rejected."
    try:
        return acted(act, _back(row, form.place.data or ""), done)
    except Refusal as refusal:
        if refusal.status != 409:
            raise
        form.form_errors = [refusal.message]
        return _page(_found(row.id), form, 409)


@bp.get("/threads/<uuid:thread_id>/messages/<uuid:message_id>/approvals")
@org_right("threads.read")
def of_message(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """The calls of one answer that a person decides or decided about."""
    thread, org_id = seen_thread(thread_id), require_org().org_id
    if MessageRepo().get(org_id, thread_id, message_id) is None:
        raise NotFound
    calls = shown_approvals(ApprovalsRepo().of_message(org_id, message_id))
    return render("approvals/message.html", "calls", thread=thread, message_id=message_id, calls=calls)


def _tabs(state: ListState) -> list[tuple[str, str, bool]]:
    """The list without a saved view: what waits, which is shown at first, and what does not any more."""
    bare, asked = state.saved.view is None, (state.chosen.get("status"), state.excluded.get("status"))
    return [
        ("Pending", state.view_url(None), bare and asked == (None, None)),
        ("Settled", f"{state.path}?status=-pending&sort=-created", bare and asked == (None, ("pending",))),
    ]


def _found(approval_id: UUID) -> ApprovalRow:
    row = ApprovalsRepo().get(require_org().org_id, current_viewer(), approval_id)
    if row is None:
        raise NotFound
    return row


def _page(row: ApprovalRow, form: DecideForm, status: int = 200) -> Response:
    trail = came_from(url_for(".index", org=require_org().slug))
    (call,) = shown_approvals([row])
    told = described_now(require_org().org_id, row.tool_id) if can("tools.view") else None
    shown: dict[str, Any] = {
        "call": call,
        "form": form,
        "trail": trail,
        "described": told,
        "outcome": _outcome(row),
    }
    return render("approvals/show.html", status=status, **shown)


def _outcome(row: ApprovalRow) -> Outcome:
    """What came of a call, as far as its answer says so."""
    message = None
    if row.status != "pending":
        message = MessageRepo().get(require_org().org_id, row.thread_id, row.message_id)
    if message is None:
        return Outcome(None, expected=row.status == "pending")
    results = (part for part in message.parts if part["kind"] == "tool_result")
    result = next((part for part in results if part["call_id"] == row.call_id), None)
    return Outcome(result, expected=message.status in {"pending", "waiting"})


def _back(row: ApprovalRow, place: str) -> str:
    """Where the person came from, if that is a page of this site, else the thread."""
    thread = url_for("thread.show", org=require_org().slug, thread_id=row.thread_id, at=row.message_id)
    return safe_next(place, thread)

"""What is done to agents outside their form: copies, archive, restore, delete, one or many, and undo."""

from functools import partial
from uuid import UUID

from flask import Blueprint, Response, g, request, url_for

from app.agents.kinds import BATCH, CHANGE, AgentChange
from app.agents.repo.agents import AgentRepo, NameTaken
from app.agents.services.agents import ACTS, change_status, duplicate_agent, undo
from app.agents.views.spec import current_spec
from app.audit.statuses import DONE
from app.db.queue import enqueue
from app.db.session import transaction
from app.web.access import org_right
from app.web.errors import Refusal
from app.web.filters import grouped
from app.web.identity import require_org, require_visitor
from app.web.listing import ListState
from app.web.matching import all_matching, list_url, posted_state
from app.web.render import leave, refresh, render, toast
from app.web.selection import Outcome, report, ticked
from app.web.trail import came_from

bp = Blueprint("agent_changes", __name__, url_prefix="/o/<org>/agents")


@bp.post("/<uuid:agent_id>/duplicate")
@org_right("agents.edit")
def duplicate(org: str, agent_id: UUID) -> Response:
    """Store a copy and open its form."""
    try:
        with transaction():
            copy = duplicate_agent(require_org().org_id, agent_id)
    except NameTaken as error:
        raise Refusal(409, "Every name for a copy is in use. Rename a copy first.") from error
    toast(f"Copied as {copy.name}.")
    return leave(url_for("agents.edit", org=org, agent_id=copy.id))


@bp.post("/<uuid:agent_id>/<any(archive,restore,delete):act>")
@org_right("agents.edit")
def change_one(org: str, agent_id: UUID, act: str) -> Response:
    """Archive, restore or delete one agent; deleting leads back to the list."""
    with transaction():
        outcome = change_status(require_org().org_id, [agent_id], act)
    _report(org, outcome, DONE[act])
    trail = came_from(url_for("agents.index", org=org))
    own = trail.url(url_for("agents.show", org=org, agent_id=agent_id))
    return leave(trail.list_url if act == "delete" else own)


@bp.post("/bulk")
@org_right("agents.edit")
def change_many(org: str) -> Response:
    """Archive, restore or delete the ticked agents, or ask first when all that match are meant."""
    act = _act()
    if request.form.get("match"):
        state = request.form.get("state", "")
        return leave(url_for(".confirm", org=org, act=act, state=state))
    ids = ticked("agent")
    with transaction():
        outcome = change_status(require_org().org_id, ids, act)
    _report(org, outcome, DONE[act])
    return refresh(list_url(url_for("agents.index", org=org)))


@bp.get("/bulk")
@org_right("agents.edit")
def confirm(org: str) -> Response:
    """Say how many agents match now, and ask."""
    act, state = _act(), _state(org)
    page = AgentRepo().page(require_org().org_id, state)
    return render("agents/confirm.html", state=state, page=page, act=act)


@bp.post("/bulk/matching")
@org_right("agents.edit")
def change_matching(org: str) -> Response:
    """Archive, restore or delete every agent that matches."""
    act, state, org_id = _act(), _state(org), require_org().org_id
    with transaction():
        ids = all_matching(partial(AgentRepo().matching, org_id, state), "agents")
        if len(ids) > BATCH:
            enqueue(CHANGE, AgentChange(act=act, ids=tuple(ids)))
            toast(f"{grouped(len(ids))} agents are being {DONE[act]} in the background.", "info")
            return leave(state.url())
        outcome = change_status(org_id, ids, act)
    _report(org, outcome, DONE[act])
    return leave(state.url())


@bp.post("/undo/<request_id>")
@org_right("agents.edit")
def take_back(org: str, request_id: str) -> Response:
    """Take back what one request of this person did within the last hour."""
    with transaction():
        outcome = undo(require_org().org_id, require_visitor().id, request_id)
    _report(org, outcome, "restored", undoable=False)
    return leave(url_for("agents.index", org=org))


def _act() -> str:
    act = request.values.get("act", "")
    if act not in ACTS:
        raise Refusal(422, "Choose what to do with the agents: archive, restore or delete.")
    return act


def _state(org: str) -> ListState:
    return posted_state(lambda _asked: current_spec(), url_for("agents.index", org=org))


def _report(org: str, outcome: Outcome, done: str, *, undoable: bool = True) -> None:
    undo_url = url_for(".take_back", org=org, request_id=g.request_id) if undoable else None
    report(outcome, done, url_for("agents.index", org=org), undo_url)

"""Personas are archived and restored, one or many, and that is taken back."""

from functools import partial
from uuid import UUID

from flask import Blueprint, Response, g, request, url_for

from app.agents.forms.personas import PERSONA_LIST
from app.agents.repo.personas import PersonaRepo
from app.agents.services.personas import ACTS, change_personas, undo_personas
from app.audit.statuses import DONE
from app.db.session import transaction
from app.web.access import org_right
from app.web.errors import Refusal
from app.web.identity import require_org, require_visitor
from app.web.listing import ListState
from app.web.matching import all_matching, list_url, posted_state
from app.web.render import leave, refresh, render
from app.web.selection import Outcome, report, ticked
from app.web.trail import came_from

bp = Blueprint("persona_changes", __name__, url_prefix="/o/<org>/personas")


@bp.post("/<uuid:persona_id>/<any(archive,restore):act>")
@org_right("agents.edit")
def change_one(org: str, persona_id: UUID, act: str) -> Response:
    """Archive or restore one persona."""
    with transaction():
        outcome = change_personas(require_org().org_id, [persona_id], act)
    _report(org, outcome, DONE[act])
    trail = came_from(url_for("personas.index", org=org))
    return leave(trail.url(url_for("personas.show", org=org, persona_id=persona_id)))


@bp.post("/bulk")
@org_right("agents.edit")
def change_many(org: str) -> Response:
    """Archive or restore the ticked personas, or ask first when all that match are meant."""
    act = _act()
    if request.form.get("match"):
        return leave(url_for(".confirm", org=org, act=act, state=request.form.get("state", "")))
    ids = ticked("persona")
    with transaction():
        outcome = change_personas(require_org().org_id, ids, act)
    _report(org, outcome, DONE[act])
    return refresh(list_url(url_for("personas.index", org=org)))


@bp.get("/bulk")
@org_right("agents.edit")
def confirm(org: str) -> Response:
    """Say how many personas match now, and ask."""
    act, state = _act(), _state(org)
    page = PersonaRepo().page(require_org().org_id, state)
    return render("personas/confirm.html", state=state, page=page, act=act)


@bp.post("/bulk/matching")
@org_right("agents.edit")
def change_matching(org: str) -> Response:
    """Archive or restore every persona that matches."""
    act, state, org_id = _act(), _state(org), require_org().org_id
    with transaction():
        ids = all_matching(partial(PersonaRepo().matching, org_id, state), "personas")
        outcome = change_personas(org_id, ids, act)
    _report(org, outcome, DONE[act])
    return leave(state.url())


@bp.post("/undo/<request_id>")
@org_right("agents.edit")
def take_back(org: str, request_id: str) -> Response:
    """Take back what one request of this person did within the last hour."""
    with transaction():
        outcome = undo_personas(require_org().org_id, require_visitor().id, request_id)
    _report(org, outcome, "restored", undoable=False)
    return leave(url_for("personas.index", org=org))


def _act() -> str:
    act = request.values.get("act", "")
    if act not in ACTS:
        raise Refusal(422, "Choose what to do with the personas: archive or restore.")
    return act


def _state(org: str) -> ListState:
    return posted_state(lambda _asked: PERSONA_LIST, url_for("personas.index", org=org))


def _report(org: str, outcome: Outcome, done: str, *, undoable: bool = True) -> None:
    undo_url = url_for(".take_back", org=org, request_id=g.request_id) if undoable else None
    report(outcome, done, url_for("personas.index", org=org), undo_url)

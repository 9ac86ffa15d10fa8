"""The list of personas, one persona, and its form."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.agents.forms.personas import PERSONA_LIST, PersonaForm
from app.agents.repo.personas import PersonaNameTaken, PersonaRepo
from app.agents.services.personas import (
    StalePersona,
    change_persona,
    create_persona,
    delete_persona,
    found_persona,
)
from app.audit.repo import AuditRepo
from app.db.session import transaction
from app.orgs.forms import ConfirmForm
from app.web.access import org_right
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.render import leave, render, toast
from app.web.trail import came_from, walk

bp = Blueprint("personas", __name__, url_prefix="/o/<org>/personas")
HISTORY_LENGTH = 50
NAME_IN_USE = "Another persona has this name. Choose a different one."


@bp.get("")
@org_right("agents.read")
def index(org: str) -> Response:
    """The personas that match the address; a pasted id, sent with Enter, leads to its persona."""
    repo, org_id = PersonaRepo(), require_org().org_id
    state = read_list(PERSONA_LIST, viewer_zone().key)
    jump = pasted_id("per", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, persona_id=jump))
    page = repo.page(org_id, state)
    none_yet = page.total == 0 and not state.filtered and not repo.any(org_id)
    return show_list("personas/index.html", state, page, none_yet=none_yet)


@bp.get("/new")
@org_right("agents.edit")
def new(org: str) -> Response:
    """An empty form."""
    return _form(PersonaForm(), "personas/new.html")


@bp.post("/new")
@org_right("agents.edit")
def create(org: str) -> Response:
    """Store a new persona."""
    form = PersonaForm()
    if not form.validate():
        return _form(form, "personas/new.html", 422)

    def stored() -> str:
        persona = create_persona(require_org().org_id, form.values())
        return url_for(".show", org=org, persona_id=persona.id)

    try:
        with transaction():
            location = once(stored)
    except PersonaNameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, "personas/new.html", 422)
    toast("Persona created.")
    return leave(location)


@bp.get("/<uuid:persona_id>")
@org_right("agents.read")
def show(org: str, persona_id: UUID) -> Response:
    """What a persona says, which agents use it, and what happened to it."""
    org_id = require_org().org_id
    return render(
        "personas/show.html",
        persona=found_persona(org_id, persona_id),
        users=PersonaRepo().users(org_id, persona_id),
        history=AuditRepo().for_target(org_id, "persona", persona_id, HISTORY_LENGTH),
        trail=came_from(url_for(".index", org=org)),
    )


@bp.get("/<uuid:persona_id>/<any(previous,next):way>")
@org_right("agents.read")
def beside(org: str, persona_id: UUID, way: str) -> Response:
    """Lead to the persona before or after this one in the list that the visitor came from."""
    trail = came_from(url_for(".index", org=org))
    state = trail.state(lambda _args: PERSONA_LIST, viewer_zone().key)
    found = PersonaRepo().beside(require_org().org_id, state, persona_id, backward=way == "previous")
    return walk(
        trail, url_for(".show", org=org, persona_id=found or persona_id), persona_id, found, "persona"
    )


@bp.get("/<uuid:persona_id>/edit")
@org_right("agents.edit")
def edit(org: str, persona_id: UUID) -> Response:
    """The form with the persona as it is stored."""
    persona = found_persona(require_org().org_id, persona_id)
    return _form(PersonaForm(obj=persona), "personas/edit.html", persona=persona)


@bp.post("/<uuid:persona_id>/edit")
@org_right("agents.edit")
def update(org: str, persona_id: UUID) -> Response:
    """Save the form; who saves over another's change sees both texts first."""
    org_id = require_org().org_id
    persona, form = found_persona(org_id, persona_id), PersonaForm()
    if not form.validate():
        return _form(form, "personas/edit.html", 422, persona=persona)
    try:
        with transaction():
            change_persona(org_id, persona_id, form.version(), form.values())
    except PersonaNameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, "personas/edit.html", 422, persona=persona)
    except StalePersona as stale:
        return _conflict(form, stale)
    toast("Persona saved.")
    return leave(url_for(".show", org=org, persona_id=persona_id))


@bp.get("/<uuid:persona_id>/delete")
@org_right("agents.edit")
def confirm_delete(org: str, persona_id: UUID) -> Response:
    """Ask for its name, or say which agents keep it."""
    persona = found_persona(require_org().org_id, persona_id)
    return _confirm(ConfirmForm(persona.name), persona_id)


@bp.post("/<uuid:persona_id>/delete")
@org_right("agents.edit")
def destroy(org: str, persona_id: UUID) -> Response:
    """Delete a persona that no agent uses and whose name was typed."""
    form = ConfirmForm(found_persona(require_org().org_id, persona_id).name)
    if not form.validate():
        return _confirm(form, persona_id, 422)
    with transaction():
        name = delete_persona(require_org().org_id, persona_id)
    toast(f"“{name}” deleted.")
    return leave(url_for(".index", org=org))


def _confirm(form: ConfirmForm, persona_id: UUID, status: int = 200) -> Response:
    org_id = require_org().org_id
    persona, users = found_persona(org_id, persona_id), PersonaRepo().users(org_id, persona_id)
    return render("personas/delete.html", status=status, persona=persona, users=users, form=form)


def _conflict(form: PersonaForm, stale: StalePersona) -> Response:
    theirs = stale.persona
    differences = form.differences({field.name: getattr(theirs, field.name, None) for field in form})
    return render(
        "personas/conflict.html", "conflict", 409, form=form, theirs=theirs, differences=differences
    )


def _form(form: PersonaForm, template: str, status: int = 200, **context: object) -> Response:
    return render(template, "form", status, form=form, **context)

"""The credential vault: secrets are written, never shown."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.audit.repo import AuditRepo
from app.connections.forms import CREDENTIAL_LIST, USE_HINTS, USE_WORDS, CredentialForm, EditCredentialForm
from app.connections.repo.credentials import CredentialFacts, CredentialsRepo
from app.connections.repo.taken import NameTaken
from app.connections.services.changed import Stale
from app.connections.services.vault import change_credential, create_credential, delete_credential, in_use
from app.db.session import transaction
from app.orgs.forms import ConfirmForm
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.render import leave, render, toast
from app.web.trail import came_from

bp = Blueprint("connections_credentials", __name__, url_prefix="/o/<org>/connections/credentials")
HISTORY_LENGTH = 30
NAME_IN_USE = "Another credential has this name. Choose a different one."


@bp.get("")
@org_right("connections.view")
def index(org: str) -> Response:
    """The credentials that match the address; a pasted id leads to its credential."""
    repo, org_id = CredentialsRepo(), require_org().org_id
    state = read_list(CREDENTIAL_LIST, viewer_zone().key)
    jump = pasted_id("cred", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, credential_id=jump))
    return show_list("connections/credentials.html", state, repo.page(org_id, state), uses=USE_WORDS)


@bp.get("/new")
@org_right("connections.edit")
def new(org: str) -> Response:
    """An empty form."""
    return _new_form(CredentialForm())


@bp.post("/new")
@org_right("connections.edit")
def create(org: str) -> Response:
    """Store a secret."""
    form = CredentialForm()
    if not form.validate():
        return _new_form(form, 422)
    name, kind, secret = form.name.data or "", form.kind.data, form.secret.data or ""

    def stored() -> str:
        made = create_credential(require_org().org_id, name, kind, secret)
        return url_for(".show", org=org, credential_id=made)

    try:
        with transaction():
            location = once(stored)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _new_form(form, 422)
    toast("Credential stored.")
    return leave(location)


@bp.get("/<uuid:credential_id>")
@org_right("connections.view")
def show(org: str, credential_id: UUID) -> Response:
    """What is known of a credential, what opens with it, and what happened to it."""
    org_id, found = require_org().org_id, _found(credential_id)
    return render(
        "connections/credential.html",
        credential=found,
        words=USE_WORDS[found.kind],
        uses=CredentialsRepo().uses(org_id, credential_id),
        history=AuditRepo().for_target(org_id, "credential", credential_id, HISTORY_LENGTH),
        trail=came_from(url_for(".index", org=org)),
    )


@bp.get("/<uuid:credential_id>/edit")
@org_right("connections.edit")
def edit(org: str, credential_id: UUID) -> Response:
    """The form with the name as it is stored; the secret stays where it is."""
    found = _found(credential_id)
    return _edit_form(EditCredentialForm(name=found.name, lock_version=found.lock_version), found)


@bp.post("/<uuid:credential_id>/edit")
@org_right("connections.edit")
def update(org: str, credential_id: UUID) -> Response:
    """Save another name, another secret, or both."""
    form, found = EditCredentialForm(), _found(credential_id)
    if not form.validate():
        return _edit_form(form, found, 422)
    name, secret = form.name.data or "", form.secret.data or None
    try:
        with transaction():
            change_credential(found.org_id, credential_id, form.version(), name, secret)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _edit_form(form, found, 422)
    except Stale:
        overtaken(form, "credential", found.lock_version)
        return _edit_form(form, found, 409)
    toast("Secret replaced." if secret else "Credential saved.")
    return leave(url_for(".show", org=org, credential_id=credential_id))


@bp.get("/<uuid:credential_id>/delete")
@org_right("connections.edit")
def confirm_delete(org: str, credential_id: UUID) -> Response:
    """Say what deleting means, or why it cannot be."""
    found = _found(credential_id)
    uses = CredentialsRepo().uses(found.org_id, credential_id)
    why = in_use(found.name, uses) if uses else None
    return render(
        "connections/delete_credential.html", credential=found, form=ConfirmForm(found.name), why=why
    )


@bp.post("/<uuid:credential_id>/delete")
@org_right("connections.edit")
def destroy(org: str, credential_id: UUID) -> Response:
    """Delete a credential whose name was typed."""
    found = _found(credential_id)
    form = ConfirmForm(found.name)
    if not form.validate():
        return render("connections/delete_credential.html", status=422, credential=found, form=form, why=None)
    with transaction():
        name = delete_credential(found.org_id, credential_id)
    toast(f"“{name}” deleted.")
    return leave(url_for(".index", org=org))


def _found(credential_id: UUID) -> CredentialFacts:
    found = CredentialsRepo().get(require_org().org_id, credential_id)
    if found is None:
        raise NotFound
    return found


def _new_form(form: CredentialForm, status: int = 200) -> Response:
    return render("connections/new_credential.html", "form", status, form=form, hints=USE_HINTS)


def _edit_form(form: EditCredentialForm, credential: CredentialFacts, status: int = 200) -> Response:
    return render("connections/edit_credential.html", "form", status, form=form, credential=credential)

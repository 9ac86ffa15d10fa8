"""API keys of an organisation: list, create, rotate, revoke. A key is shown once, in the answer that makes it."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.audit.repo import AuditRepo
from app.auth.access import has_recent_proof, recent_password
from app.auth.services.changes import account_in_session
from app.db.session import transaction
from app.orgs.forms import SCOPE_HINTS, ConfirmForm, KeyForm, RotateForm, key_list
from app.orgs.repo.api_keys import ApiKeyRepo, KeyFacts
from app.orgs.repo.spending import SpendRepo
from app.orgs.services import api_keys
from app.orgs.services.spending import limit_facts
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org, require_visitor
from app.web.links import unreferred
from app.web.listing import pasted_id, read_list, show_list
from app.web.matching import list_url
from app.web.render import leave, refresh, render, toast
from app.web.security import settings
from app.web.selection import ticked
from app.web.trail import came_from

bp = Blueprint("keys", __name__, url_prefix="/o/<org>/keys")
HISTORY_LENGTH = 50
PHRASE = "revoke"


@bp.get("")
@org_right("keys.manage")
def index(org: str) -> Response:
    """The list; a pasted id, sent with Enter, leads to its key."""
    repo, org_id = ApiKeyRepo(), require_org().org_id
    state = read_list(key_list(repo.owners(org_id)), viewer_zone().key)
    jump = pasted_id("key", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, key_id=jump))
    return show_list("keys/index.html", state, repo.page(org_id, state))


@bp.get("/new")
@org_right("keys.manage")
@recent_password
def new(org: str) -> Response:
    """Ask what the key is for."""
    return _form(KeyForm())


@bp.post("/new")
@org_right("keys.manage")
@recent_password
def create(org: str) -> Response:
    """Make a key that acts for the visitor, and show it this once; sent again, the form leads to the key's page."""
    form, made, visitor = KeyForm(), [], require_visitor()
    if not form.validate():
        return _form(form, 422)

    def stored() -> str:
        org_id, scopes = require_org().org_id, form.scopes.data or []
        made.append(api_keys.create_api_key(org_id, visitor.id, form.name.data, scopes, form.life()))
        return url_for(".show", org=org, key_id=made[0].facts.id)

    with transaction():
        account_in_session(visitor.id, visitor.session_id)
        location = once(stored)
    return _shown(made[0]) if made else leave(location)


@bp.get("/<uuid:key_id>")
@org_right("keys.manage")
def show(org: str, key_id: UUID) -> Response:
    """What is known of a key."""
    key = _key(key_id)
    history = AuditRepo().for_target(require_org().org_id, "api_key", key_id, HISTORY_LENGTH)
    trail, own = came_from(url_for(".index", org=org)), key.user_id == require_visitor().id
    limit = limit_facts(SpendRepo().get(require_org().org_id, key_id))
    return render("keys/show.html", key=key, history=history, own=own, trail=trail, limit=limit)


@bp.get("/<uuid:key_id>/rotate")
@org_right("keys.manage")
@recent_password
def confirm_rotate(org: str, key_id: UUID) -> Response:
    """Ask how long both keys are to work."""
    return render("keys/rotate.html", key=_key(key_id), form=RotateForm())


@bp.post("/<uuid:key_id>/rotate")
@org_right("keys.manage")
@recent_password
def rotate(org: str, key_id: UUID) -> Response:
    """Make the key's successor, and show it this once."""
    form, visitor = RotateForm(), require_visitor()
    if not form.validate():
        return render("keys/rotate.html", status=422, key=_key(key_id), form=form)
    with transaction():
        account_in_session(visitor.id, visitor.session_id)
        made = api_keys.rotate(require_org().org_id, key_id, form.overlap())
    return _shown(made)


@bp.get("/<uuid:key_id>/revoke")
@org_right("keys.manage")
@recent_password
def confirm_revoke(org: str, key_id: UUID) -> Response:
    """Say what revoking means."""
    key = _key(key_id)
    return render("keys/revoke.html", key=key, form=ConfirmForm(key.name))


@bp.post("/<uuid:key_id>/revoke")
@org_right("keys.manage")
@recent_password
def revoke(org: str, key_id: UUID) -> Response:
    """End the key for good."""
    key = _key(key_id)
    form = ConfirmForm(key.name)
    if not form.validate():
        return render("keys/revoke.html", status=422, key=key, form=form)
    with transaction():
        api_keys.revoke(require_org().org_id, [key_id])
    toast(f"The key {key.name} no longer works.")
    return leave(url_for(".show", org=org, key_id=key_id))


@bp.post("/bulk")
@org_right("keys.manage")
def revoke_many(org: str) -> Response:
    """Ask before the ticked keys end for good, and end them once the word is typed."""
    ids, back = ticked("key"), list_url(url_for(".index", org=org))
    if not has_recent_proof():
        return leave(url_for("confirm.new", next=back))
    form = ConfirmForm(PHRASE, "Confirmation")
    typed = "name" in request.form
    if not typed or not form.validate():
        keys = [_key(key_id) for key_id in ids]
        status = 422 if typed else 200
        return render("keys/revoke_many.html", "results", status, keys=keys, form=form, back=back)
    with transaction():
        ended = api_keys.revoke(require_org().org_id, ids)
    toast(f"{len(ended)} revoked.")
    return refresh(back)


def _key(key_id: UUID) -> KeyFacts:
    found = ApiKeyRepo().get(require_org().org_id, key_id)
    if found is None:
        raise NotFound
    return found


def _form(form: KeyForm, status: int = 200) -> Response:
    return render("keys/new.html", status=status, form=form, scope_hints=SCOPE_HINTS)


def _shown(made: api_keys.NewKey) -> Response:
    usage = f'curl -H "Authorization: Bearer {made.secret}" {settings().base_url}/api/v1/agents'
    return unreferred(render("keys/created.html", key=made.facts, secret=made.secret, usage=usage))

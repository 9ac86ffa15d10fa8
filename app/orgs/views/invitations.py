"""Invitations of an organisation: list, create, new link, revoke."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.auth.services.throttle import TooManyAttempts
from app.db.session import transaction
from app.orgs.forms import INVITATIONS, ROLE_HINTS, InvitationForm, offer_roles
from app.orgs.repo.invitations import InvitationRepo
from app.orgs.services import invitations
from app.web.access import manageable_roles, org_right
from app.web.errors import Refusal
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.links import unreferred
from app.web.listing import read_list, show_list
from app.web.matching import list_url
from app.web.render import refresh, render, slowed, toast
from app.web.selection import report, ticked

bp = Blueprint("invitations", __name__, url_prefix="/o/<org>/invitations")
_TOO_MANY = "Too many invitations were sent to this address, or by you, in the last hours."


@bp.get("")
@org_right("invitations.manage")
def index(org: str) -> Response:
    """The list."""
    state = read_list(INVITATIONS, viewer_zone().key)
    page = InvitationRepo().page(require_org().org_id, state)
    return show_list("invitations/index.html", state, page, manageable=manageable_roles(require_org().role))


@bp.get("/new")
@org_right("invitations.manage")
def new(org: str) -> Response:
    """Ask whom to invite."""
    return _page(InvitationForm(role="member"))


@bp.post("/new")
@org_right("invitations.manage")
def create(org: str) -> Response:
    """Invite, and show the link this once."""
    form = InvitationForm()
    if not form.validate():
        return _page(form, 422)
    hours = form.expires_in_hours.data or 0
    try:
        with transaction():
            sent = invitations.invite(require_org().org_id, form.email.data, form.role.data, hours)
    except TooManyAttempts as refusal:
        form.form_errors.append(f"{_TOO_MANY} {refusal.advice}")
        return slowed(_page(form, 429), refusal.retry_after)
    except invitations.InvitedAbove as refusal:
        form.email.errors = [refusal.message]
        return _page(form, refusal.status)
    return _sent(sent, form.email.data)


@bp.post("/<uuid:invitation_id>/renew")
@org_right("invitations.manage")
def renew(org: str, invitation_id: UUID) -> Response:
    """Make a new link, which ends the former one, and show it this once."""
    try:
        with transaction():
            email, sent = invitations.renew(require_org().org_id, invitation_id)
    except TooManyAttempts as refusal:
        raise Refusal(429, f"{_TOO_MANY} {refusal.advice}", refusal.retry_after) from refusal
    return _sent(sent, email)


@bp.post("/<uuid:invitation_id>/revoke")
@org_right("invitations.manage")
def revoke(org: str, invitation_id: UUID) -> Response:
    """End the invitation."""
    with transaction():
        invitation = invitations.revoke(require_org().org_id, invitation_id)
    toast(f"The invitation of {invitation.email} no longer works.")
    return refresh(list_url(url_for(".index", org=org)))


@bp.post("/bulk")
@org_right("invitations.manage")
def change_many(org: str) -> Response:
    """End the ticked invitations, or make new links for them and show those this once."""
    ids, org_id, path = ticked("invitation"), require_org().org_id, url_for(".index", org=org)
    action = request.form.get("action")
    if action not in {"renew", "revoke"}:
        raise Refusal(422, "Choose what to do with the invitations: new links or revoke.")
    if action == "renew":
        with transaction():
            made, outcome = invitations.renew_many(org_id, ids)
        report(outcome, "renewed", path)
        return unreferred(render("invitations/links.html", "results", made=made))
    with transaction():
        outcome = invitations.revoke_many(org_id, ids)
    report(outcome, "revoked", path)
    return refresh(list_url(path))


def _page(form: InvitationForm, status: int = 200) -> Response:
    offer_roles(form.role, manageable_roles(require_org().role))
    return render(
        "invitations/new.html",
        status=status,
        form=form,
        role_hints=ROLE_HINTS,
        most_hours=invitations.MOST_HOURS,
    )


def _sent(sent: invitations.Sent | None, email: str) -> Response:
    return unreferred(render("invitations/sent.html", sent=sent, email=email))

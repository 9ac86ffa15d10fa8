"""The other side of an invitation: open the link, see who invites, join."""

from flask import Blueprint, Response, request, url_for

from app.auth.access import drop_session, keep_session
from app.auth.repo.users import UserRepo
from app.auth.services.passwords import RULES, hash_password
from app.auth.services.sign_in import end_session, start_session
from app.db.session import transaction
from app.orgs.forms import PersonForm
from app.orgs.repo.invitations import InvitationFacts
from app.orgs.services.accounts import AddressTaken, NewAccount
from app.orgs.services.invitations import accept, accept_anew, open_invitation
from app.web.access import public
from app.web.errors import LinkGone
from app.web.identity import current_visitor
from app.web.links import drop_token, keep_token, kept_token, remember_token, unreferred
from app.web.render import leave, render, toast
from app.web.security import session_token

bp = Blueprint("joining", __name__, url_prefix="/invitations")
LINK = "invitation"


@bp.get("/<token>")
@public
def follow(token: str) -> Response:
    """The link itself: its token moves into a cookie."""
    return keep_token(LINK, token, url_for(".show"))


@bp.get("/open")
@public
def show() -> Response:
    """Who invites to what; a form for a new account, a button for the invited one."""
    return _page(open_invitation(_token()), PersonForm())


@bp.post("/<token>")
@bp.post("/open")
@public
def create(token: str | None = None) -> Response:
    """Join as the signed-in person, or with a new account for the invited address."""
    token = token or _token()
    invitation = open_invitation(token)
    visitor = current_visitor()
    claimed = request.form.get("email", invitation.email).strip().lower()
    if claimed != invitation.email or (visitor and visitor.email != invitation.email):
        return _wrong_account()
    if visitor:
        with transaction():
            former, role = accept(token, visitor.id, visitor.session_id)
        return _joined(invitation, _said_to_member(former, role, invitation.org_name))
    return _join_anew(token, invitation)


@bp.post("/switch")
@public
def switch() -> Response:
    """End the present session and come back to the invitation."""
    token = _token()
    with transaction():
        end_session(session_token() or "")
    response = leave(url_for(".show"))
    drop_session(response)
    remember_token(LINK, token)
    return response


def _join_anew(token: str, invitation: InvitationFacts) -> Response:
    if UserRepo().for_email(invitation.email):
        return _sign_in_first()
    form = PersonForm()
    form.address = invitation.email
    if not form.validate():
        return _page(invitation, form, 422)
    account = NewAccount(
        email=invitation.email,
        first_name=form.first_name.data,
        last_name=form.last_name.data,
        password_hash=hash_password(form.password.data),
    )
    try:
        with transaction():
            user = accept_anew(token, account)
            new_session = start_session(user)
    except AddressTaken:  # a moment ago; the invitation still waits
        return _sign_in_first()
    response = _joined(invitation)
    keep_session(response, new_session, user.id)
    return response


def _sign_in_first() -> Response:
    return leave(url_for("auth.sign_in", next=url_for(".show")))


def _joined(invitation: InvitationFacts, said: str | None = None) -> Response:
    drop_token(LINK)
    toast(said or f"Welcome to {invitation.org_name}.")
    return leave(url_for("home.show", org=invitation.org_slug))


def _said_to_member(former: str | None, role: str, org_name: str) -> str | None:
    """What is said instead of a welcome to who belonged to the organisation before."""
    if former is None:
        return None
    if former == role:
        return f"You belong to {org_name} already. Your role is still {role}."
    return f"You belong to {org_name} already. Your role was {former} and is {role} from now on."


def _token() -> str:
    token = kept_token(LINK)
    if not token:
        raise LinkGone
    return token


def _page(invitation: InvitationFacts, form: PersonForm, status: int = 200) -> Response:
    visitor = current_visitor()
    if visitor and visitor.email != invitation.email:
        return _wrong_account()
    known = bool(visitor) or UserRepo().for_email(invitation.email) is not None
    page = render(
        "invitations/open.html",
        status=status,
        invitation=invitation,
        form=form,
        known=known,
        password_rules=RULES,
    )
    return unreferred(page)


def _wrong_account() -> Response:
    return unreferred(render("invitations/wrong_account.html", status=403))

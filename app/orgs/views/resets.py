"""Choosing a new password by a mailed link."""

from flask import Blueprint, Response, url_for

from app.auth.access import keep_session
from app.auth.forms import NewPasswordForm, RequestResetForm
from app.auth.models import User
from app.auth.services.passwords import RULES, hash_password
from app.auth.services.resets import ResetGone, account_to_reset, request_reset
from app.auth.services.throttle import TooManyAttempts
from app.db.session import transaction
from app.orgs.services.recovery import recover
from app.web.access import public
from app.web.errors import LinkGone, Refusal
from app.web.links import drop_token, keep_token, kept_token, unreferred
from app.web.mail import mail_is_on
from app.web.render import leave, render, toast

bp = Blueprint("resets", __name__, url_prefix="/reset")
LINK = "reset"
bp.after_request(unreferred)


@bp.get("")
@public
def new() -> Response:
    """Ask whose password is forgotten."""
    return render("auth/reset_request.html", form=RequestResetForm())


@bp.post("")
@public
def create() -> Response:
    """Mail a link to an account that may have one; the answer is the same for all addresses."""
    form = RequestResetForm()
    if not form.validate():
        return render("auth/reset_request.html", status=422, form=form)
    try:
        request_reset(form.email.data)
    except TooManyAttempts as refusal:
        raise Refusal(429, refusal.message, refusal.retry_after) from refusal
    return leave(url_for(".sent"))


@bp.get("/sent")
@public
def sent() -> Response:
    """What happens next."""
    return render("auth/reset_sent.html", mail_is_on=mail_is_on())


@bp.get("/<token>")
@public
def show(token: str) -> Response:
    """The link itself: its token moves into a cookie, out of the address."""
    _account(token)
    return keep_token(LINK, token, url_for(".edit"))


@bp.get("/new")
@public
def edit() -> Response:
    """Ask for the new password."""
    _account(kept_token(LINK) or "")
    return _page(NewPasswordForm())


@bp.post("/new", defaults={"token": None})
@bp.post("/<token>")
@public
def update(token: str | None) -> Response:
    """Set the new password; other sessions end, and the person signs in with it."""
    token = token or kept_token(LINK) or ""
    form = NewPasswordForm()
    form.address = _account(token).email
    if not form.validate():
        return _page(form, 422)
    password_hash = hash_password(form.password.data)
    try:
        with transaction():
            reset = recover(token, password_hash)
    except ResetGone:
        raise LinkGone from None
    drop_token(LINK)
    toast(f"Your password is changed.{'' if reset.renewed else ' Sign in with it.'}")
    response = leave(url_for("auth.sign_in", next=url_for("orgs.index") if reset.first_proof else None))
    if reset.renewed:
        keep_session(response, reset.renewed, reset.user.id)
    return response


def _account(token: str) -> User:
    account = account_to_reset(token)
    if account is None:
        raise LinkGone
    return account


def _page(form: NewPasswordForm, status: int = 200) -> Response:
    return render("auth/reset.html", status=status, form=form, password_rules=RULES)

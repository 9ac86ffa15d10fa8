"""The second factor: asking for it at sign-in, turning it on and off."""

import time
from uuid import UUID

import segno
from flask import Blueprint, Response, session, url_for

from app.auth.access import CHALLENGE, recent_password
from app.auth.forms import CodeForm
from app.auth.models import User
from app.auth.repo.factors import FactorRepo
from app.auth.repo.users import UserRepo
from app.auth.services.changes import account_of
from app.auth.services.second_factor import (
    WrongCode,
    begin_enrolment,
    check,
    confirm,
    enrolment,
    is_on,
    renew_codes,
    turn_off,
)
from app.auth.services.throttle import TooManyAttempts
from app.auth.views.entering import enter, password_mark
from app.db.session import transaction
from app.web.access import public, signed_in
from app.web.identity import require_visitor
from app.web.mail import mail_is_on
from app.web.render import leave, render, slowed, toast

bp = Blueprint("second_factor", __name__, url_prefix="/me/two-factor")
challenge = Blueprint("challenge", __name__, url_prefix="/sign-in/code")
CHALLENGE_SECONDS = 600
_WRONG = "This code is not right, or it was used. Wait for the next one."
_WRONG_AT_SIGN_IN = (
    "This code is not right, or it was used. Wait for the app's next one, or take another recovery code."
)


@challenge.get("")
@public
def show() -> Response:
    """Ask for a code; without a proven password, for that first."""
    return _challenge_page(CodeForm()) if _challenged() else _begin_anew()


@challenge.post("")
@public
def answer() -> Response:
    """Check the code and sign in."""
    user, form = _challenged(), CodeForm()
    if user is None:
        return _begin_anew()
    if not form.validate():
        return _challenge_page(form, 422)
    try:
        check(user.id, form.code.data)
    except WrongCode:
        form.code.errors = [_WRONG_AT_SIGN_IN]
        return _challenge_page(form, 422)
    except TooManyAttempts as refusal:
        form.form_errors.append(refusal.message)
        return slowed(_challenge_page(form, 429), refusal.retry_after)
    return enter(user, session[CHALLENGE]["next"])


@bp.get("")
@signed_in
def index() -> Response:
    """Whether it is on, and what can be done about it."""
    user = account_of(require_visitor().id)
    return render(
        "me/two_factor.html",
        on=is_on(user.id),
        codes_left=FactorRepo().codes_left(user.id),
        proven=user.email_proven_at is not None or not mail_is_on(),
    )


@bp.post("")
@signed_in
@recent_password
def create() -> Response:
    """Begin to turn it on."""
    visitor = require_visitor()
    with transaction():
        begin_enrolment(visitor.id, visitor.session_id)
    return leave(url_for(".enrol"))


@bp.get("/enrol")
@signed_in
@recent_password
def enrol() -> Response:
    """Show the secret for the app and ask for its first code."""
    return _enrolment_page(CodeForm())


@bp.post("/enrol")
@signed_in
@recent_password
def finish() -> Response:
    """Turn it on; the recovery codes are shown this once."""
    form, visitor = CodeForm(), require_visitor()
    if not form.validate():
        return _enrolment_page(form, 422)
    try:
        codes = confirm(visitor.id, visitor.session_id, form.code.data)
    except WrongCode:
        form.code.errors = [_WRONG]
        return _enrolment_page(form, 422)
    except TooManyAttempts as refusal:
        form.form_errors.append(refusal.message)
        return slowed(_enrolment_page(form, 429), refusal.retry_after)
    return render("me/recovery_codes.html", codes=codes)


@bp.post("/codes")
@signed_in
@recent_password
def renew() -> Response:
    """Make new recovery codes, shown this once."""
    visitor = require_visitor()
    with transaction():
        codes = renew_codes(visitor.id, visitor.session_id)
    return render("me/recovery_codes.html", codes=codes)


@bp.post("/remove")
@signed_in
@recent_password
def remove() -> Response:
    """Turn it off."""
    visitor = require_visitor()
    with transaction():
        turn_off(visitor.id, visitor.session_id)
    toast("The second factor is off.")
    return leave(url_for(".index"))


def _challenged() -> User | None:
    """Whose password this browser proved within ten minutes, unless it was changed since or no code is asked for."""
    kept = session.get(CHALLENGE)
    if not kept or time.time() - kept["at"] > CHALLENGE_SECONDS:
        return None
    user = UserRepo().get(UUID(kept["user"]))
    if user is None or user.disabled_at is not None or password_mark(user) != kept["mark"]:
        return None
    return user if is_on(user.id) else None


def _begin_anew() -> Response:
    """Back to the password, on the way to where the browser was going."""
    kept = session.pop(CHALLENGE, None)
    if kept is None:
        return leave(url_for("auth.sign_in"))
    toast(
        "Your password was typed too long ago, or your account was changed since. Sign in again.", "warning"
    )
    return leave(url_for("auth.sign_in", next=kept["next"]))


def _challenge_page(form: CodeForm, status: int = 200) -> Response:
    return render("auth/code.html", status=status, form=form)


def _enrolment_page(form: CodeForm, status: int = 200) -> Response:
    found = enrolment(account_of(require_visitor().id))
    if found is None:
        return leave(url_for(".index"))
    secret, uri = found
    picture = segno.make(uri, error="m").svg_data_uri(scale=5, border=2, light="white")
    return render("me/enrol.html", status=status, form=form, secret=secret, picture=picture)

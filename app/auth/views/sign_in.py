"""Signing in and out."""

from flask import Blueprint, Response, request, url_for

from app.auth.access import drop_session
from app.auth.forms import SignInForm
from app.auth.providers import configured
from app.auth.services.sign_in import WrongCredentials, end_session, verify_credentials
from app.auth.services.throttle import TooManyAttempts
from app.auth.views.entering import admit
from app.db.session import transaction
from app.web.access import public, signed_in
from app.web.identity import current_visitor
from app.web.render import leave, render, slowed
from app.web.security import safe_next, session_token

bp = Blueprint("auth", __name__)
WRONG = "The e-mail address or the password is not right."


@bp.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Response:
    """The form, and what follows it."""
    next_path = safe_next(request.values.get("next"))
    if request.method == "GET" and current_visitor() is not None:
        return leave(next_path)
    form = SignInForm()
    if not form.is_submitted():
        return _page(form, next_path)
    if not form.validate():
        return _page(form, next_path, 422)
    try:
        user = verify_credentials(form.email.data, form.password.data)
        return admit(user, next_path)
    except TooManyAttempts as refusal:
        form.form_errors.append(refusal.message)
        return slowed(_page(form, next_path, 429), refusal.retry_after)
    except WrongCredentials:
        form.form_errors.append(WRONG)
        return _page(form, next_path, 422)


@bp.post("/sign-out")
@signed_in
def sign_out() -> Response:
    """End this session."""
    token = session_token()
    assert token is not None
    with transaction():
        end_session(token)
    response = leave(url_for("auth.sign_in"))
    drop_session(response)
    return response


def _page(form: SignInForm, next_path: str, status: int = 200) -> Response:
    return render(
        "auth/sign_in.html",
        status=status,
        form=form,
        next_path=next_path,
        unsent=bool(request.values.get("unsent")),
        providers=configured(),
    )

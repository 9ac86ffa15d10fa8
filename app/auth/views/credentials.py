"""Password and address of one's own account."""

from flask import Blueprint, Response, request, url_for

from app.auth.access import ask_for_proof, has_recent_proof, keep_session, recent_password, renew_cookie
from app.auth.forms import ChangePasswordForm, ConfirmForm, EmailForm
from app.auth.providers import configured
from app.auth.repo.flows import SUBJECTS
from app.auth.services.changes import account_of, change_password, prove_again
from app.auth.services.email_changes import request_change
from app.auth.services.passwords import RULES, hash_password
from app.auth.services.sign_in import WrongCredentials, confirm_password
from app.auth.services.throttle import TooManyAttempts
from app.db.queue import MAIL_IS_OFF
from app.db.session import transaction
from app.web.access import signed_in
from app.web.errors import Refusal
from app.web.identity import require_visitor
from app.web.mail import mail_is_on
from app.web.render import leave, render, slowed, toast
from app.web.security import safe_next

bp = Blueprint("credentials", __name__, url_prefix="/me")
confirm = Blueprint("confirm", __name__, url_prefix="/me/confirm")


@bp.get("/password")
@signed_in
def edit_password() -> Response:
    """Ask for the password before and after; who has none yet proves who they are first."""
    form = _password_form()
    return _password_page(form) if _may_set(form) else ask_for_proof()


@bp.post("/password")
@signed_in
def update_password() -> Response:
    """Change the password; other sessions end."""
    form, visitor = _password_form(), require_visitor()
    if not _may_set(form):
        return ask_for_proof()
    if not form.validate() or not _knows_password(form):
        return _password_page(form, 422)
    password_hash = hash_password(form.password.data)
    with transaction():
        token = change_password(visitor.id, visitor.session_id, password_hash)
    toast("Your password is changed. Your other sessions have ended.")
    response = leave(url_for(".edit_password"))
    keep_session(response, token, visitor.id)
    return response


@bp.get("/email")
@signed_in
@recent_password
def edit_email() -> Response:
    """Ask for the new address."""
    return _email_page(EmailForm())


@bp.post("/email")
@signed_in
@recent_password
def update_email() -> Response:
    """Have the new address confirm."""
    form, visitor = EmailForm(), require_visitor()
    if not mail_is_on():
        raise Refusal(409, MAIL_IS_OFF)
    if not form.validate():
        return _email_page(form, 422)
    account = account_of(visitor.id)
    if form.email.data == account.email and account.email_proven_at is not None:
        form.email.errors = ["This is your address already."]
        return _email_page(form, 422)
    try:
        with transaction():
            request_change(account, form.email.data)
    except TooManyAttempts as refusal:
        form.form_errors.append(f"Too many links were asked for. {refusal.advice}")
        return slowed(_email_page(form, 429), refusal.retry_after)
    return leave(url_for(".email_sent"))


@bp.get("/email/sent")
@signed_in
def email_sent() -> Response:
    """What happens next."""
    return render("me/email_sent.html")


@confirm.get("")
@signed_in
def new() -> Response:
    """Ask for the password, or who has none for a newer sign-in, before something that needs it."""
    return _confirm_page(ConfirmForm())


@confirm.post("")
@signed_in
def create() -> Response:
    """Check it and go back; from now on a copy of the session's former cookie opens nothing."""
    form, visitor = ConfirmForm(), require_visitor()
    if not form.validate() or not _knows_password(form):
        return _confirm_page(form, 422)
    with transaction():
        token = prove_again(visitor.id, visitor.session_id)
    response = leave(_next_path())
    renew_cookie(response, token)
    return response


def _confirm_page(form: ConfirmForm, status: int = 200) -> Response:
    account, next_path = account_of(require_visitor().id), _next_path()
    return render(
        "me/confirm.html",
        status=status,
        near=next_path.split("/")[2] if next_path.startswith("/o/") else None,
        form=form,
        next_path=next_path,
        unsent=bool(request.values.get("unsent")),
        has_password=account.password is not None,
        providers={
            name: words for name, words in configured().items() if getattr(account, SUBJECTS[name].key)
        },
    )


def _next_path() -> str:
    return safe_next(request.values.get("next"), url_for("me.show"))


def _password_form() -> ChangePasswordForm:
    form, account = ChangePasswordForm(), account_of(require_visitor().id)
    form.address = account.email
    if account.password is None:
        del form.current_password
    return form


def _may_set(form: ChangePasswordForm) -> bool:
    return "current_password" in form or has_recent_proof()


def _knows_password(form: ChangePasswordForm | ConfirmForm) -> bool:
    """Check the current password if the form asks for it, and note a wrong one in the form."""
    if "current_password" not in form:
        return True
    try:
        confirm_password(require_visitor().id, form.current_password.data)
    except WrongCredentials:
        form.current_password.errors = ["This is not your current password."]
        return False
    except TooManyAttempts as refusal:
        raise Refusal(429, refusal.message, refusal.retry_after) from refusal
    return True


def _password_page(form: ChangePasswordForm, status: int = 200) -> Response:
    return render("me/password.html", status=status, form=form, password_rules=RULES, mail_is_on=mail_is_on())


def _email_page(form: EmailForm, status: int = 200) -> Response:
    proven = account_of(require_visitor().id).email_proven_at is not None
    return render("me/email.html", status=status, form=form, mail_is_on=mail_is_on(), proven=proven)

"""A new account: for an identity that GitHub or Google vouches for, or for whoever asks where registration is open."""

from flask import Blueprint, Response, url_for

from app.auth.access import keep_session
from app.auth.providers import LABELS
from app.auth.services.external import Identified, held
from app.auth.services.passwords import RULES, hash_password
from app.auth.services.sign_in import start_session
from app.auth.views.entering import HELD
from app.db.session import transaction
from app.orgs.forms import NamesForm, SignUpForm
from app.orgs.services.accounts import AddressTaken, NewAccount
from app.orgs.services.sign_up import may_sign_up, sign_up
from app.orgs.views.joining import LINK
from app.web.access import public
from app.web.errors import Refusal
from app.web.identity import current_visitor
from app.web.links import drop_token, kept_token
from app.web.mail import mail_is_on
from app.web.render import leave, render, toast

_ASKED = " Open the link that we have mailed to you, which confirms your address."
bp = Blueprint("sign_up", __name__, url_prefix="/sign-up")


@bp.get("")
@public
def new() -> Response:
    """The form of whoever may have an account."""
    if current_visitor() is not None:
        return leave(url_for("home.index"))
    waiting = _waiting()
    if waiting is None:
        return _page(SignUpForm(), None)
    return _page(NamesForm(data=_names(waiting)), waiting)


@bp.post("")
@public
def create() -> Response:
    """Create the account and sign it in; a kept invitation to its address is accepted with it."""
    waiting = _waiting()
    form = NamesForm() if waiting else SignUpForm()
    if not form.validate():
        return _page(form, waiting, 422)
    account = _account(form, waiting)
    try:
        with transaction():
            user = sign_up(account, kept_token(LINK), kept_token(HELD))
            token, asked = start_session(user), user.email_proven_at is None and mail_is_on()
    except AddressTaken:
        form.form_errors.append("There is an account with this address already. Sign in to it instead.")
        return _page(form, waiting, 422)
    for purpose in (LINK, HELD):
        drop_token(purpose)
    toast(f"Welcome to AgentPress.{_ASKED if asked else ''}")
    response = leave(waiting.next_path if waiting else url_for("home.index"))
    keep_session(response, token, user.id)
    return response


def _waiting() -> Identified | None:
    """The identity that waits in this browser. Refusal 403 if neither it nor anyone may sign up."""
    waiting = held(kept_token(HELD))
    if not may_sign_up(waiting.profile.email if waiting else None, kept_token(LINK)):
        raise Refusal(403, "New accounts need an invitation here. Ask someone who is in to send you one.")
    return waiting


def _names(waiting: Identified) -> dict[str, str | None]:
    return {"first_name": waiting.profile.first_name, "last_name": waiting.profile.last_name}


def _account(form: NamesForm | SignUpForm, waiting: Identified | None) -> NewAccount:
    names = {"first_name": form.first_name.data, "last_name": form.last_name.data}
    if waiting is None:
        return NewAccount(email=form.email.data, password_hash=hash_password(form.password.data), **names)
    profile = waiting.profile
    assert profile.email is not None
    subject = {f"{profile.provider.lower()}_id": profile.subject}
    return NewAccount(email=profile.email, provider=profile.provider, proven=True, **names, **subject)


def _page(form: NamesForm | SignUpForm, waiting: Identified | None, status: int = 200) -> Response:
    label = LABELS[waiting.profile.provider] if waiting else None
    email = waiting.profile.email if waiting else None
    return render(
        "auth/sign_up.html", status=status, form=form, email=email, label=label, password_rules=RULES
    )

"""The first run: whoever holds the link from the log claims the instance."""

from flask import Blueprint, Response, request, url_for

from app.auth.access import keep_session
from app.auth.services.passwords import RULES, hash_password
from app.auth.services.sign_in import start_session
from app.db.session import transaction
from app.orgs.forms import SetupForm
from app.orgs.services.accounts import NewAccount
from app.orgs.services.setup import AlreadyClaimed, WrongToken, claim, is_claimed
from app.web.access import always
from app.web.errors import NotFound
from app.web.links import drop_token, keep_token, kept_token, unreferred
from app.web.render import leave, render, toast

bp = Blueprint("setup", __name__)
LINK = "setup"


@bp.get("/setup")
@always
def show() -> Response:
    """Ask for the first account and organisation; a token in the address moves into a cookie first."""
    _require_unclaimed()
    token = request.args.get("token")
    if token:
        return keep_token(LINK, token, url_for(".show"))
    return _page(SetupForm())


@bp.post("/setup")
@always
def create() -> Response:
    """Claim the instance and sign its first person in."""
    _require_unclaimed()
    form = SetupForm()
    if not form.validate():
        return _page(form, 422)
    token = (form.token.data or "").strip() or kept_token(LINK) or ""
    try:
        with transaction():
            user, org = claim(token, _account(form), form.org_name.data)
            session_token = start_session(user)
    except AlreadyClaimed:
        raise NotFound from None
    except WrongToken:
        drop_token(LINK)
        form.token.errors = ["This is not the token of the newest link. Start AgentPress again to see it."]
        return _page(form, 422)
    drop_token(LINK)
    toast(f"Welcome to {org.name}.")
    response = leave(url_for("home.show", org=org.slug))
    keep_session(response, session_token, user.id)
    return response


def _page(form: SetupForm, status: int = 200) -> Response:
    page = render(
        "setup/show.html", status=status, form=form, asks_token=not kept_token(LINK), password_rules=RULES
    )
    return unreferred(page)


def _require_unclaimed() -> None:
    if is_claimed():
        raise NotFound


def _account(form: SetupForm) -> NewAccount:
    return NewAccount(
        email=form.email.data,
        first_name=form.first_name.data,
        last_name=form.last_name.data,
        password_hash=hash_password(form.password.data),
    )

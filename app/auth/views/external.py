"""Signing in with GitHub or Google, and linking them to one's own account."""

import secrets

from flask import Blueprint, Response, request, session, url_for

from app.auth.access import keep_session, recent_password
from app.auth.providers import GITHUB, GOOGLE, LABELS, ProviderRefused, configured
from app.auth.repo.flows import SUBJECTS
from app.auth.repo.users import UserRepo
from app.auth.services.changes import account_of
from app.auth.services.external import (
    Identified,
    UnknownRoundTrip,
    begin,
    finish,
    hold,
    link_in_session,
    owner_of,
    unlink,
)
from app.auth.views.entering import HELD, admit
from app.db.session import transaction
from app.web.access import public, signed_in
from app.web.errors import NotFound, Refusal
from app.web.identity import current_visitor, require_visitor
from app.web.links import remember_token
from app.web.render import leave, render, toast
from app.web.security import safe_next, settings

bp = Blueprint("external", __name__, url_prefix="/sign-in")
identities = Blueprint("identities", __name__, url_prefix="/me/sign-in-methods")
_PATHS = {"github": GITHUB, "google": GOOGLE}
_BROWSER = "oauth_browser"


@bp.post("/<any(github, google):provider>")
@public
def create(provider: str) -> Response:
    """Send the browser to the provider."""
    return _depart(provider, safe_next(request.form.get("next")))


@bp.get("/<any(github, google):provider>/callback")
@public
def callback(provider: str) -> Response:
    """Where the provider sends the browser back."""
    name, browser = _provider(provider), session.pop(_BROWSER, "")
    state, code = request.args.get("state", ""), request.args.get("code", "")
    if not browser or not state:
        raise Refusal(400, _STRANGE)
    if not code:
        return _not_identified(f"{LABELS[name]} did not confirm who you are.")
    try:
        found = finish(name, _return_address(provider), browser, state, code)
    except UnknownRoundTrip:
        raise Refusal(400, _STRANGE) from None
    except ProviderRefused as refusal:
        return _not_identified(str(refusal))
    return _link(found) if found.link_to else _enter(found)


@identities.get("")
@signed_in
def index() -> Response:
    """The ways into one's own account."""
    user = account_of(require_visitor().id)
    linked = {name for name, column in SUBJECTS.items() if getattr(user, column.key)}
    words = {provider: word for word, provider in _PATHS.items()}
    return render(
        "me/sign_in_methods.html",
        password=bool(user.password),
        linked=linked,
        providers=configured(),
        words=words,
    )


@identities.post("/<any(github, google):provider>")
@signed_in
@recent_password
def connect(provider: str) -> Response:
    """Begin to link a provider."""
    return _depart(provider, url_for(".index"), link=True)


@identities.post("/<any(github, google):provider>/remove")
@signed_in
@recent_password
def disconnect(provider: str) -> Response:
    """Take a provider away."""
    name = _provider(provider)
    with transaction():
        unlink(require_visitor().id, name)
    toast(f"{LABELS[name]} no longer opens your account.")
    return leave(url_for(".index"))


_STRANGE = "This answer does not belong to a sign-in that was begun in this browser. Start again from the sign-in page."


def _provider(word: str) -> str:
    provider = _PATHS[word]
    if provider not in configured():
        raise NotFound
    return provider


def _return_address(word: str) -> str:
    return f"{settings().base_url}{url_for('external.callback', provider=word)}"


def _depart(word: str, next_path: str, *, link: bool = False) -> Response:
    provider = _provider(word)
    browser = session[_BROWSER] = secrets.token_urlsafe(24)
    visitor = current_visitor() if link else None
    try:
        return leave(
            begin(provider, _return_address(word), browser, next_path, visitor.id if visitor else None)
        )
    except ProviderRefused as refusal:
        return _not_identified(str(refusal))


def _link(found: Identified) -> Response:
    visitor = current_visitor()
    if visitor is None or visitor.id != found.link_to:
        raise Refusal(400, _STRANGE)
    with transaction():
        token = link_in_session(visitor.id, visitor.session_id, found.profile)
    toast(f"{LABELS[found.profile.provider]} now opens your account.")
    response = leave(url_for("identities.index"))
    keep_session(response, token, visitor.id)
    return response


def _enter(found: Identified) -> Response:
    """Sign in, or find out which account the identity is to belong to."""
    profile = found.profile
    user = owner_of(profile)
    if user:
        return admit(user, found.next_path)
    label = LABELS[profile.provider]
    if profile.email is None:
        return _not_identified(f"{label} has not verified an address of yours, which a new account needs.")
    with transaction():
        remember_token(HELD, hold(profile, found.next_path))
    if UserRepo().for_email(profile.email):
        toast(f"Sign in with your password once, and {label} opens this account from then on.", "info")
        return leave(url_for("auth.sign_in", next=found.next_path))
    return leave(url_for("sign_up.new"))


def _not_identified(message: str) -> Response:
    toast(message, "error")
    return leave(url_for("identities.index" if current_visitor() else "auth.sign_in"))

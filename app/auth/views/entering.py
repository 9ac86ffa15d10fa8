"""What follows a proof of who one is: the second factor if there is one, then a session."""

import hashlib
import time

from flask import Response, request, session, url_for

from app.auth.access import CHALLENGE, is_known_device, keep_session
from app.auth.models import User
from app.auth.services.changes import take_notice
from app.auth.services.devices import device_name
from app.auth.services.external import claim
from app.auth.services.second_factor import is_on
from app.auth.services.sign_in import WrongCredentials, notify_new_device, start_session
from app.db.session import transaction
from app.web.links import drop_token, kept_token
from app.web.render import leave, toast

HELD = "identity"
_LONGEST_PATH = 2000
"""What the cookie has room for; browsers drop one that is larger, and who signs in would be asked for ever."""


def admit(user: User, next_path: str) -> Response:
    """Let in a person whom a password or a provider proved; asks for the second factor first where it is on."""
    if not is_on(user.id):
        return enter(user, next_path)
    session[CHALLENGE] = {
        "user": str(user.id),
        "mark": password_mark(user),
        "next": next_path if len(next_path) <= _LONGEST_PATH else "/",
        "at": int(time.time()),
    }
    return leave(url_for("challenge.show"))


def enter(user: User, next_path: str) -> Response:
    """Begin a session of a person who has proved all there is to prove, in a browser that leaves for `next_path`.

    If the proof has lost its worth meanwhile, the browser leaves for the sign-in page.
    """
    try:
        with transaction():
            token = start_session(user)
            claim(kept_token(HELD), user)
            if not is_known_device(user.id):
                notify_new_device(user, device_name(request.user_agent.string))
            notice = take_notice(user)
    except WrongCredentials:
        toast("Your account was changed a moment ago. Sign in again.", "error")
        return leave(url_for("auth.sign_in", next=next_path))
    if notice:
        toast(notice, "warning")
    drop_token(HELD)
    response = leave(next_path)
    keep_session(response, token, user.id)
    return response


def password_mark(user: User) -> str:
    """Changes when the password does, and says nothing about it."""
    return hashlib.sha256((user.password or "").encode()).hexdigest()[:16]

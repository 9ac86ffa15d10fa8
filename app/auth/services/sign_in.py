"""Proving who one is, and the session that follows."""

from datetime import UTC, datetime
from uuid import UUID

from flask import current_app, request

from app.audit.services import record
from app.auth.access import SESSION_LIFE, act_as
from app.auth.models import SignInSession, User
from app.auth.repo.links import ResetRepo
from app.auth.repo.sessions import SessionRepo
from app.auth.repo.users import UserRepo
from app.auth.services.passwords import hash_password, needs_rehash, verify_password
from app.auth.services.throttle import Limit, count_attempt, source_network
from app.db.queue import queue_email
from app.db.scope import current_scope
from app.db.session import transaction
from app.web.addresses import read_address
from app.web.security import hash_token, new_token, session_token, settings

ATTEMPTS = 10
ATTEMPTS_PER_ADDRESS = 200
_USER_AGENT_LENGTH = 300


class WrongCredentials(Exception):
    """No account with this address and password; said alike for all reasons."""


def verify_credentials(email: str, password: str) -> User:
    """The account that address and password prove, in transactions of its own.

    Raises WrongCredentials, or TooManyAttempts before any password is hashed.
    """
    address = read_address(email) or email.lower()
    network = source_network(current_scope().address)
    limits = [
        Limit(f"sign-in {network} {address}", ATTEMPTS),
        Limit(f"sign-in {network}", ATTEMPTS_PER_ADDRESS),
    ]
    with transaction():
        attempt = count_attempt(limits)
        user = UserRepo().for_email(address)
    proven = verify_password(user.password if user else None, password)
    if user is None or not proven or user.disabled_at is not None:
        current_app.logger.warning("sign-in refused")
        raise WrongCredentials
    with transaction():
        attempt.take_back()
    _renew_hash(user, password)
    return user


def confirm_password(user_id: UUID, password: str) -> None:
    """Check the password of somebody who is signed in. Raises WrongCredentials or TooManyAttempts."""
    with transaction():
        attempt = count_attempt([Limit(f"confirm {user_id}", ATTEMPTS)])
        user = UserRepo().get(user_id)
    if user is None or not verify_password(user.password, password):
        raise WrongCredentials
    with transaction():
        attempt.take_back()


def start_session(user: User) -> str:
    """Sign a person in with the browser of this request, in the caller's transaction: the token for its cookie.

    Pending reset links end, and so does the session that the browser had before.
    Raises WrongCredentials if the password was changed or the account disabled since it was read.
    """
    proven = user.password
    now = UserRepo().lock(user.id)
    if now is None or now.disabled_at is not None or now.password != proven:
        raise WrongCredentials
    token, token_hash = new_token()
    if former := session_token():
        SessionRepo().remove(hash_token(former))
    ResetRepo().withdraw(user.id)
    sign_in = SessionRepo().add(
        SignInSession(
            token_hash=token_hash,
            user_id=user.id,
            expires_at=datetime.now(UTC) + SESSION_LIFE,
            address=current_scope().address,
            user_agent=request.user_agent.string[:_USER_AGENT_LENGTH],
        )
    )
    act_as(user.id, user.email)
    record("session.start", "session", sign_in.id)
    return token


def end_session(token: str) -> None:
    """Sign out, in the caller's transaction, where there is such a session."""
    if SessionRepo().remove(hash_token(token)):
        record("session.end", "session")


def notify_new_device(user: User, device: str) -> None:
    """Mail the person that a browser they had not used before signed in, in the caller's transaction."""
    context = {
        "name": user.first_name or "",
        "device": device,
        "address": current_scope().address,
        "moment": datetime.now(UTC).strftime("%-d %b %Y, %H:%M UTC"),
        "sessions_url": f"{settings().base_url}/me/sessions",
    }
    queue_email(user.email, "new_sign_in", "New sign-in to AgentPress", context)


def _renew_hash(user: User, password: str) -> None:
    old = user.password
    if old is None or not needs_rehash(old):
        return
    renewed = hash_password(password)
    with transaction():
        now = UserRepo().lock(user.id)
        if now is not None and now.password == old:
            now.password = renewed

"""Signing in with GitHub or Google: the round trip, and what its result means here.

An identity is (provider, subject). An address never leads into an account; it only says which account to ask to
sign in, so that the person can link the identity to it.
"""

import secrets as random
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from app.audit.services import record
from app.auth.models import OAuthFlow, User
from app.auth.providers import LABELS, Profile, Secrets, configured
from app.auth.repo.flows import SUBJECTS, FlowRepo, IdentityRepo
from app.auth.repo.users import UserRepo
from app.auth.services.changes import notify, prove_address, renew_session
from app.db.session import transaction
from app.late import load
from app.web.errors import NotFound, Refusal
from app.web.security import hash_token, new_token

ROUND_TRIP = timedelta(minutes=10)
WAITING = timedelta(minutes=30)


class UnknownRoundTrip(Exception):
    """The answer of a provider does not belong to a sign-in that this browser began."""


@dataclass(frozen=True)
class Identified:
    """A finished round trip: who it is, for which account it was begun (to link), and where to go on."""

    profile: Profile
    link_to: UUID | None
    next_path: str


def begin(provider: str, redirect_uri: str, browser: str, next_path: str, link_to: UUID | None) -> str:
    """Begin a round trip of this browser: the provider's address to send it to. Raises ProviderRefused."""
    state, state_hash = new_token()
    secrets = Secrets(state, verifier=random.token_urlsafe(48), nonce=random.token_urlsafe(24))
    url: str = load("app.auth.oauth:authorization_url")(provider, redirect_uri, secrets)
    with transaction():
        FlowRepo().add(
            OAuthFlow(
                provider=provider,
                state_hash=state_hash,
                browser_hash=hash_token(browser),
                nonce=secrets.nonce,
                verifier=secrets.verifier,
                user_id=link_to,
                next_path=next_path,
                expires_at=datetime.now(UTC) + ROUND_TRIP,
            )
        )
    return url


def finish(provider: str, redirect_uri: str, browser: str, state: str, code: str) -> Identified:
    """End the round trip. Raises UnknownRoundTrip for a foreign or repeated answer, ProviderRefused."""
    with transaction():
        flow = FlowRepo().take(provider, hash_token(state), hash_token(browser))
    if flow is None:
        raise UnknownRoundTrip
    assert flow.verifier is not None
    assert flow.nonce is not None
    secrets = Secrets(state, flow.verifier, flow.nonce)
    profile: Profile = load("app.auth.oauth:identify")(provider, code, redirect_uri, secrets)
    return Identified(profile, flow.user_id, flow.next_path or "/")


def owner_of(profile: Profile) -> User | None:
    """The account that this identity signs in to, unless it is disabled."""
    user = IdentityRepo().owner(profile.provider, profile.subject)
    return user if user and user.disabled_at is None else None


def hold(profile: Profile, next_path: str) -> str:
    """Let an identity wait for its account, in the caller's transaction: the token that finds it."""
    token, token_hash = new_token()
    FlowRepo().add(
        OAuthFlow(
            provider=profile.provider,
            state_hash=token_hash,
            browser_hash=token_hash,
            profile=asdict(profile),
            next_path=next_path,
            expires_at=datetime.now(UTC) + WAITING,
        )
    )
    return token


def held(token: str | None) -> Identified | None:
    """The identity that waits under a token."""
    flow = FlowRepo().held(hash_token(token)) if token else None
    if flow is None or flow.profile is None:
        return None
    return Identified(Profile(**flow.profile), None, flow.next_path or "/")


def claim(token: str | None, user: User) -> None:
    """Link the identity that waits under a token to the person who signed in, if it has their address.

    One that opens another account, a disabled one, stays there. In the caller's transaction.
    """
    waiting = held(token)
    if token and waiting and waiting.profile.email == user.email:
        FlowRepo().drop(hash_token(token))
        if IdentityRepo().owner(waiting.profile.provider, waiting.profile.subject) is None:
            link(user.id, waiting.profile)


def link(user_id: UUID, profile: Profile) -> None:
    """Let an identity sign in to an account, in the caller's transaction, which Refusal 409 ends if it has another."""
    label = LABELS[profile.provider]
    try:
        IdentityRepo().set(user_id, profile.provider, profile.subject)
    except IntegrityError as error:
        raise Refusal(409, f"This {label} account signs in to another account here.") from error
    user = _account(user_id)
    if profile.email == user.email:
        prove_address(user, datetime.now(UTC))
    record("identity.link", "user", user.id, user.email, after={"provider": profile.provider})
    notify(user.email, user, f"{label} was added", f"Your AgentPress account can now be opened with {label}.")


def link_in_session(user_id: UUID, session_id: UUID, profile: Profile) -> str:
    """What `link` does, for the person at the keyboard: the token under which their session goes on.

    Refusal 409 as `link`, and if the session has ended meanwhile.
    """
    _account(user_id)
    token = renew_session(session_id)
    link(user_id, profile)
    return token


def unlink(user_id: UUID, provider: str) -> None:
    """Take a way to sign in away, in the caller's transaction; changes nothing twice. Refusal 409 for the last one."""
    user = _account(user_id)
    if getattr(user, SUBJECTS[provider].key) is None:
        return
    others = [name for name in configured() if name != provider and getattr(user, SUBJECTS[name].key)]
    if user.password is None and not others:
        raise Refusal(409, "This is the only way into your account. Set a password first.")
    label = LABELS[provider]
    IdentityRepo().set(user_id, provider, None)
    record("identity.unlink", "user", user.id, user.email, before={"provider": provider})
    notify(
        user.email,
        user,
        f"{label} was removed",
        f"Your AgentPress account can no longer be opened with {label}.",
    )


def _account(user_id: UUID) -> User:
    user = UserRepo().lock(user_id)
    if user is None:
        raise NotFound
    return user

"""Changes of one's own account, each told to the person by mail where it concerns security."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.auth.models import User
from app.auth.providers import LABELS
from app.auth.repo.factors import FactorRepo
from app.auth.repo.flows import SUBJECTS
from app.auth.repo.links import EmailChangeRepo, ResetRepo
from app.auth.repo.sessions import SessionRepo
from app.auth.repo.users import UserRepo
from app.db.queue import queue_email
from app.web.errors import NotFound, Refusal
from app.web.security import renewed_token, settings

_ENDED = "This session has ended in the meantime. Sign in again."


def change_names(user_id: UUID, first_name: str | None, last_name: str | None) -> None:
    """Give a person other names, in the caller's transaction."""
    user = locked_account(user_id)
    before = {"first_name": user.first_name, "last_name": user.last_name}
    user.first_name, user.last_name = first_name or None, last_name or None
    after = {"first_name": user.first_name, "last_name": user.last_name}
    if after != before:
        record("profile.change", "user", user.id, user.email, before=before, after=after)


def change_preferences(user_id: UUID, values: dict[str, Any]) -> None:
    """Keep preferences of a person, in the caller's transaction."""
    user = locked_account(user_id)
    before = {name: user.preferences.get(name) for name in values}
    user.preferences = {**user.preferences, **values}
    if values != before:
        record("preferences.change", "user", user.id, user.email, before=before, after=values)


def change_password(user_id: UUID, session_id: UUID, password_hash: str) -> str:
    """Replace the password of the person at the keyboard, in the caller's transaction.

    The other sessions end; this one goes on under the token that is returned. Refusal 409 if it has ended meanwhile, as
    with another new password.
    """
    user = locked_account(user_id)
    token = renew_session(session_id)
    set_password(user, password_hash, kept_session=session_id)
    return token


def prove_again(user_id: UUID, session_id: UUID) -> str:
    """Note that the person at the keyboard has just proved who they are, in the caller's transaction.

    The session goes on under the token that is returned. Refusal 409 as `change_password`.
    """
    locked_account(user_id)
    token = renew_session(session_id)
    SessionRepo().note_proof(session_id)
    return token


def renew_session(session_id: UUID) -> str:
    """Let this request's session go on under the token that is returned; copies of the former one end.

    In the transaction of the caller, who holds its account. Refusal 409 if it has ended meanwhile.
    """
    token, token_hash = renewed_token()
    if not SessionRepo().renew(session_id, token_hash):
        raise Refusal(409, _ENDED)
    return token


def end_session_of(user_id: UUID, session_id: UUID) -> bool:
    """End one session of a person, in the caller's transaction; False if they have no such session."""
    ended = SessionRepo().end(user_id, session_id)
    if ended:
        record("session.revoke", "session", session_id)
    return ended


def end_other_sessions(user_id: UUID, session_id: UUID) -> int:
    """End all sessions of a person but this one, in the caller's transaction; how many ended."""
    ended = SessionRepo().remove_for(user_id, but=session_id)
    if ended:
        record("session.revoke_others", "user", user_id, after={"ended": ended})
    return ended


def set_password(user: User, password_hash: str, kept_session: UUID | None) -> None:
    """Replace the password, end waiting links and all sessions but `kept_session`; in the caller's transaction."""
    user.password = password_hash
    ResetRepo().withdraw(user.id)
    EmailChangeRepo().withdraw(user.id)
    SessionRepo().remove_for(user.id, but=kept_session)
    record("password.change", "user", user.id, user.email)
    notify(
        user.email,
        user,
        "Your password was changed",
        "The password of your AgentPress account was changed, and its other sessions ended.",
    )


def end_ways_in(user: User, providers: Collection[str], *, factor: bool) -> list[str]:
    """Take away what somebody else could come back with, in the caller's transaction: what it was, in words.

    `providers` where they are linked, and the second factor if `factor`.
    """
    ended = []
    for provider, column in SUBJECTS.items():
        if provider in providers and getattr(user, column.key):
            setattr(user, column.key, None)
            record("identity.unlink", "user", user.id, user.email, before={"provider": provider})
            ended.append(LABELS[provider])
    if factor and FactorRepo().remove(user.id):
        record("second_factor.off", "user", user.id, user.email)
        ended.append("the second factor")
    return ended


def prove_address(user: User, moment: datetime) -> bool:
    """Note that the address is known to be its person's, in the caller's transaction; False if it was before."""
    if user.email_proven_at is not None:
        return False
    user.email_proven_at = moment
    record("email.prove", "user", user.id, user.email)
    return True


def notify(recipient: str, user: User, title: str, what: str, *, gone: bool = False) -> None:
    """Tell a person about a change of the security of their account, in the caller's transaction.

    An account that is `gone` has no password to set anew.
    """
    context = {
        "name": user.first_name or "",
        "title": title,
        "what": what,
        "reset_url": "" if gone else f"{settings().base_url}/reset",
    }
    queue_email(recipient, "account_changed", f"AgentPress: {title[0].lower()}{title[1:]}", context)


def take_notice(user: User) -> str | None:
    """What an administrator left to be said at the next sign-in, in the caller's transaction, once."""
    kept = dict(user.preferences)
    notice = kept.pop("notice", None)
    if notice is not None:
        user.preferences = kept
    return notice if isinstance(notice, str) else None


def account_of(user_id: UUID) -> User:
    """The account of somebody who is signed in. Raises NotFound if it is gone by now."""
    user = UserRepo().get(user_id)
    if user is None:
        raise NotFound
    return user


def account_in_session(user_id: UUID, session_id: UUID) -> User:
    """The account of the person at the keyboard, held, and their session with it, until the transaction ends.

    For what would outlive the session: who ends the sessions of an account in another's hands holds it first. Raises
    NotFound; Refusal 409 if the session has ended meanwhile.
    """
    user = locked_account(user_id)
    if not SessionRepo().hold(session_id):
        raise Refusal(409, _ENDED)
    return user


def locked_account(user_id: UUID) -> User:
    """The account of somebody who is signed in, for this transaction alone to change. Raises NotFound."""
    user = UserRepo().lock(user_id)
    if user is None:
        raise NotFound
    return user

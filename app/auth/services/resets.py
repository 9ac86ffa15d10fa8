"""A forgotten password."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.audit.services import record
from app.auth.access import act_as
from app.auth.models import PasswordReset, User
from app.auth.repo.flows import SUBJECTS
from app.auth.repo.links import ResetRepo
from app.auth.repo.users import UserRepo
from app.auth.services.changes import change_password, end_ways_in, prove_address, set_password
from app.auth.services.throttle import Limit, TooManyAttempts, count_attempt, source_network
from app.db.queue import queue_email
from app.db.scope import current_scope
from app.db.session import transaction
from app.web.identity import current_visitor
from app.web.security import hash_token, new_token, settings

RESET_LIFE = timedelta(minutes=60)
MAILS_PER_DAY = 5
REQUESTS_PER_ADDRESS = 200
_DAY_SECONDS = 24 * 60 * 60


class ResetGone(Exception):
    """The link is used, expired, replaced or unknown."""


@dataclass(frozen=True)
class Reset:
    """A password that was set by a link.

    `renewed` is the token under which the session goes on that used it. `first_proof` if nothing had shown before that
    the address is its person's; then `ended` names the other ways in that were removed.
    """

    user: User
    renewed: str | None
    first_proof: bool
    ended: Sequence[str]


def issue_reset(user: User, *, mailed: bool = False) -> str:
    """A link that lets its holder choose a new password once within 60 minutes, in the caller's transaction.

    Links issued before end. The second factor is still asked at the next sign-in. `mailed` if it goes nowhere but to
    the address of the account.
    """
    token, token_hash = new_token()
    UserRepo().lock(user.id)
    ResetRepo().withdraw(user.id)
    expires_at = datetime.now(UTC) + RESET_LIFE
    ResetRepo().add(
        PasswordReset(user_id=user.id, token_hash=token_hash, mailed=mailed, expires_at=expires_at)
    )
    record("password_reset.issue", "user", user.id, user.email)
    return f"{settings().base_url}/reset/{token}"


def request_reset(email: str) -> None:
    """Mail a reset link to an account that has a password; the caller learns nothing about who has one.

    Raises TooManyAttempts if one address asks too often.
    """
    network = source_network(current_scope().address)
    with transaction():
        count_attempt([Limit(f"reset {network}", REQUESTS_PER_ADDRESS)])
        user = UserRepo().for_email(email)
    if settings().mail is None or user is None or user.password is None or user.disabled_at is not None:
        return
    try:
        with transaction():
            count_attempt([Limit(f"reset {user.id}", MAILS_PER_DAY, _DAY_SECONDS)])
            context = {"name": user.first_name or "", "reset_url": issue_reset(user, mailed=True)}
            queue_email(user.email, "password_reset", "Reset your AgentPress password", context)
    except TooManyAttempts:
        return


def account_to_reset(token: str) -> User | None:
    """Whose password the link with this token sets anew; None if it does not work at this moment."""
    user_id = ResetRepo().owner(hash_token(token))
    return UserRepo().get(user_id) if user_id else None


def reset_password(token: str, password_hash: str) -> Reset:
    """Give the account of the link a new password, in the caller's transaction; its other sessions end.

    A mailed link proves the address. If it is the first proof, a stranger may have registered it: then other ways in
    end. Raises ResetGone.
    """
    repo, token_hash = ResetRepo(), hash_token(token)
    user_id = repo.owner(token_hash)
    user = UserRepo().lock(user_id) if user_id else None
    link = repo.consume(token_hash) if user and user.disabled_at is None else None
    if user is None or link is None:
        raise ResetGone
    visitor, renewed = current_visitor(), None
    act_as(user.id, user.email)
    first_proof = link.mailed and prove_address(user, datetime.now(UTC))
    ended = end_ways_in(user, SUBJECTS, factor=True) if first_proof else []
    if visitor and visitor.id == user.id:
        renewed = change_password(user.id, visitor.session_id, password_hash)
    else:
        set_password(user, password_hash, kept_session=None)
    record("password_reset.use", "user", user.id, user.email)
    return Reset(user, renewed, first_proof, ended)

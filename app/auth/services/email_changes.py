"""Moving an account to another address."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import IntegrityError

from app.audit.repo import AuditRepo
from app.audit.services import record
from app.auth.access import act_as
from app.auth.models import EmailChange, User
from app.auth.repo.factors import FactorRepo
from app.auth.repo.links import EmailChangeRepo, ResetRepo
from app.auth.repo.sessions import SessionRepo
from app.auth.repo.users import UserRepo
from app.auth.services.changes import end_ways_in, notify, prove_address
from app.auth.services.throttle import Limit, count_attempt, source_network
from app.db.base import db
from app.db.queue import queue_email
from app.db.scope import current_scope
from app.web.identity import current_visitor
from app.web.security import hash_token, new_token, settings

CONFIRM_WITHIN = timedelta(hours=24)
UNDO_WITHIN = timedelta(days=7)
MAILS_PER_DAY = 10
MAILS_PER_NETWORK = 200
_GIVEN_BACK = "The address of your AgentPress account was changed, and the change is undone."
_KEYS = "If it was not you who changed it, look at the API keys of your organisations, too, and revoke unknown ones."
_DAY_SECONDS = 24 * 60 * 60


class ChangeGone(Exception):
    """The link is used, expired, replaced or unknown, or the address belongs to another account by now."""


class NotSignedIn(Exception):
    """The link confirms an address of an account that this browser is not signed in to."""


def request_change(user: User, email: str) -> None:
    """Ask the address for its confirmation, in the caller's transaction; an earlier request ends.

    It is the new one, or the present one that was not proven yet. Whether another account has the address is not told:
    then nothing is sent. Raises TooManyAttempts if one person or one network asks too often.
    """
    network = source_network(current_scope().address)
    count_attempt(
        [
            Limit(f"email {user.id}", MAILS_PER_DAY, _DAY_SECONDS),
            Limit(f"email {network}", MAILS_PER_NETWORK, _DAY_SECONDS),
        ]
    )
    UserRepo().lock(user.id)
    EmailChangeRepo().withdraw(user.id)
    record("email.request", "user", user.id, user.email, after={"email": email})
    if email != user.email and UserRepo().for_email(email) is not None:
        return
    token, token_hash = new_token()
    expires_at = datetime.now(UTC) + CONFIRM_WITHIN
    EmailChangeRepo().add(
        EmailChange(
            user_id=user.id,
            email=email,
            former_email=user.email,
            token_hash=token_hash,
            expires_at=expires_at,
        )
    )
    context = {
        "name": user.first_name or "",
        "former_email": user.email,
        "confirm_url": f"{settings().base_url}/email-changes/{token}",
    }
    queue_email(email, "email_confirm", "Confirm your AgentPress address", context)


def pending_change(token: str) -> EmailChange | None:
    """The change that the link with this token confirms, while it works."""
    return EmailChangeRepo().pending(hash_token(token))


def undoable_change(token: str) -> EmailChange | None:
    """The change that the link with this token undoes, while it works."""
    return EmailChangeRepo().undoable(hash_token(token))


def confirm_change(token: str) -> EmailChange:
    """Prove the address that the link was sent to, in the caller's transaction, and move the account there.

    The former address gets a way back. Only the account's own session proves an address: a stranger may have typed it,
    and whoever reads its mail may follow any link. Raises ChangeGone, NotSignedIn.
    """
    undo, undo_hash = new_token()
    visitor, user = current_visitor(), _owner(pending_change(token))
    if visitor is None or visitor.id != user.id:
        raise NotSignedIn
    change = EmailChangeRepo().confirm(hash_token(token), undo_hash, datetime.now(UTC) + UNDO_WITHIN)
    if change is None or change.used_at is None:
        raise ChangeGone
    former = user.email
    if change.email != former:
        _move(user, change.email)
        _tell_former(user, former, undo)
    prove_address(user, change.used_at)
    return change


def undo_change(token: str) -> EmailChange:
    """Bring the former address back and end every session, in the caller's transaction. Raises ChangeGone.

    Ways in that were added since end as well: whoever moved the account could come back by them, and only the other
    address was told.
    """
    user = _owner(undoable_change(token))
    change = EmailChangeRepo().undo(hash_token(token))
    if change is None or change.used_at is None:
        raise ChangeGone
    wrong = user.email
    if user.email_proven_at and user.email_proven_at >= change.used_at:
        user.email_proven_at = None  # the former address was not proven when it was left
    EmailChangeRepo().remove_since(change)
    SessionRepo().remove_for(user.id)
    _move(user, change.former_email)
    record("email.undo", "user", user.id, user.email, before={"email": wrong}, after={"email": user.email})
    ended = _end_ways_since(user, change.used_at)
    removed = f" These were added to it meanwhile, and are removed: {', '.join(ended)}." if ended else ""
    notify(user.email, user, "Your address was given back", f"{_GIVEN_BACK}{removed} {_KEYS}")
    return change


def _end_ways_since(user: User, moment: datetime) -> list[str]:
    linked = [event.after for event in AuditRepo().own_since(user.id, "identity.link", moment)]
    providers = {facts["provider"] for facts in linked if facts}
    return end_ways_in(user, providers, factor=FactorRepo().set_up_since(user.id, moment))


def _tell_former(user: User, former: str, undo: str) -> None:
    record("email.change", "user", user.id, user.email, before={"email": former}, after={"email": user.email})
    context = {
        "name": user.first_name or "",
        "new_email": user.email,
        "undo_url": f"{settings().base_url}/email-changes/undo/{undo}",
    }
    queue_email(former, "email_changed", "Your AgentPress address was changed", context)


def _owner(change: EmailChange | None) -> User:
    """Whose address the link changes; held from here on, before the link is used up."""
    user = UserRepo().lock(change.user_id) if change else None
    if user is None or user.disabled_at is not None:
        raise ChangeGone
    act_as(user.id, user.email)
    return user


def _move(user: User, email: str) -> None:
    user.email = email
    try:
        db.session.flush()
    except IntegrityError as error:
        raise ChangeGone from error
    ResetRepo().withdraw(user.id)

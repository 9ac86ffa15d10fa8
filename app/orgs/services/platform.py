"""What administrators of the instance do to accounts and organisations, each with an event outside any organisation."""

from uuid import UUID

from app.audit.services import record
from app.auth.models import User
from app.auth.repo.directory import DirectoryRepo
from app.auth.repo.factors import FactorRepo
from app.auth.repo.links import ResetRepo
from app.auth.repo.sessions import SessionRepo
from app.auth.repo.users import UserRepo
from app.auth.services.changes import notify
from app.auth.services.resets import issue_reset
from app.db.scope import current_scope
from app.orgs.repo.orgs import OrgRepo
from app.orgs.repo.platform import PlatformRepo
from app.web.errors import NotFound, Refusal

LAST_ADMIN = "The instance keeps at least one administrator. Make someone else one first."
TOLD = "An administrator made a link that sets a new password for your account. If you did not ask for it, tell them."
FACTOR_REMOVED = (
    "An administrator removed the second factor of your AgentPress account, and its sessions ended. Signing in no "
    "longer asks for a code until you turn it on again. If you did not ask for this, tell them."
)


def disable(user_id: UUID) -> User:
    """Shut an account at once, its sessions and links included, in the caller's transaction.

    Refusal 409 for oneself and for the last administrator.
    """
    if user_id == current_scope().user_id:
        raise Refusal(409, "You cannot disable your own account.")
    keep_an_admin(user_id)
    user = _account(user_id)
    if user.disabled_at is None:
        UserRepo().disable(user_id)
        SessionRepo().remove_for(user_id)
        ResetRepo().withdraw(user_id)
        record("user.disable", "user", user_id, user.email)
    return user


def enable(user_id: UUID) -> User:
    """Open a disabled account again, in the caller's transaction."""
    user = _account(user_id)
    if user.disabled_at is not None:
        user.disabled_at = None
        record("user.enable", "user", user_id, user.email)
    return user


def set_platform_role(user_id: UUID, role: str) -> User:
    """Make an account ADMIN or GUEST, which ends its reset links, in the caller's transaction.

    Refusal 409 for the last administrator.
    """
    if role != "ADMIN":
        keep_an_admin(user_id)
    user = _account(user_id)
    if user.role != role:
        before, user.role = user.role, role
        ResetRepo().withdraw(user_id)
        record("user.change_role", "user", user_id, user.email, before={"role": before}, after={"role": role})
    return user


def reset_for(user_id: UUID) -> tuple[User, str]:
    """A link, shown once to whoever asks, that sets a new password; told to its person by mail and at next sign-in.

    In the caller's transaction. Refusal 409 for a disabled account, and for one's own: its password is changed by who
    knows the former one.
    """
    if user_id == current_scope().user_id:
        raise Refusal(
            409, "You cannot make a reset link for yourself. Change your password on your own page."
        )
    user = _account(user_id)
    if user.disabled_at is not None:
        raise Refusal(409, "This account is disabled. Enable it first.")
    link = issue_reset(user)
    user.preferences = {**user.preferences, "notice": TOLD}
    notify(user.email, user, "A reset link was made", TOLD)
    return user, link


def remove_second_factor(user_id: UUID) -> User:
    """Let an account be signed in to without a code, for who lost app and recovery codes, in the caller's transaction.

    Its sessions end, and its person is told. Refusal 409 without a second factor, and for one's own, which is
    turned off on one's own page.
    """
    if user_id == current_scope().user_id:
        raise Refusal(409, "You cannot remove your own second factor here. Turn it off on your own page.")
    user = _account(user_id)
    if not FactorRepo().remove(user_id):
        raise Refusal(409, "This account has no second factor.")
    SessionRepo().remove_for(user_id)
    record("second_factor.remove", "user", user_id, user.email)
    notify(user.email, user, "Second factor removed", FACTOR_REMOVED)
    return user


def end_sign_in(session_id: UUID) -> None:
    """End anyone's session, in the caller's transaction. Raises NotFound."""
    user_id = DirectoryRepo().end_sign_in(session_id)
    if user_id is None:
        raise NotFound
    record("session.revoke", "session", session_id, after={"user_id": str(user_id)})


def set_default_org(org_id: UUID | None) -> None:
    """Name the organisation that new accounts join, or none, in the caller's transaction. Raises NotFound."""
    org = OrgRepo().lock(org_id) if org_id else None
    if org_id and org is None:
        raise NotFound
    instance = PlatformRepo().lock()
    before, instance.default_org_id = instance.default_org_id, org_id
    if before != org_id:
        values = [{"default_org_id": str(value) if value else None} for value in (before, org_id)]
        name = org.name if org else None
        record("instance.change_default_org", "org", org_id, name, before=values[0], after=values[1])


def keep_an_admin(user_id: UUID) -> None:
    """Hold the administrators' rows; Refusal 409 if without this account there would be none."""
    admins = DirectoryRepo().lock_admins()
    if admins == {user_id}:
        raise Refusal(409, LAST_ADMIN)


def _account(user_id: UUID) -> User:
    user = UserRepo().lock(user_id)
    if user is None:
        raise NotFound
    return user

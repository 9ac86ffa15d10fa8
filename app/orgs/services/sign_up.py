"""Who may create an account for themselves."""

from contextlib import suppress

from app.auth.access import act_as
from app.auth.models import User
from app.auth.repo.flows import FlowRepo
from app.auth.services.email_changes import request_change
from app.auth.services.throttle import TooManyAttempts
from app.orgs.services.accounts import NewAccount, create_user
from app.orgs.services.invitations import accept_anew, open_invitation
from app.web.errors import LinkGone
from app.web.security import hash_token, settings


def may_sign_up(email: str | None, invitation_token: str | None) -> bool:
    """Where registration is open everyone may, else whoever is invited and has the invited address verified."""
    return settings().open_registration or _invited(email, invitation_token)


def sign_up(account: NewAccount, invitation_token: str | None, held_token: str | None) -> User:
    """Create the account, in the caller's transaction; a pending invitation to its address is accepted with it.

    The identity that waited for it waits no longer. An address that nothing proves is asked for its confirmation.
    Raises AddressTaken.
    """
    if held_token:
        FlowRepo().drop(hash_token(held_token))
    if invitation_token and held_token and _invited(account.email, invitation_token):
        return accept_anew(invitation_token, account)
    user = create_user(account)
    if user.email_proven_at is None and settings().mail is not None:
        act_as(user.id, user.email)
        with suppress(TooManyAttempts):  # it can be asked again later
            request_change(user, user.email)
    return user


def _invited(email: str | None, invitation_token: str | None) -> bool:
    if not email or not invitation_token:
        return False
    try:
        return open_invitation(invitation_token).email == email
    except LinkGone:
        return False

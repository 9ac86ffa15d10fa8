"""A password set anew by a link, with what follows from it in the organisations of its person."""

from collections.abc import Sequence
from uuid import UUID

from app.auth.models import User
from app.auth.services.changes import notify
from app.auth.services.resets import Reset, reset_password
from app.db.scope import in_org
from app.orgs.repo.api_keys import ApiKeyRepo
from app.orgs.repo.members import MemberRepo
from app.orgs.services.api_keys import revoke
from app.web.security import settings

_FIRST_PROOF = (
    "Your password was reset by mail, which is the first proof that the address of your AgentPress account is yours. "
    "Somebody else may have registered it before you."
)
_REMOVED = " So these were removed from it: {}. If they were yours, set them up again."
_BELONGS = " It belongs to {}: leave those that you do not know, at {}/me/orgs"
NOTICE = (
    "Somebody else may have registered your address before you. Look at the organisations of your account, and leave "
    "those that you do not know."
)


def recover(token: str, password_hash: str) -> Reset:
    """What `reset_password` does, in the caller's transaction; the first proof of an address ends keys, too.

    Memberships stay: its person is told of them, by mail and at the next sign-in, and leaves those of a stranger.
    """
    reset = reset_password(token, password_hash)
    if reset.first_proof:
        held = MemberRepo().for_user(reset.user.id)
        keys = [_end_keys(org_id, reset.user.id) for org_id in held]
        _tell(reset.user, [*reset.ended, *(["the API keys"] if any(keys) else [])], len(held))
    return reset


def _end_keys(org_id: UUID, user_id: UUID) -> bool:
    """End the person's keys of an organisation; whether there were any."""
    with in_org(org_id):
        keys = ApiKeyRepo().of_user(org_id, user_id)
        if keys:
            revoke(org_id, keys)
    return bool(keys)


def _tell(user: User, ended: Sequence[str], memberships: int) -> None:
    what = _FIRST_PROOF + (_REMOVED.format(", ".join(ended)) if ended else "")
    if memberships:
        count = f"{memberships} organisation{'s' * (memberships != 1)}"
        what += _BELONGS.format(count, settings().base_url)
        user.preferences = {**user.preferences, "notice": NOTICE}
    if ended or memberships:
        notify(
            user.email, user, "Other ways in were removed" if ended else "Look at your organisations", what
        )

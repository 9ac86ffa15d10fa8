"""The first run: one link, one claim."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from app.audit.services import record
from app.auth.models import User
from app.auth.repo.users import UserRepo
from app.db.scope import current_scope, use_scope
from app.db.session import transaction
from app.orgs.models import Org
from app.orgs.repo.platform import PlatformRepo
from app.orgs.services.accounts import NewAccount, create_user
from app.orgs.services.orgs import create_org
from app.web.security import hash_token, new_token, settings


class AlreadyClaimed(Exception):
    """The instance has its first account."""


class WrongToken(Exception):
    """Not the token of the newest first-run link."""


def is_claimed() -> bool:
    """Whether the instance has an account."""
    return UserRepo().any()


def setup_link() -> str | None:
    """A new link that claims this instance, which ends the former one; None once it is claimed."""
    with transaction():
        if is_claimed():
            return None
        token, PlatformRepo().lock().setup_token_hash = new_token()
    return f"{settings().base_url}/setup?token={quote(token)}"


def claim(token: str, account: NewAccount, org_name: str) -> tuple[User, Org]:
    """Create the first account, a platform admin, and its organisation, in the caller's transaction.

    Of two claims at once, one waits for the other and raises AlreadyClaimed. Raises WrongToken.
    """
    instance = PlatformRepo().lock()
    if is_claimed():
        raise AlreadyClaimed
    if not hmac.compare_digest(hash_token(token), instance.setup_token_hash or b""):
        raise WrongToken
    user = create_user(replace(account, role="ADMIN", proven=True))
    use_scope(replace(current_scope(), user_id=user.id, actor_label=user.email))
    record("instance.claim", "user", user.id, user.email)
    org = create_org(org_name, user.id)
    instance.setup_token_hash, instance.claimed_at = None, datetime.now(UTC)
    return user, org

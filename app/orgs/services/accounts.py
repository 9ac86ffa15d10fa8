"""The only creator of accounts."""

from dataclasses import dataclass

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError

from app.audit.services import record
from app.auth.models import User
from app.db.base import db
from app.db.scope import in_org
from app.orgs.repo.members import MemberRepo
from app.orgs.repo.platform import PlatformRepo


class AddressTaken(Exception):
    """An account with this address, or this external identity, exists."""


@dataclass(frozen=True)
class NewAccount:
    """Who is to get an account. `password_hash` is empty for people who sign in elsewhere.

    `proven` if the address is known to be theirs, and not just typed by whoever asks.
    """

    email: str
    first_name: str | None = None
    last_name: str | None = None
    password_hash: str | None = None
    role: str = "GUEST"
    provider: str = "EMAIL"
    github_id: str | None = None
    google_id: str | None = None
    proven: bool = False


def create_user(account: NewAccount) -> User:
    """Store an account, a member of the default organisation if a platform admin named one.

    Runs in the caller's transaction, which AddressTaken ends.
    """
    user = User(
        email=account.email,
        first_name=account.first_name or None,
        last_name=account.last_name or None,
        password=account.password_hash,
        role=account.role,
        provider=account.provider,
        github_id=account.github_id,
        google_id=account.google_id,
        email_proven_at=func.now() if account.proven else None,  # as what it joins with it
    )
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise AddressTaken(account.email) from error
    default_org_id = PlatformRepo().default_org_id()
    if default_org_id is not None:
        with in_org(default_org_id):
            MemberRepo().add(default_org_id, user.id, "member")
            record("member.add", "user", user.id, user.email, after={"role": "member", "via": "default"})
    return user

"""Until the accounts' own services are here: a hash and a session."""

from datetime import UTC, datetime
from uuid import UUID

from argon2 import PasswordHasher

from app.auth.access import SESSION_LIFE
from app.auth.models import SignInSession
from app.auth.repo import SessionRepo
from app.web.security import new_token


def hash_password(password: str) -> str:
    """The argon2id hash."""
    return PasswordHasher().hash(password)


def start_session(user_id: UUID) -> str:
    """A new sign-in's token."""
    token, token_hash = new_token()
    SessionRepo().add(
        SignInSession(token_hash=token_hash, user_id=user_id, expires_at=datetime.now(UTC) + SESSION_LIFE)
    )
    return token

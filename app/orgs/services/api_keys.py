"""Creating the keys of programs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.audit.services import record
from app.orgs.models import ApiKey
from app.orgs.repo.api_keys import ApiKeyRepo
from app.web.security import hash_token, new_token

KEY_START = "agp_"
_SHOWN = 8


def create_api_key(org_id: UUID, user_id: UUID, name: str, life: timedelta | None = None) -> str:
    """Store a key that acts for a member, in the caller's transaction, and return it: only its hash is kept."""
    secret = KEY_START + new_token()[0]
    key = ApiKey(
        user_id=user_id,
        name=name,
        prefix=secret[: len(KEY_START) + _SHOWN],
        key_hash=hash_token(secret),
        expires_at=datetime.now(UTC) + life if life else None,
    )
    stored = ApiKeyRepo().add(org_id, key)
    expires = stored.expires_at.isoformat() if stored.expires_at else None
    record("api_key.create", "api_key", stored.id, name, after={"prefix": key.prefix, "expires_at": expires})
    return secret

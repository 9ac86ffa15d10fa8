"""Keys of programs: made, replaced, revoked. Each change is audited, and told to the person whom the key acts for.

Locks are taken in one order: account, membership, keys. Who makes a key in a session holds the account with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.audit.services import Target, record, record_each
from app.auth.repo.users import UserRepo
from app.auth.services.changes import notify
from app.db.scope import current_scope
from app.orgs.models import ApiKey
from app.orgs.repo.api_keys import ApiKeyRepo, KeyFacts
from app.orgs.repo.members import MemberRepo
from app.orgs.repo.orgs import OrgRepo
from app.orgs.repo.spending import SpendRepo
from app.web.errors import NotFound, Refusal
from app.web.security import hash_token, new_token

KEY_START = "agp_"
_SHOWN = 8
_ENDING = 4


@dataclass(frozen=True)
class NewKey:
    """A key with its secret, which is shown now and never again."""

    facts: KeyFacts
    secret: str


def create_api_key(
    org_id: UUID, user_id: UUID, name: str, scopes: Sequence[str], life: timedelta | None = None
) -> NewKey:
    """Store a key that acts for a member, in the caller's transaction. Only its hash and its outer signs are kept.

    Raises NotFound for who is no member, or no longer.
    """
    _hold_membership(org_id, user_id)
    new = _store(org_id, user_id, name, scopes, life)
    facts = new.facts
    after = {"prefix": facts.prefix, "scopes": list(scopes), "expires_at": _iso(facts)}
    record("api_key.create", "api_key", facts.id, name, after=after)
    _tell(org_id, facts, "An API key was made", "was made for your account")
    return new


def rotate(org_id: UUID, key_id: UUID, overlap: timedelta) -> NewKey:
    """Make a key that takes the place of one of the actor's own, which goes on working for `overlap`.

    Its limit of spending becomes the new one's, and holds for both. Raises NotFound. Refusal 403 for another person's
    key, whose new secret nobody else may see, 409 for one that has ended or has a successor.
    """
    _hold_membership(org_id, current_scope().user_id)
    old = _locked(org_id, [key_id])[0]
    if old.user_id != current_scope().user_id:
        raise Refusal(403, f"Only {old.owner} can rotate this key, because it acts for them.")
    if old.state != "active":
        raise Refusal(409, f"This key is {old.state}. Create another one.")
    life = old.expires_at - old.created_at if old.expires_at else None
    new = _store(org_id, old.user_id, old.name, old.scopes, life)
    ends = ApiKeyRepo().replace(org_id, key_id, new.facts.id, overlap)
    SpendRepo().move(org_id, key_id, new.facts.id)
    record(
        "api_key.rotate",
        "api_key",
        key_id,
        old.name,
        before={"prefix": old.prefix, "expires_at": _iso(old)},
        after={"prefix": new.facts.prefix, "expires_at": ends.isoformat()},
    )
    _tell(org_id, new.facts, "An API key was rotated", "was rotated: your account has a new one")
    return new


def revoke(org_id: UUID, ids: Sequence[UUID]) -> list[KeyFacts]:
    """End those of the keys that still work, at once and for good, and return them.

    Raises NotFound, with nothing changed, if one of them does not exist in the organisation.
    """
    ended = [key for key in _locked(org_id, ids) if key.state != "revoked"]
    ApiKeyRepo().revoke(org_id, [key.id for key in ended])
    targets = [
        Target("api_key.revoke", key.id, key.name, {"state": key.state}, {"state": "revoked"})
        for key in ended
    ]
    record_each("api_key", targets)
    return ended


def _store(org_id: UUID, user_id: UUID, name: str, scopes: Sequence[str], life: timedelta | None) -> NewKey:
    secret = KEY_START + new_token()[0]
    key = ApiKey(
        user_id=user_id,
        name=name,
        prefix=secret[: len(KEY_START) + _SHOWN],
        ending=secret[-_ENDING:],
        key_hash=hash_token(secret),
        scopes=list(scopes),
    )
    repo = ApiKeyRepo()
    facts = repo.get(org_id, repo.add(org_id, key, life).id)
    assert facts is not None
    return NewKey(facts, secret)


def _hold_membership(org_id: UUID, user_id: UUID | None) -> None:
    """Keep the membership from ending meanwhile: a key made then would work again with the next one."""
    if not MemberRepo().hold(org_id, user_id):
        raise NotFound


def _locked(org_id: UUID, ids: Sequence[UUID]) -> list[KeyFacts]:
    keys = ApiKeyRepo().lock(org_id, ids)
    if len(keys) != len(set(ids)):
        raise NotFound
    return keys


def _tell(org_id: UUID, key: KeyFacts, title: str, what: str) -> None:
    user, org = UserRepo().get(key.user_id), OrgRepo().get(org_id)
    assert user is not None
    assert org is not None
    scopes = ", ".join(key.scopes)
    notify(user.email, user, title, f"The key “{key.name}” of {org.name} {what}. It may do this: {scopes}.")


def _iso(key: KeyFacts) -> str | None:
    return key.expires_at.isoformat() if key.expires_at else None

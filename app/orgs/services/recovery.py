"""A password set anew by a link, with what follows from it in the organisations of its person."""

from app.auth.services.resets import Reset, reset_password
from app.db.scope import in_org
from app.orgs.repo.api_keys import ApiKeyRepo
from app.orgs.repo.members import MemberRepo
from app.orgs.services.api_keys import revoke


def recover(token: str, password_hash: str) -> Reset:
    """What `reset_password` does, in the caller's transaction; the first proof of an address ends keys, too."""
    reset = reset_password(token, password_hash)
    for org_id in MemberRepo().for_user(reset.user_id) if reset.first_proof else []:
        with in_org(org_id):
            if keys := ApiKeyRepo().of_user(org_id, reset.user_id):
                revoke(org_id, keys)
    return reset

"""Deleting one's own account."""

from uuid import UUID

from app.audit.services import record
from app.auth.repo.users import UserRepo
from app.auth.services.changes import notify
from app.db.scope import in_org
from app.orgs.repo.members import MemberRepo
from app.orgs.repo.orgs import OrgRepo
from app.orgs.services.platform import keep_an_admin
from app.web.errors import NotFound, Refusal


def delete_account(user_id: UUID) -> None:
    """Delete a person's account with memberships, keys and sessions, in the caller's transaction.

    Refusal 409, naming the organisations, while one would be left without an owner, and for the last administrator.
    """
    keep_an_admin(user_id)
    orphaned = [name for org_id, name in MemberRepo().owned_by(user_id) if _is_only_owner(org_id)]
    if orphaned:
        names = ", ".join(orphaned)
        raise Refusal(
            409, f"You are the only owner of {names}. Make someone else an owner, or delete it, first."
        )
    user = UserRepo().lock(user_id)
    if user is None:
        raise NotFound
    notify(
        user.email,
        user,
        "Your account was deleted",
        "Your AgentPress account and its memberships are deleted.",
    )
    record("user.delete", "user", user.id, user.email)
    UserRepo().remove(user.id)


def _is_only_owner(org_id: UUID) -> bool:
    """Whether the person, an owner, is the only one; holds the organisation's row as every change of members does."""
    with in_org(org_id):
        OrgRepo().lock(org_id)
        return MemberRepo().count_owners(org_id) < 2

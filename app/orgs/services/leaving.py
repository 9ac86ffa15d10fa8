"""Deleting one's own account."""

from collections.abc import Collection
from uuid import UUID

from app.audit.services import record
from app.auth.models import User
from app.auth.repo.users import UserRepo
from app.auth.services.changes import notify
from app.db.scope import in_org
from app.orgs.repo.members import MemberRepo
from app.orgs.repo.orgs import OrgRepo
from app.orgs.services.members import end_invitations
from app.orgs.services.platform import keep_an_admin
from app.web.errors import NotFound, Refusal


def delete_account(user_id: UUID) -> None:
    """Delete a person's account with memberships, keys, sessions and open invitations, in the caller's transaction.

    Refusal 409, naming the organisations, while one would be left without an owner, and for the last administrator.
    """
    held = MemberRepo().for_user(user_id)
    for org_id in held:
        OrgRepo().lock(org_id)
    keep_an_admin(user_id)
    user = UserRepo().lock(user_id)  # from here on nobody joins anything as this person
    if user is None:
        raise NotFound
    _check_ownership(user_id, held)
    for org_id in held:
        _leave(org_id, user)
    notify(
        user.email,
        user,
        "Your account was deleted",
        "Your AgentPress account and its memberships are deleted.",
        gone=True,
    )
    record("user.delete", "user", user.id, user.email)
    UserRepo().remove(user.id)


def _check_ownership(user_id: UUID, held: Collection[UUID]) -> None:
    """Refuse while an organisation would lose its only owner; `held` are those whose members cannot change now."""
    owned = MemberRepo().owned_by(user_id)
    if any(org_id not in held for org_id, _ in owned):
        raise Refusal(409, "Your memberships have just changed. Look at them and try again.")
    orphaned = [name for org_id, name in owned if _is_only_owner(org_id, user_id)]
    if orphaned:
        names = ", ".join(orphaned)
        raise Refusal(
            409, f"You are the only owner of {names}. Make someone else an owner, or delete it, first."
        )


def _leave(org_id: UUID, user: User) -> None:
    """What the organisation's own log says of it; the membership goes with the account."""
    with in_org(org_id):
        role = MemberRepo().role(org_id, user.id)
        end_invitations(org_id, user.id, user.email)
        record("member.leave", "user", user.id, user.email, before={"role": role})


def _is_only_owner(org_id: UUID, user_id: UUID) -> bool:
    """Whether the organisation has no second owner who can sign in."""
    with in_org(org_id):
        return not MemberRepo().has_other_owner(org_id, user_id)

"""Who belongs to an organisation, in which role.

Every change holds the organisation's row, so that one owner always remains.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

from app.audit.services import record
from app.auth.repo.users import UserRepo
from app.db.scope import current_scope
from app.orgs.repo.api_keys import ApiKeyRepo
from app.orgs.repo.invitations import InvitationRepo
from app.orgs.repo.members import MemberFacts, MemberRepo
from app.orgs.repo.orgs import OrgRepo
from app.orgs.services.api_keys import revoke
from app.orgs.services.platform import reset_for
from app.web.access import manageable_roles
from app.web.errors import NotFound, Refusal
from app.web.security import settings
from app.web.selection import Outcome, Skipped

LAST_OWNER = "An organisation keeps at least one owner who can sign in. Make someone else an owner first."
_ABOVE = "Your role manages only members and viewers."
_OWN_ROLE = "You cannot change your own role."
_YOURSELF = "This is you: open your own page to change your role or leave."


def change_role(org_id: UUID, member_id: UUID, role: str) -> MemberFacts:
    """Give a member another role, in the caller's transaction.

    Returns the member as they were. Refusal 403 if the actor may not, 409 if the last owner would be gone; NotFound.
    """
    acting = _Acting(org_id)
    member = acting.member(member_id)
    acting.change(member, role)
    return member


def remove_member(org_id: UUID, member_id: UUID) -> MemberFacts:
    """End a membership and its keys, in the caller's transaction. Returns who it was; refusals as `change_role`."""
    acting = _Acting(org_id)
    member = acting.member(member_id)
    acting.remove(member)
    return member


def leave_org(org_id: UUID) -> None:
    """End the actor's own membership, in the caller's transaction. Refusal 409 for the last owner."""
    acting = _Acting(org_id)
    acting.end(acting.own(), "member.leave")


def may_reset(member: MemberFacts) -> bool:
    """Whether an owner may make a reset link for a member: nobody whose account reaches further than this one.

    Nor, where anybody can register, for who proved their address after joining: they get mail, and a stranger may have
    joined in their name.
    """
    proven_later = member.proven_at is not None and member.proven_at > member.joined_at
    if member.platform_role == "ADMIN" or (proven_later and settings().open_registration):
        return False
    return MemberRepo().count_orgs(member.user_id) == 1


def reset_member(org_id: UUID, member_id: UUID) -> tuple[MemberFacts, str]:
    """A link, shown once, that sets a member's new password, in the caller's transaction.

    Refusal 403 where `may_reset` says no, 409 for a disabled account; NotFound.
    """
    acting = _Acting(org_id)
    UserRepo().lock(acting.member(member_id).user_id)  # from here on the account reaches no further
    member = acting.member(member_id)
    if not may_reset(member):
        raise Refusal(403, "An administrator of the instance has to make this link.")
    _, link = reset_for(member.user_id)
    return member, link


def change_roles(org_id: UUID, member_ids: Sequence[UUID], role: str) -> Outcome:
    """Give each member but the actor that role, where the actor may."""
    acting = _Acting(org_id)
    return acting.each(member_ids, lambda member: acting.change(member, role))


def remove_members(org_id: UUID, member_ids: Sequence[UUID]) -> Outcome:
    """Remove each member but the actor, where the actor may."""
    acting = _Acting(org_id)
    return acting.each(member_ids, acting.remove)


def end_invitations(org_id: UUID, inviter_id: UUID, inviter: str, role: str = "") -> None:
    """End a person's open invitations that their new role, or none, could not have made; in the caller's transaction.

    The caller holds the organisation's row and acts in it. `inviter` is the person's address.
    """
    for invitation_id, email in InvitationRepo().revoke_by(org_id, inviter_id, manageable_roles(role)):
        why = {"reason": f"{inviter} may no longer invite"}
        record("invitation.revoke", "invitation", invitation_id, email, after=why)


class _Acting:
    """The actor with the role they hold once the organisation's row is locked."""

    def __init__(self, org_id: UUID) -> None:
        if OrgRepo().lock(org_id) is None:
            raise NotFound
        self._org_id = org_id
        self._repo = MemberRepo()
        self._user_id = current_scope().user_id
        self._role = self._repo.role(org_id, self._user_id) or ""

    def own(self) -> MemberFacts:
        """The actor's own membership."""
        found = self._repo.of_user(self._org_id, self._user_id)
        if found is None:
            raise NotFound
        return found

    def member(self, member_id: UUID) -> MemberFacts:
        """A member. Raises NotFound."""
        found = self._repo.get(self._org_id, member_id)
        if found is None:
            raise NotFound
        return found

    def change(self, member: MemberFacts, role: str) -> None:
        """Change one role, with its event. A role that stays is no change."""
        self._check(member, role)
        if role == member.role:
            return
        if member.role == "owner":
            self._keep_an_owner(member)
        self._repo.set_role(self._org_id, member.user_id, role)
        end_invitations(self._org_id, member.user_id, member.email, role)
        self._end_offer(member, "the member was given another role")
        before, after = {"role": member.role}, {"role": role}
        record("member.change_role", "user", member.user_id, member.email, before=before, after=after)

    def remove(self, member: MemberFacts) -> None:
        """End one membership, with its event."""
        self._check(member)
        self.end(member, "member.remove")
        self._end_offer(member, "the member was removed")

    def end(self, member: MemberFacts, action: str) -> None:
        """End a membership, and what acts or invites in its name, without asking for a right."""
        if member.role == "owner":
            self._keep_an_owner(member)
        self._repo.remove(self._org_id, member.user_id)
        if keys := ApiKeyRepo().of_user(self._org_id, member.user_id):
            revoke(self._org_id, keys)
        end_invitations(self._org_id, member.user_id, member.email)
        record(action, "user", member.user_id, member.email, before={"role": member.role})

    def each(self, member_ids: Sequence[UUID], act: Callable[[MemberFacts], None]) -> Outcome:
        """Act on every member but the actor; one id from elsewhere refuses the whole call."""
        members = [self.member(member_id) for member_id in dict.fromkeys(member_ids)]
        skipped = []
        for member in members:
            try:
                self._check_another(member)
                act(member)
            except Refusal as refusal:
                skipped.append(Skipped(member.id, member.name, f"was skipped. {refusal.message}"))
        return Outcome(len(members) - len(skipped), skipped)

    def _end_offer(self, member: MemberFacts, reason: str) -> None:
        """End the open invitation of a member, which would undo what was decided after it, where the actor may."""
        roles = manageable_roles(self._role)
        invitation_id = InvitationRepo().revoke_for(self._org_id, member.email, roles)
        if invitation_id is not None:
            record("invitation.revoke", "invitation", invitation_id, member.email, after={"reason": reason})

    def _check_another(self, member: MemberFacts) -> None:
        if member.user_id == self._user_id:
            raise Refusal(403, _YOURSELF)

    def _check(self, member: MemberFacts, role: str | None = None) -> None:
        allowed = manageable_roles(self._role)
        if self._role != "owner" and member.user_id == self._user_id:
            raise Refusal(403, _OWN_ROLE)
        if member.role not in allowed or (role is not None and role not in allowed):
            raise Refusal(403, _ABOVE)

    def _keep_an_owner(self, member: MemberFacts) -> None:
        if not self._repo.has_other_owner(self._org_id, member.user_id):
            raise Refusal(409, LAST_OWNER)

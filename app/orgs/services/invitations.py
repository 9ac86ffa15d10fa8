"""Inviting people by a link, and what becomes of the link."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

from app.audit.services import record
from app.auth.models import User
from app.auth.repo.links import ResetRepo
from app.auth.services.changes import account_in_session
from app.auth.services.throttle import Limit, TooManyAttempts, count_attempt, source_network
from app.db.queue import queue_email
from app.db.scope import current_scope, in_org, use_scope
from app.orgs.models import Invitation
from app.orgs.repo.invitations import MAIL_TEMPLATE, InvitationFacts, InvitationRepo
from app.orgs.repo.members import MemberRepo
from app.orgs.repo.orgs import OrgRepo
from app.orgs.services.accounts import NewAccount, create_user
from app.web.access import ROLES, manageable_roles
from app.web.errors import LinkGone, NotFound, Refusal
from app.web.security import hash_token, new_token, settings
from app.web.selection import Outcome, Skipped

DEFAULT_HOURS, MOST_HOURS = 24, 168
MAILS_PER_ADDRESS = 10
"""How many mails an organisation sends to one address in a day."""
MAILS_PER_INVITER, MAILS_PER_NETWORK = 200, 500
"""How many a person, and all behind one network address, cause in an hour."""
_SUBJECT_NAME = 28
_HOUR_SECONDS, _DAY_SECONDS = 60 * 60, 24 * 60 * 60


@dataclass(frozen=True)
class Sent:
    """A new invitation and its link, which is known now and never again; `replaced` if a former link ended."""

    invitation: InvitationFacts
    link: str
    mailed: bool
    replaced: bool


class InvitedAbove(Refusal):
    """The address has a link to a role above those that the actor manages."""


def invite(org_id: UUID, email: str, role: str, hours: int) -> Sent | None:
    """Invite an address, in the caller's transaction; a link it already has dies.

    None if the address belongs to a member. Refusal 403 for a role above what the actor manages, InvitedAbove if the
    link it has is to such a role. Raises TooManyAttempts where too many were mailed.
    """
    org = OrgRepo().lock(org_id)
    if org is None:
        raise NotFound
    inviter = current_scope().user_id
    _check_right(org_id, inviter, role)
    if MemberRepo().for_email(org_id, email):
        return None
    _check_offered(org_id, inviter, email)
    mailed = settings().mail is not None
    if mailed:
        _count_mail(org_id, email)
    repo = InvitationRepo()
    former = repo.revoke_for(org_id, email)
    if former is not None:
        record("invitation.revoke", "invitation", former, email, after={"reason": "another link was made"})
    token, token_hash = new_token()
    invitation = repo.add(
        org_id,
        Invitation(email=email, role=role, token_hash=token_hash, invited_by=inviter),
        timedelta(hours=hours),
    )
    record("invitation.create", "invitation", invitation.id, email, after={"role": role, "hours": hours})
    facts = repo.get(org_id, invitation.id)
    assert facts is not None
    sent = Sent(facts, f"{settings().base_url}/invitations/{quote(token)}", mailed, former is not None)
    if mailed:
        _mail(sent)
    return sent


def renew(org_id: UUID, invitation_id: UUID) -> tuple[str, Sent | None]:
    """Invite the same address to the same role again, which ends the former link. Refusal 409 once accepted.

    Returns the address and what `invite` does.
    """
    former = _get(org_id, invitation_id)
    if former.status == "accepted":
        raise Refusal(409, f"{former.email} has accepted this invitation.")
    hours = round((former.expires_at - former.sent_at) / timedelta(hours=1))
    return former.email, invite(org_id, former.email, former.role, hours)


def revoke(org_id: UUID, invitation_id: UUID) -> InvitationFacts:
    """End an invitation, in the caller's transaction. Refusal 409 once accepted, 403 as `invite`."""
    OrgRepo().lock(org_id)
    invitation = _get(org_id, invitation_id)
    _check_right(org_id, current_scope().user_id, invitation.role)
    if InvitationRepo().revoke(org_id, invitation_id):
        record("invitation.revoke", "invitation", invitation_id, invitation.email)
    elif _get(org_id, invitation_id).status == "accepted":
        raise Refusal(409, f"{invitation.email} has accepted this invitation.")
    return invitation


def revoke_many(org_id: UUID, invitation_ids: Sequence[UUID]) -> Outcome:
    """End each invitation where the actor may, in the caller's transaction. NotFound for one from elsewhere."""
    skipped = []
    for invitation in [_get(org_id, invitation_id) for invitation_id in invitation_ids]:
        try:
            _check_open(invitation)
            revoke(org_id, invitation.id)
        except Refusal as refusal:
            skipped.append(Skipped(invitation.id, invitation.email, f"was skipped. {refusal.message}"))
    return Outcome(len(invitation_ids) - len(skipped), skipped)


def renew_many(org_id: UUID, invitation_ids: Sequence[UUID]) -> tuple[list[Sent], Outcome]:
    """A new link for each invitation where the actor may, in the caller's transaction; NotFound as `revoke_many`."""
    made, skipped = [], []
    for invitation in [_get(org_id, invitation_id) for invitation_id in invitation_ids]:
        try:
            made.append(_renewed(org_id, invitation.id))
        except (Refusal, TooManyAttempts) as refusal:
            skipped.append(Skipped(invitation.id, invitation.email, f"was skipped. {refusal.message}"))
    return made, Outcome(len(made), skipped)


def open_invitation(token: str) -> InvitationFacts:
    """The invitation behind a link that can be accepted at this moment. Raises LinkGone."""
    found = InvitationRepo().find(hash_token(token))
    if found is None:
        raise LinkGone
    with in_org(found[0]):
        return _usable(*found)


def accept(token: str, user_id: UUID, session_id: UUID) -> tuple[str | None, str]:
    """Let the person at the keyboard join by a link: their former role there, if any, and the present one.

    In the caller's transaction. Who became a member meanwhile is raised to the invited role, never lowered. Of several
    at once one wins. Raises LinkGone, and Refusal 409 if the session has ended meanwhile. Reset links end: an owner may
    have made one while the account reached no further than their organisation.
    """
    invitation = _take(token)
    account_in_session(user_id, session_id)
    former = MemberRepo().role(invitation.org_id, user_id)
    if former is None:
        MemberRepo().add(invitation.org_id, user_id, invitation.role)
    elif ROLES.index(invitation.role) > ROLES.index(former):
        MemberRepo().set_role(invitation.org_id, user_id, invitation.role)
        before, after = {"role": former}, {"role": invitation.role}
        record("member.change_role", "user", user_id, invitation.email, before=before, after=after)
    ResetRepo().withdraw(user_id)
    _consume(invitation, user_id)
    return former, max(former or invitation.role, invitation.role, key=ROLES.index)


def accept_anew(token: str, account: NewAccount) -> User:
    """Create the account, with the invited address, that joins by a link. Raises LinkGone, AddressTaken.

    Whoever invites sees the link, too: it proves the address only where not everyone can have an organisation.
    """
    invitation = _take(token)
    proven = account.proven or not settings().open_registration
    user = create_user(replace(account, email=invitation.email, proven=proven))
    use_scope(replace(current_scope(), user_id=user.id, actor_label=user.email))
    if not MemberRepo().add(invitation.org_id, user.id, invitation.role):  # the default organisation invites
        MemberRepo().set_role(invitation.org_id, user.id, invitation.role)
    _consume(invitation, user.id)
    return user


def _consume(invitation: InvitationFacts, user_id: UUID) -> None:
    if not InvitationRepo().consume(invitation.org_id, invitation.id, user_id):
        raise LinkGone
    after = {"role": invitation.role}
    record("invitation.accept", "invitation", invitation.id, invitation.email, after=after)


def _take(token: str) -> InvitationFacts:
    """Enter the inviting organisation for the rest of the transaction, hold its row, and judge the invitation."""
    found = InvitationRepo().find(hash_token(token))
    if found is None:
        raise LinkGone
    org_id, invitation_id = found
    use_scope(replace(current_scope(), org_id=org_id))
    OrgRepo().lock(org_id)
    return _usable(org_id, invitation_id)


def _get(org_id: UUID, invitation_id: UUID) -> InvitationFacts:
    found = InvitationRepo().get(org_id, invitation_id)
    if found is None:
        raise NotFound
    return found


def _renewed(org_id: UUID, invitation_id: UUID) -> Sent:
    _, sent = renew(org_id, invitation_id)
    if sent is None:
        raise Refusal(409, "The address belongs to a member.")
    return sent


def _check_open(invitation: InvitationFacts) -> None:
    if invitation.status in {"accepted", "revoked"}:
        raise Refusal(409, f"It is {invitation.status} already.")


def _check_right(org_id: UUID, user_id: UUID | None, role: str) -> None:
    if role not in manageable_roles(MemberRepo().role(org_id, user_id) or ""):
        raise Refusal(403, "Your role invites only members and viewers.")


def _check_offered(org_id: UUID, user_id: UUID | None, email: str) -> None:
    role = InvitationRepo().offered_role(org_id, email)
    if role and role not in manageable_roles(MemberRepo().role(org_id, user_id) or ""):
        words = f"This address is invited as {role} already. Only an owner can end or replace that."
        raise InvitedAbove(409, words)


def _usable(org_id: UUID, invitation_id: UUID) -> InvitationFacts:
    invitation = InvitationRepo().get(org_id, invitation_id)
    if invitation is None or invitation.status != "pending":
        raise LinkGone
    inviter = MemberRepo().of_user(org_id, invitation.invited_by)
    if inviter is None or inviter.disabled_at is not None:
        raise LinkGone
    if invitation.role not in manageable_roles(inviter.role):
        raise LinkGone
    return invitation


def _count_mail(org_id: UUID, email: str) -> None:
    scope = current_scope()
    count_attempt(
        [
            Limit(f"invitation {org_id} {email}", MAILS_PER_ADDRESS, _DAY_SECONDS),
            Limit(f"invitation {scope.user_id}", MAILS_PER_INVITER, _HOUR_SECONDS),
            Limit(f"invitation {source_network(scope.address)}", MAILS_PER_NETWORK, _HOUR_SECONDS),
        ]
    )


def _mail(sent: Sent) -> None:
    invitation = sent.invitation
    name = invitation.org_name
    short = name if len(name) <= _SUBJECT_NAME else f"{name[: _SUBJECT_NAME - 1]}…"
    context = {
        "org_name": name,
        "inviter": invitation.inviter,
        "role": invitation.role,
        "link": sent.link,
        "expires_at": f"{invitation.expires_at:%-d %B %Y, %H:%M} UTC",
    }
    queue_email(invitation.email, MAIL_TEMPLATE, f"Join {short} on AgentPress", context)

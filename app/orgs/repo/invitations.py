"""Invitations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, case, func, select, text, true, update
from sqlalchemy.orm import Session

from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.db.tables import EmailOutbox
from app.orgs.models import Invitation, Org
from app.orgs.repo.members import FULL_NAME
from app.web.access import ROLES
from app.web.conditions import chosen, searched
from app.web.listing import ListState

MAIL_TEMPLATE = "invitation"
_BY_TOKEN = text("SELECT id, org_id FROM invitation_for_token(:token_hash)")
_STATUS = case(
    (Invitation.accepted_at.is_not(None), "accepted"),
    (Invitation.revoked_at.is_not(None), "revoked"),
    (Invitation.expires_at <= func.now(), "expired"),
    else_="pending",
)
_MAIL = (
    select(EmailOutbox.sent_at, EmailOutbox.failed_at, EmailOutbox.error, EmailOutbox.created_at)
    .where(
        EmailOutbox.org_id == Invitation.org_id,
        EmailOutbox.recipient == Invitation.email,
        EmailOutbox.template == MAIL_TEMPLATE,
        EmailOutbox.created_at >= Invitation.created_at,
    )
    .order_by(EmailOutbox.created_at.desc(), EmailOutbox.id.desc())
    .limit(1)
    .lateral("mail")
)
_DELIVERY = case(
    (_MAIL.c.sent_at.is_not(None), "sent"),
    (_MAIL.c.failed_at.is_not(None), "failed"),
    (_MAIL.c.created_at.is_not(None), "waiting"),
)
_COLUMNS: dict[str, Any] = {
    "id": Invitation.id,
    "org_id": Invitation.org_id,
    "org_name": Org.name,
    "org_slug": Org.slug,
    "email": Invitation.email,
    "role": Invitation.role,
    "status": _STATUS,
    "invited_by": Invitation.invited_by,
    "inviter": FULL_NAME,
    "sent_at": Invitation.created_at,
    "expires_at": Invitation.expires_at,
    "delivery": _DELIVERY,
    "delivery_error": _MAIL.c.error,
}
_SORTS: dict[str, Any] = {
    "sent": Invitation.created_at,
    "email": Invitation.email,
    "expires": Invitation.expires_at,
}


@dataclass(frozen=True)
class InvitationFacts:
    """An invitation as pages show it.

    `status` is pending, expired, accepted or revoked; `delivery` of its mail is waiting, sent, failed, or None without.
    """

    id: UUID
    org_id: UUID
    org_name: str
    org_slug: str
    email: str
    role: str
    status: str
    invited_by: UUID | None
    inviter: str | None
    sent_at: datetime
    expires_at: datetime
    delivery: str | None
    delivery_error: str | None


class InvitationRepo:
    """Offers to join an organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def find(self, token_hash: bytes) -> tuple[UUID, UUID] | None:
        """The organisation and the invitation behind a link, whatever its state; both ids only."""
        row = self._session.execute(_BY_TOKEN, {"token_hash": token_hash}).one_or_none()
        return None if row is None else (row.org_id, row.id)

    def get(self, org_id: UUID, invitation_id: UUID) -> InvitationFacts | None:
        """The invitation with this id."""
        row = self._session.execute(_invitations(org_id).where(Invitation.id == invitation_id)).one_or_none()
        return None if row is None else _facts(row)

    def page(self, org_id: UUID, state: ListState) -> Page[InvitationFacts]:
        """Invitations as the list's state asks."""
        statement = _invitations(org_id).where(
            *searched(state, Invitation.email),
            *chosen(state, "role", Invitation.role),
            *chosen(state, "status", _STATUS),
        )
        order = Order(_SORTS[state.sort_key].expression, Invitation.id.expression, state.descending)
        return paginate(self._session, statement, order, state.request, _facts)

    def add(self, org_id: UUID, invitation: Invitation, life: timedelta) -> Invitation:
        """Store an invitation that ends `life` from now."""
        invitation.org_id, invitation.expires_at = org_id, func.now() + life
        self._session.add(invitation)
        self._session.flush()
        return invitation

    def offered_role(self, org_id: UUID, email: str) -> str | None:
        """The role that a link offers an address at this moment; None if none does."""
        mine = (Invitation.org_id == org_id, Invitation.email == email, _STATUS == "pending")
        return self._session.scalar(select(Invitation.role).where(*mine))

    def revoke_for(self, org_id: UUID, email: str, roles: Sequence[str] = ROLES) -> UUID | None:
        """End the open invitation of an address to one of `roles`, expired or not; its id, None if there was none."""
        mine = (Invitation.email == email, Invitation.role.in_(roles))
        ended = _open(org_id).where(*mine).values(revoked_at=func.now())
        row = self._session.execute(ended).one_or_none()
        return None if row is None else row.id

    def revoke_by(self, org_id: UUID, inviter_id: UUID, roles: Sequence[str]) -> Sequence[tuple[UUID, str]]:
        """End what a person's link still offers in roles other than `roles`; id and address of each."""
        ended = _open(org_id).where(Invitation.invited_by == inviter_id, Invitation.role.not_in(roles))
        rows = self._session.execute(ended.values(revoked_at=func.now()))
        return [(row.id, row.email) for row in rows]

    def revoke(self, org_id: UUID, invitation_id: UUID) -> bool:
        """End an invitation; False if it was accepted or ended before."""
        ended = _open(org_id).where(Invitation.id == invitation_id).values(revoked_at=func.now())
        return self._session.execute(ended).one_or_none() is not None

    def consume(self, org_id: UUID, invitation_id: UUID, user_id: UUID | None) -> bool:
        """Mark an invitation as accepted; False if it is used, ended or expired."""
        used = (
            _open(org_id)
            .where(Invitation.id == invitation_id, Invitation.expires_at > func.now())
            .values(accepted_at=func.now(), accepted_by=user_id)
        )
        return self._session.execute(used).one_or_none() is not None


def _invitations(org_id: UUID) -> Select[Any]:
    columns = [column.label(name) for name, column in _COLUMNS.items()]
    joined = select(*columns).join(Org, Org.id == Invitation.org_id)
    inviter = joined.outerjoin(User, User.id == Invitation.invited_by)
    return inviter.outerjoin(_MAIL, true()).where(Invitation.org_id == org_id)


def _open(org_id: UUID) -> Any:
    return (
        update(Invitation)
        .where(Invitation.org_id == org_id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
        .returning(Invitation.id, Invitation.email)
    )


def _facts(row: Row[Any]) -> InvitationFacts:
    return InvitationFacts(**{name: getattr(row, name) for name in _COLUMNS})

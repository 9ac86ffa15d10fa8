"""Failed tasks that their creators have not been told about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from app.auth.models import User
from app.db.base import db
from app.db.tables import Task
from app.orgs.models import Org, OrgMember

FAILED = ("failed", "expired")
WINDOW = timedelta(days=7)
"""What failed longer ago is not told any more."""
_TO_TELL = text("SELECT user_id, org_id FROM failures_to_tell(:user, :window, :wait, :rest, :limit)")


@dataclass(frozen=True)
class Person:
    """Whom a message would go to."""

    id: UUID
    email: str
    wants: bool
    disabled: bool


@dataclass(frozen=True)
class Standing:
    """An organisation, and the role a person holds there; None for none."""

    name: str
    slug: str
    role: str | None


class FailureRepo:
    """Failures to tell, in whatever organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def to_tell(
        self, wait: timedelta, rest: timedelta, limit: int, user_id: UUID | None = None
    ) -> list[tuple[UUID, UUID]]:
        """Person and organisation of failures at least `wait` old, of people not told anything for `rest`."""
        values = {"user": user_id, "window": WINDOW, "wait": wait, "rest": rest, "limit": limit}
        return [(row.user_id, row.org_id) for row in self._session.execute(_TO_TELL, values)]

    def lock(self, user_id: UUID) -> Person | None:
        """Begin to tell a person something; None if another worker does."""
        row = self._session.execute(
            select(User.id, User.email, User.preferences, User.disabled_at)
            .where(User.id == user_id)
            .with_for_update(key_share=True, skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        wants = bool(row.preferences.get("failure_mail", True))
        return Person(row.id, row.email, wants, row.disabled_at is not None)

    def note_told(self, user_id: UUID) -> None:
        """Keep that the person is told now, so that the next message is an hour away."""
        self._session.execute(
            update(User)
            .where(User.id == user_id)
            .values(failures_told_at=func.now())
            .execution_options(synchronize_session=False)
        )

    def standing(self, org_id: UUID, user_id: UUID) -> Standing | None:
        """The organisation of the scope, with what the person is there; None if it is gone."""
        statement = (
            select(Org.name, Org.slug, OrgMember.role)
            .select_from(Org)
            .outerjoin(OrgMember, (OrgMember.org_id == Org.id) & (OrgMember.user_id == user_id))
            .where(Org.id == org_id)
        )
        row = self._session.execute(statement).one_or_none()
        return None if row is None else Standing(*row)

    def take(self, org_id: UUID, user_id: UUID) -> Sequence[tuple[str, str]]:
        """Kind and status of all the person has not been told about; from now on they count as told."""
        taken = (
            update(Task)
            .where(
                Task.org_id == org_id,
                Task.created_by == user_id,
                Task.status.in_(FAILED),
                Task.told_at.is_(None),
                Task.trigger != "system",
                Task.finished_at > func.now() - WINDOW,
            )
            .values(told_at=func.now())
            .returning(Task.kind, Task.status)
        )
        rows = self._session.execute(taken, execution_options={"synchronize_session": False})
        return [(row.kind, row.status) for row in rows]

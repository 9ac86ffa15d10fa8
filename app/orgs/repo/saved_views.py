"""Saved views of lists. Every change first counts itself on the organisation's row, which also orders the changes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.db.base import db
from app.orgs.models import Org, SavedView

MOST_OFFERED = 100


class SavedViewRepo:
    """Views of one organisation's lists."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def for_list(self, org_id: UUID, user_id: UUID, name: str) -> Sequence[SavedView]:
        """A person's own views of a list and those shared with them, by name; at most 100, others' give way."""
        own, by_name = SavedView.user_id == user_id, (func.lower(SavedView.name), SavedView.id)
        offered = (
            select(SavedView.id)
            .where(SavedView.org_id == org_id, SavedView.list == name, or_(own, SavedView.shared))
            .order_by(own.desc(), *by_name)
            .limit(MOST_OFFERED)
        )
        statement = select(SavedView).where(SavedView.org_id == org_id, SavedView.id.in_(offered))
        return self._session.scalars(statement.order_by(*by_name)).all()

    def get(self, org_id: UUID, view_id: UUID) -> SavedView | None:
        """A view, whoever keeps it."""
        return self._session.scalar(
            select(SavedView).where(SavedView.org_id == org_id, SavedView.id == view_id)
        )

    def count_own(self, org_id: UUID, user_id: UUID, name: str) -> int:
        """How many views of a list a person keeps."""
        counted = select(func.count()).where(
            SavedView.org_id == org_id, SavedView.user_id == user_id, SavedView.list == name
        )
        return self._session.scalars(counted).one()

    def add(self, org_id: UUID, user_id: UUID, values: Mapping[str, Any]) -> SavedView:
        """Keep a new view; as the default it takes the place of the former one."""
        self._count_change(org_id)
        if values["is_default"]:
            self._drop_default(org_id, user_id, values["list"])
        view = SavedView(org_id=org_id, user_id=user_id, **values)
        self._session.add(view)
        self._session.flush()
        return view

    def change(self, org_id: UUID, view: SavedView, values: Mapping[str, Any]) -> None:
        """Set `values` of a view; as the default it takes the place of the former one."""
        self._count_change(org_id)
        if values.get("is_default"):
            self._drop_default(org_id, view.user_id, view.list)
        for name, value in values.items():
            setattr(view, name, value)
        self._session.flush()

    def remove(self, org_id: UUID, view_id: UUID) -> None:
        """Forget a view."""
        self._count_change(org_id)
        self._session.execute(delete(SavedView).where(SavedView.org_id == org_id, SavedView.id == view_id))

    def _drop_default(self, org_id: UUID, user_id: UUID, name: str) -> None:
        self._session.execute(
            update(SavedView)
            .where(
                SavedView.org_id == org_id,
                SavedView.user_id == user_id,
                SavedView.list == name,
                SavedView.is_default,
            )
            .values(is_default=False)
        )

    def _count_change(self, org_id: UUID) -> None:
        self._session.execute(
            update(Org)
            .where(Org.id == org_id)
            .values(views_generation=Org.views_generation + 1, updated_at=Org.updated_at)
            .execution_options(synchronize_session=False)
        )

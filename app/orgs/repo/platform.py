"""The one row about the instance."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db.base import db
from app.orgs.models import PlatformSettings


class PlatformRepo:
    """The instance's settings."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def lock(self) -> PlatformSettings:
        """The row, created if absent, after waiting for others that hold it."""
        self._session.execute(insert(PlatformSettings).values(id=1).on_conflict_do_nothing())
        return self._session.scalars(
            select(PlatformSettings).with_for_update().execution_options(populate_existing=True)
        ).one()

    def default_org_id(self) -> UUID | None:
        """The organisation that every new account joins, if a platform admin named one."""
        return self._session.scalar(select(PlatformSettings.default_org_id))

    def set_default_org(self, org_id: UUID | None) -> None:
        """Name the organisation that every new account joins."""
        self._session.execute(update(PlatformSettings).values(default_org_id=org_id))

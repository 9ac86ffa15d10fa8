"""Keys of programs."""

from uuid import UUID

from sqlalchemy.orm import Session

from app.db.base import db
from app.orgs.models import ApiKey


class ApiKeyRepo:
    """The keys of an organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def add(self, org_id: UUID, key: ApiKey) -> ApiKey:
        """Store a key."""
        key.org_id = org_id
        self._session.add(key)
        self._session.flush()
        return key

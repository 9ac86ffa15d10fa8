"""The organisation's count of changes of its agents and personas, under which cached answers are kept."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.orgs.models import Org


def count_change(session: Session, org_id: UUID) -> None:
    """Count a change first of all: the organisation's row, held until the end, orders the changes."""
    session.execute(
        update(Org)
        .where(Org.id == org_id)
        .values(agents_generation=Org.agents_generation + 1, updated_at=Org.updated_at)
        .execution_options(synchronize_session=False)
    )

"""How many live threads there are, from what triggers keep of it."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, case, cast, func, select

from app.db.cursor import COUNT_CAP, capped_count
from app.threads.models import SHARED_ORIGINS, Thread, ThreadCount
from app.threads.repo.threads import Viewer


def kept_number(org_id: UUID, viewer: Viewer) -> Select[Any]:
    """The number of all live threads that the viewer sees, or one above COUNT_CAP.

    What is not everyone's is counted for those who see their own alone, if the others do not pass the limit already.
    """
    kept = select(func.coalesce(cast(func.sum(ThreadCount.live), BigInteger), 0)).where(
        ThreadCount.org_id == org_id
    )
    if viewer.sees_all:
        return kept
    own = select(Thread.id).where(
        Thread.org_id == org_id,
        Thread.user_id == viewer.user_id,
        Thread.origin.not_in(SHARED_ORIGINS),
        Thread.deleted_at.is_(None),
        ~Thread.archived,
    )
    shared = kept.where(ThreadCount.shared).cte("shared", nesting=True)
    everyones: Any = select(shared).scalar_subquery()
    return select(
        case((everyones > COUNT_CAP, everyones), else_=everyones + capped_count(own).scalar_subquery())
    )

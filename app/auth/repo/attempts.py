"""Counted tries."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, text, update
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.auth.models import LoginAttempt
from app.db.base import db

_COUNT = text(
    """
    INSERT INTO login_attempts AS a (id, key_hash, moments) VALUES (:id, :key, ARRAY[statement_timestamp()])
    ON CONFLICT (key_hash) DO UPDATE SET updated_at = now(), (moments, granted) = (
        SELECT coalesce(array_agg(m ORDER BY m), '{}')
               || CASE WHEN count(*) < :limit THEN ARRAY[statement_timestamp()] ELSE '{}' END, count(*) < :limit
          FROM unnest(a.moments) m WHERE m > statement_timestamp() - make_interval(secs => :seconds))
    RETURNING granted, statement_timestamp() AS moment,
              extract(epoch FROM moments[1] - statement_timestamp())::float + :seconds AS wait
    """
)


@dataclass(frozen=True)
class Counted:
    """A counted try: within the limit or not, its moment, and the seconds until one more is allowed."""

    granted: bool
    moment: datetime
    wait: float


class AttemptRepo:
    """Tries per key in a sliding window."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def count(self, key_hash: bytes, limit: int, seconds: int) -> Counted:
        """Count a try unless `limit` were counted in the last `seconds`; parallel tries are counted one by one."""
        values = {"id": uuid7(), "key": key_hash, "limit": limit, "seconds": seconds}
        return Counted(**self._session.execute(_COUNT, values).mappings().one())

    def take_back(self, key_hash: bytes, moment: datetime) -> None:
        """Forget a counted try."""
        self._session.execute(
            update(LoginAttempt)
            .where(LoginAttempt.key_hash == key_hash)
            .values(moments=func.array_remove(LoginAttempt.moments, moment))
        )

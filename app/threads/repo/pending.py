"""What waits beside the indexes of names and words until it is written into them, many rows at once."""

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.db.base import db

_INDEXES = [
    "threads_name_trigrams_gin_idx",
    "messages_text_content_gin_idx",
    "message_search_tiers_gin_idx",
]
_SETTLE = text("""
    SELECT coalesce(sum(gin_clean_pending_list(oid)), 0) FROM pg_class
     WHERE relname = ANY (:indexes) AND relnamespace = 'public'::regnamespace AND pg_has_role(relowner, 'USAGE')
""")


class PendingRepo:
    """The lists that PostgreSQL keeps beside these indexes; searches read them whole."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def settle(self) -> int:
        """Write what waits into the indexes; how many pages that were.

        Only their owner may, so the transaction acts as the login itself; nothing happens where others own them.
        """
        self._session.execute(select(func.set_config("role", "none", True)))
        return int(self._session.execute(_SETTLE, {"indexes": _INDEXES}).scalar_one())

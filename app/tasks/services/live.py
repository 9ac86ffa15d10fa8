"""Which rows of the list of tasks go on, and how soon to look at them again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.db.tables import LIVE
from app.tasks.repo.tasks import TaskRow

CHANGING = ("status", "progress", "attempts", "finished")
"""The columns whose cells change while a task goes on."""
SOON, LATER = 3, 15


@dataclass(frozen=True)
class LiveRows:
    """The tasks that have not ended, the changing columns shown of them, and the seconds until the next look.

    Ids and columns are joined by commas, as an address holds them; `ids` is empty when all have ended.
    """

    ids: str
    columns: str
    seconds: int

    @classmethod
    def of(cls, rows: Sequence[TaskRow], columns: Iterable[str]) -> "LiveRows":
        """Those of the rows; all wait for a later moment: every 15 s, else every 3 s."""
        shown, now = set(columns), datetime.now(UTC)
        going = [row for row in rows if row.status in LIVE]
        soon = any(row.status == "running" or row.available_at <= now for row in going)
        return cls(
            ",".join(row.id.hex for row in going),
            ",".join(column for column in CHANGING if column in shown),
            SOON if soon else LATER,
        )

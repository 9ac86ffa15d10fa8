"""Which rows of a list of sources go on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.knowledge.repo.sources import SourceRow

CHANGING = ("status", "chunks")
"""The columns whose cells change while a source is processed."""


@dataclass(frozen=True)
class LiveSources:
    """The sources that are being processed and the changing columns shown of them, as an address holds them."""

    ids: str
    columns: str

    @property
    def shown(self) -> list[str]:
        """The columns, one by one."""
        return self.columns.split(",") if self.columns else []

    @classmethod
    def of(cls, rows: Sequence[SourceRow], columns: Iterable[str]) -> "LiveSources":
        """Those of the rows."""
        shown = set(columns)
        going = [row.id.hex for row in rows if row.status not in {"ready", "failed"}]
        return cls(",".join(going), ",".join(column for column in CHANGING if column in shown))

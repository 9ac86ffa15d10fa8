"""Where a search looks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Scope:
    """Passages of these bases; of some sources or kinds of sources only, unless None.

    What the live generation has, or another one of the only base.
    """

    base_ids: Sequence[UUID]
    source_ids: Sequence[UUID] | None = None
    kinds: Sequence[str] | None = None
    generation: int | None = None

    def values(self) -> dict[str, Any]:
        """The values of a statement: bases, sources, kinds, generation."""
        return {
            "bases": list(self.base_ids),
            "sources": None if self.source_ids is None else list(self.source_ids),
            "kinds": None if self.kinds is None else list(self.kinds),
            "generation": self.generation,
        }

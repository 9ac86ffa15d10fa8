"""What changes have in common: two people at once, and what an audit row says of a change."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.web.errors import Refusal


class Stale(Refusal):
    """Somebody else changed it in the meantime."""

    def __init__(self, thing: str) -> None:
        super().__init__(
            409, f"Somebody else changed this {thing} in the meantime. Look at it again before you save."
        )


def record_change(
    thing: str, thing_id: UUID, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Note what differs between both; AssertionError if nothing does."""
    changed = [key for key in after if before.get(key) != after[key]]
    assert changed
    record(
        f"{thing}.change",
        thing,
        thing_id,
        name,
        before={key: before.get(key) for key in changed},
        after={key: after[key] for key in changed},
    )

"""What was said before, also where a thread branches."""

from collections.abc import Sequence
from uuid import UUID

from app.threads.repo.messages import MessageRepo, MessageRow

MOST_MESSAGES = 500
"""Messages of each branch that are looked at."""


def with_earlier(org_id: UUID, thread_id: UUID, rows: Sequence[MessageRow]) -> list[MessageRow]:
    """Messages of one branch, with those that lead to where the branch begins before them."""
    parent = rows[0].parent_id if rows and rows[0].branch else None
    found = parent and MessageRepo().get(org_id, thread_id, parent)
    if not found:
        return list(rows)
    before = MessageRepo().before(org_id, thread_id, found.id, MOST_MESSAGES).rows
    return [*with_earlier(org_id, thread_id, [*before, found]), *rows]

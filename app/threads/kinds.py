"""What is done to threads in the background: erasing what was deleted long ago."""

from typing import Any

from app.agents.kinds import erase_in_steps
from app.db.work import Kind, TaskInput, Work
from app.threads.repo.changed import ThreadChangeRepo


class ThreadErasure(TaskInput):
    """Erase threads that were deleted 30 days ago; nothing to choose."""


def erase_threads(task: Work, _given: ThreadErasure) -> dict[str, Any]:
    """Erase threads that were deleted 30 days ago, with all that was written in them."""
    return erase_in_steps(task, "thread", ThreadChangeRepo().erase)


ERASURE = Kind(
    "thread.erase",
    "Erasure of deleted threads",
    ThreadErasure,
    erase_threads,
    right="threads.edit",
    priority=-10,
    schedulable=True,
)

"""What is done to threads in the background: lists as files, and erasing what was deleted long ago."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Session

from app.agents.kinds import erase_in_steps
from app.audit.services import record
from app.db.scope import current_scope
from app.db.session import transaction
from app.db.work import Kind, TaskInput, Work
from app.orgs.repo.members import MemberRepo
from app.threads.forms import asked_list
from app.threads.repo.changed import ThreadChangeRepo
from app.threads.repo.listed import ThreadListRepo
from app.threads.repo.threads import Viewer
from app.threads.services.exporting import exported_columns, write_threads
from app.web.access import role_has
from app.web.export import written
from app.web.file_tasks import TURN_SECONDS, ListFile, leave_file, misunderstood, understood
from app.web.listing import ListState, read_list

SEES_ALL = "threads.read_all"


class WholeFile(ListFile):
    """A list as its address asks for it, each thread with its messages, as a file."""

    format: Literal["json", "ndjson"] = "ndjson"


class ThreadErasure(TaskInput):
    """Erase threads that were deleted 30 days ago; nothing to choose."""


def export_threads(task: Work, given: ListFile) -> dict[str, Any]:
    """Write the list and keep the file in one step; the result says where it is."""
    viewer, state = _of(task, given)

    def write(session: Session) -> Iterable[bytes]:
        rows = ThreadListRepo(session).stream(task.org_id, viewer, state)
        return written(given.format, exported_columns(state), rows, partial(_tell, task))

    note = partial(_note, "thread.export", given)
    return {"file": leave_file(task, "threads", given.format, write, note, _right(viewer))}


def export_whole_threads(task: Work, given: WholeFile) -> dict[str, Any]:
    """Write the threads with their messages and keep the file in one step; the result says where it is."""
    viewer, state = _of(task, given)

    def write(session: Session) -> Iterable[bytes]:
        return write_threads(session, task.org_id, viewer, state, given.format, partial(_tell, task))

    note = partial(_note, "thread.export_whole", given)
    return {"file": leave_file(task, "threads-with-messages", given.format, write, note, _right(viewer))}


def erase_threads(task: Work, _given: ThreadErasure) -> dict[str, Any]:
    """Erase threads that were deleted 30 days ago, with all that was written in them."""
    return erase_in_steps(task, "thread", ThreadChangeRepo().erase)


def check_list(org_id: UUID, given: ListFile) -> Mapping[str, str]:
    """What is wrong with the filters for the person of the scope in this organisation, by field."""
    _, state = _asked(org_id, current_scope().user_id, given)
    return misunderstood(state)


def _of(task: Work, given: ListFile) -> tuple[Viewer, ListState]:
    with transaction():
        viewer, state = _asked(task.org_id, task.user_id, given)
    return viewer, understood(state)


def _asked(org_id: UUID, user_id: UUID | None, given: ListFile) -> tuple[Viewer, ListState]:
    """Whose eyes the list is read with, and what it is asked for."""
    assert user_id is not None
    viewer = Viewer(user_id, sees_all=role_has(MemberRepo().role(org_id, user_id), SEES_ALL))
    spec = asked_list(org_id, viewer, given.args)
    return viewer, read_list(spec, given.zone, given.args, "threads")


def _tell(task: Work, number: int) -> None:
    task.progress(number, words="thread written" if number == 1 else "threads written")


def _right(viewer: Viewer) -> str | None:
    """The right by which a file may hold the private threads of others."""
    return SEES_ALL if viewer.sees_all else None


def _note(action: str, given: ListFile) -> None:
    record(action, "thread_list", after={"format": given.format, "query": given.query})


EXPORT = Kind(
    "thread.export",
    "Export of threads",
    ListFile,
    export_threads,
    right="threads.read",
    seconds=TURN_SECONDS + 600,
    schedulable=True,
    check=check_list,
    file_right=SEES_ALL,
)
EXPORT_WHOLE = Kind(
    "thread.export_whole",
    "Export of threads with their messages",
    WholeFile,
    export_whole_threads,
    right="threads.read",
    seconds=TURN_SECONDS + 3_600,
    schedulable=True,
    check=check_list,
    file_right=SEES_ALL,
)
ERASURE = Kind(
    "thread.erase",
    "Erasure of deleted threads",
    ThreadErasure,
    erase_threads,
    right="threads.edit",
    priority=-10,
    schedulable=True,
)

"""What is done to agents in the background: lists as files, changes of many, and erasing what was deleted long ago."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from app.agents.forms.agents import COLUMNS, agent_list
from app.agents.repo.agents import AgentRepo
from app.agents.services.agents import change_status
from app.audit.services import record
from app.db.cursor import COUNT_CAP
from app.db.session import transaction
from app.db.work import Kind, TaskInput, Work
from app.web.export import written
from app.web.file_tasks import TURN_SECONDS, ListFile, leave_file, misunderstood, understood
from app.web.listing import ListState, read_list

BATCH = 200
KEEP_DELETED = timedelta(days=30)
_FIELDS = {"created": "created_at", "updated": "updated_at"}


class AgentChange(TaskInput):
    """Archive, restore or delete these agents."""

    act: str = Field(pattern="^(archive|restore|delete)$")
    ids: tuple[UUID, ...] = Field(max_length=COUNT_CAP)


class AgentErasure(TaskInput):
    """Erase agents that were deleted 30 days ago; nothing to choose."""


def exported_columns(state: ListState) -> list[str]:
    """The columns of a file: the shown ones; where all are shown, also what only a file holds."""
    columns = ["id", *(_FIELDS.get(column, column) for column in state.columns)]
    return [*columns, "description", "prompt"] if set(state.columns) == set(COLUMNS) else columns


def export_agents(task: Work, given: ListFile) -> dict[str, Any]:
    """Write the list and keep the file in one step; the result says where it is."""
    with transaction():
        state = understood(_asked(task.org_id, given))

    def told(number: int) -> None:
        task.progress(number, words="agent written" if number == 1 else "agents written")

    def write(session: Session) -> Iterable[bytes]:
        rows = AgentRepo(session).stream(task.org_id, state)
        return written(given.format, exported_columns(state), rows, told)

    def note() -> None:
        record("agent.export", "agent_list", after={"format": given.format, "query": given.query})

    return {"file": leave_file(task, "agents", given.format, write, note)}


def check_list(org_id: UUID, given: ListFile) -> Mapping[str, str]:
    """What is wrong with the filters in this organisation, by field."""
    return misunderstood(_asked(org_id, given))


def _asked(org_id: UUID, given: ListFile) -> ListState:
    return read_list(agent_list(AgentRepo().choices(org_id)), given.zone, given.args, "agents")


def change_agents(task: Work, given: AgentChange) -> dict[str, Any]:
    """Change 200 agents per step, each step with its audit rows; those gone in the meantime are left out."""
    changed = skipped = 0
    for start in range(0, len(given.ids), BATCH):
        ids = given.ids[start : start + BATCH]
        done = task.step(f"from-{start}", lambda ids=ids: _change(task.org_id, ids, given.act))  # type: ignore[misc]
        changed, skipped = changed + done["changed"], skipped + done["skipped"]
        task.progress(start + len(ids), len(given.ids), "agents")
    return {"changed": changed, "skipped": skipped}


def _change(org_id: UUID, ids: tuple[UUID, ...], act: str) -> dict[str, int]:
    there = [row.id for row in AgentRepo().lock(org_id, ids)]
    outcome = change_status(org_id, there, act)
    return {"changed": outcome.changed, "skipped": len(outcome.skipped) + len(ids) - len(there)}


def erase_agents(task: Work, _given: AgentErasure) -> dict[str, Any]:
    """Erase agents that were deleted 30 days ago."""
    return erase_in_steps(task, "agent", AgentRepo().erase)


def erase_in_steps(
    task: Work, thing: str, erase: Callable[[UUID, datetime, int], Sequence[Any]]
) -> dict[str, Any]:
    """Erase 200 things that were deleted 30 days ago per step, each with an audit event, until none is left.

    `erase` takes the organisation, the moment and how many, and returns id and name of those erased.
    """
    before, erased, number = datetime.now(UTC) - KEEP_DELETED, 0, 0

    def some() -> int:
        rows = erase(task.org_id, before, BATCH)
        for row in rows:
            record(f"{thing}.erase", thing, row.id, row.name)
        return len(rows)

    while True:
        found = task.step(f"batch-{number}", some)
        erased, number = erased + found, number + 1
        task.progress(erased, words=f"{thing} erased" if erased == 1 else f"{thing}s erased")
        if found < BATCH:
            return {"erased": erased}


EXPORT = Kind(
    "agent.export",
    "Export of agents",
    ListFile,
    export_agents,
    right="agents.read",
    seconds=TURN_SECONDS + 600,
    schedulable=True,
    check=check_list,
)
CHANGE = Kind("agent.change", "Change of many agents", AgentChange, change_agents, right="agents.edit")
ERASURE = Kind(
    "agent.erase",
    "Erasure of deleted agents",
    AgentErasure,
    erase_agents,
    right="agents.edit",
    priority=-10,
    schedulable=True,
)

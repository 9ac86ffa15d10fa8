"""Thoughts of an answer that waits: its provider wants them back, signed as they are, when the answer goes on.

They are kept sealed among the events of the task, where nobody is shown them, until the answer ends.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from app.connections.services.targets import ModelTarget
from app.db.sealed import SealBroken, open_json, seal_json
from app.db.session import transaction
from app.db.work import SEALED
from app.runtime.repo import KEPT, RunsRepo
from app.runtime.turns import Round

_ROUNDS = TypeAdapter(list[Round])


def keep_thoughts(org_id: UUID, task_id: UUID, target: ModelTarget, rounds: Sequence[Round]) -> None:
    """Keep what the answer has thought so far instead of what was kept before, in the running transaction."""
    RunsRepo().forget_kept(org_id, task_id)
    if any(one.said for one in rounds):
        value = {"by": _model(target), "rounds": [asdict(one) for one in rounds]}
        RunsRepo().keep(org_id, task_id, {SEALED: seal_json(value)})


def kept_thoughts(org_id: UUID, task_id: UUID, target: ModelTarget) -> list[Round]:
    """What was kept, for the model that thought it; nothing where that is gone, or cannot be read any more."""
    with transaction():
        events = RunsRepo().events(org_id, task_id, (KEPT,))
    if not events:
        return []
    try:
        kept: Any = open_json(events[-1][2][SEALED])
        return _ROUNDS.validate_python(kept["rounds"]) if kept["by"] == _model(target) else []
    except (SealBroken, ValidationError):
        return []


def _model(target: ModelTarget) -> list[str]:
    return [str(target.connection_id), target.model]

"""What a run tells, to those who follow it: from the first event or from where they left off, until it has ended."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.scope import Scope, current_scope, use_scope
from app.db.session import transaction
from app.runtime.followers import followers
from app.runtime.repo import RunsRepo
from app.runtime.services.transcript import FOLLOWED

CHECK_SECONDS = 1.0
"""How soon a follower who may no longer look is sent away, and a bell that nobody rang is made up for."""
SILENT_SECONDS = 15.0
"""How often something is said at least, so that what lies between does not take the line for dead."""


@dataclass(frozen=True)
class Told:
    """An event of a run; without a kind nothing was said for a while. `done` is the last: its data has the status."""

    seq: int
    kind: str
    data: dict[str, Any]


SILENCE = Told(0, "", {})


def follow(
    org_id: UUID, task_id: UUID, after: int, allowed: Callable[[], bool], seconds: float
) -> Iterator[Told]:
    """The events after a number as they come, for at most so long; no connection is held between them.

    They are read in the scope of the caller, also when the answer is streamed after the request has ended.
    """
    return _followed(current_scope(), org_id, (task_id, after), allowed, seconds)


def _followed(
    scope: Scope, org_id: UUID, start: tuple[UUID, int], allowed: Callable[[], bool], seconds: float
) -> Iterator[Told]:
    use_scope(scope)
    task_id, last = start
    began = checked = spoke = time.monotonic()
    with followers().following(task_id) as bell:
        while time.monotonic() - began < seconds:
            bell.clear()
            with transaction():
                run = RunsRepo().get(org_id, task_id)
                events = RunsRepo().events(org_id, task_id, FOLLOWED, last)
            for last, kind, data in events:
                yield Told(last, kind, data)
            spoke = time.monotonic() if events else spoke
            if run is None or not run.live:
                yield Told(last, "done", {"status": run.status if run else "failed"})
                return
            bell.wait(CHECK_SECONDS)
            if time.monotonic() - spoke > SILENT_SECONDS:
                spoke = time.monotonic()
                yield SILENCE
            if time.monotonic() - checked > CHECK_SECONDS:
                checked = time.monotonic()
                if not allowed():
                    return

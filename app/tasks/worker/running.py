"""One attempt at a task: its function is called, stopped at a step where need be, and its end is written down."""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

import psycopg
from pydantic import ValidationError
from sqlalchemy.exc import DataError

from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.db.work import Answer, GiveUp, Kind, UnknownKind, kinds, tell_ended
from app.tasks.repo.runs import WAITING, Claim, Ending, RunRepo, Standing
from app.web.access import role_has
from app.web.errors import DATABASE_AWAY

AWAY = (*DATABASE_AWAY, psycopg.OperationalError, psycopg.InterfaceError)
"""Errors after which the same may go well in a moment, of the library and of its driver."""
MOST_FAILURES = 3
MOST_LOSSES = 5
"""How often a task may lose its worker: more often than fail, since what ended the worker is mostly not its doing."""
WORKER_ENDED = "its worker ended"
NO_END = "it came to no end that could be written down"
BACKOFF_SECONDS = 3.0
NOT_PERMITTED = "no longer permitted"
AGENT_DELETED = "its agent is deleted"
UNSTORABLE = "its result cannot be stored: it holds characters that are none, or values that are no JSON"
UNSAID = "it failed, and the reason cannot be stored: it holds characters that are none"
PROGRESS_SECONDS = 1.0
LINE_LENGTH = 2_000
REASON_LENGTH = 2_000

_log = logging.getLogger(__name__)


class Stop(Exception):
    """The function of a task is to end here; what becomes of the task is `ending`, None if it is another's by now."""

    def __init__(self, ending: Ending | None) -> None:
        super().__init__(ending.outcome if ending else "lost lease")
        self.ending = ending


class RunningTask:
    """What the function of a task gets (app.db.work.Work)."""

    def __init__(self, claim: Claim, kind: Kind[Any]) -> None:
        self.org_id, self.task_id, self.user_id = claim.org_id, claim.task_id, claim.user_id
        self.attempt = claim.attempt
        self.returning = threading.Event()
        self._kind = kind
        self._lines: list[dict[str, Any]] = []
        self._progress: dict[str, Any] | None = None
        self._progress_at = 0.0
        self._inside = self._followed = False

    def step(self, name: str, act: Callable[[], Answer]) -> Answer:
        """See Work."""
        with transaction():
            repo = RunRepo()
            self._check(repo)
            done = repo.step(self.org_id, self.task_id, name)
            if done is not None:
                found: Answer = done.data["answer"]
                return found
            answer = self._acted(act)
            self._write(repo, [("step", {"name": name, "answer": answer})])
        return answer

    def change(self, act: Callable[[], Answer]) -> Answer:
        """See Work."""
        with transaction():
            self._check(RunRepo())
            answer = self._acted(act)
            self._write(RunRepo(), [])
        return answer

    def answered(self, name: str) -> Any:
        """See Work."""
        with transaction():
            self._check(RunRepo())
            done = RunRepo().step(self.org_id, self.task_id, name)
        return done and done.data["answer"]

    def key(self, step: str) -> str:
        """See Work."""
        return f"{self.task_id}:{step}"

    def check(self) -> None:
        """Raise Stop unless the task may go on."""
        with transaction():
            self._check(RunRepo())

    def progress(self, done: int, total: int | None = None, words: str = "") -> None:
        """See Work."""
        self._progress = {"done": done, "total": total, "words": words}
        if not self._inside and time.monotonic() - self._progress_at >= PROGRESS_SECONDS:
            with transaction():
                self._check(RunRepo())
                self._write(RunRepo(), [])

    def log(self, words: str) -> None:
        """See Work."""
        self._lines.append({"words": words[:LINE_LENGTH]})
        if not self._inside:
            with transaction():
                self._write(RunRepo(), [])

    def tell(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
        """See Work."""
        with transaction():
            repo, self._followed = RunRepo(), True
            self._check(repo)
            return self._write(repo, entries) if entries else 0

    def note(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """See Work."""
        with transaction():
            self._write(RunRepo(), entries)

    def wait(self, name: str, act: Callable[[], None]) -> NoReturn:
        """See Work."""
        with transaction():
            repo = RunRepo()
            self._check(repo)
            if not repo.hold(self.org_id, self.task_id, self.attempt, None):
                raise Stop(None)
            act()
            self._write(repo, [("step", {"name": f"{name}-{self.attempt}", "answer": None})])
            repo.wait(self.org_id, self.task_id, self.attempt)
        raise Stop(WAITING)

    def _acted(self, act: Callable[[], Answer]) -> Answer:
        self._inside = True
        try:
            return act()
        finally:
            self._inside = False

    def flush(self) -> None:
        """Store what the function said last."""
        if self._lines or self._progress:
            with transaction():
                self._write(RunRepo(), [])

    def _check(self, repo: RunRepo) -> None:
        """Raise Stop unless the attempt is the current one, wanted and permitted."""
        if self.returning.is_set():
            raise Stop(returned())
        found = repo.standing(self.org_id, self.task_id, self.attempt)
        if found is None:
            raise Stop(None)
        if found.cancelled:
            raise Stop(Ending("cancelled", "cancelled"))
        if reason := refused(found, self._kind):
            raise Stop(Ending("refused", "failed", error=reason))

    def _write(self, repo: RunRepo, more: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
        """Add log lines, then more events, to the task; the number of the last.

        Raises Stop, and nothing is written, if the task is another's by now.
        """
        if not repo.hold(self.org_id, self.task_id, self.attempt, self._progress):
            raise Stop(None)
        entries = [*(("log", line) for line in self._lines), *more]
        last = repo.note(self.org_id, self.task_id, self.attempt, entries) if entries else 0
        if self._followed:
            repo.wake(self.task_id, last, entries)
        self._lines = []
        if self._progress is not None:
            self._progress, self._progress_at = None, time.monotonic()
        return last


def refused(found: Standing, kind: Kind[Any]) -> str | None:
    """Why the task may not go on: its agent is deleted, or whoever asked for it may no longer do it."""
    if found.agent_deleted:
        return AGENT_DELETED
    return None if found.trigger == "system" or role_has(found.role, kind.right) else NOT_PERMITTED


def attempt(claim: Claim, begun: Callable[[RunningTask, Kind[Any]], None]) -> Ending | None:
    """Do the task and say how it ended; None if it is another's by now. `begun` is told once it can be watched."""
    use_scope(Scope(claim.org_id, claim.user_id, claim.actor or "system", request_id=f"task-{claim.task_id}"))
    try:
        kind = kinds().get(claim.kind)
        given = kind.read(claim.payload or {})
    except UnknownKind:
        return Ending("failed", "failed", error=f"This version does not know the kind {claim.kind}.")
    except ValidationError as error:
        return Ending("failed", "failed", error=f"The input does not fit: {error.errors()[0]['msg']}.")
    except Exception as error:  # noqa: BLE001 - the code of its kind cannot be loaded
        return _failed(claim, error)
    if claim.cancelled:
        return Ending("cancelled", "cancelled")
    if reason := refused(Standing(claim.trigger, claim.role, claim.agent_deleted, claim.cancelled), kind):
        return Ending("refused", "failed", error=reason)
    running = RunningTask(claim, kind)
    begun(running, kind)
    return _call(claim, kind, running, given)


def _call(claim: Claim, kind: Kind[Any], running: RunningTask, given: Any) -> Ending | None:
    try:
        running.check()
        result: Mapping[str, Any] | None = kind.run(running, given)
        running.flush()
    except Stop as stop:
        return stop.ending
    except GiveUp as reason:
        return Ending("failed", "failed", error=str(reason)[:REASON_LENGTH])
    except Exception as error:  # noqa: BLE001 - whatever a task raises is its failure
        return _failed(claim, error)
    return Ending("succeeded", "succeeded", result=result or {})


def _failed(claim: Claim, error: Exception) -> Ending:
    extra = {"task_id": str(claim.task_id), "attempt": claim.attempt}
    _log.error("task attempt failed", exc_info=error, extra=extra)
    return failure(claim, "failed", reason_of(error))


def reason_of(error: BaseException) -> str:
    """An error in words people may see: what our code says, and of all others only the type."""
    words = str(error) if type(error).__module__.startswith("app.") else ""
    return (words or type(error).__name__)[:REASON_LENGTH]


def failure(claim: Claim, outcome: str, reason: str) -> Ending:
    """Another attempt later, or the end after the third."""
    failures = claim.failures + 1
    if claim.cancelled:
        return Ending(outcome, "cancelled", error=reason)
    if failures >= MOST_FAILURES:
        return Ending(outcome, "failed", error=reason)
    delay = BACKOFF_SECONDS * 4 ** (failures - 1) * random.uniform(0.5, 1.5)
    return Ending(outcome, "queued", error=reason, retry_in=timedelta(seconds=delay))


def lost(claim: Claim, reason: str = WORKER_ENDED) -> Ending:
    """The worker ended under the task: another attempt soon, or the end after the fifth time. No failure is counted."""
    if claim.cancelled:
        return Ending("lost", "cancelled", error=reason)
    if claim.losses + 1 >= MOST_LOSSES:
        return Ending("lost", "failed", error=reason)
    delay = BACKOFF_SECONDS * random.uniform(0.5, 1.5)
    return Ending("lost", "queued", error=reason, retry_in=timedelta(seconds=delay))


def returned() -> Ending:
    """The worker ends: the task is queued again at once, and no failure is counted."""
    return Ending("returned", "queued", retry_in=timedelta(0))


def give_back(claim: Claim) -> None:
    """Take back a task that its worker does not hold: it never heard of it, or could not write its end down."""
    use_scope(Scope(claim.org_id))
    with transaction():
        counted = RunRepo().counted(claim.org_id, claim)
    settle_anyway(counted, lost(counted, NO_END))


def settle_anyway(claim: Claim, ending: Ending) -> None:
    """Write an end down that nobody else will; one for which that goes wrong keeps none of the others.

    What goes wrong may be the kind's own `ended`. The task ends all the same, without it.
    """
    for tell in (True, False):
        try:
            settle(claim.org_id, claim.task_id, claim.attempt, ending, tell=tell)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the other tasks come next
            _log.exception("task is left unsettled", extra={"task_id": str(claim.task_id), "told": tell})
        else:
            return


def settle(org_id: UUID, task_id: UUID, number: int, ending: Ending, *, tell: bool = True) -> bool:
    """Write down how an attempt ended; False, with a line in the log, if it is no longer the current one.

    A task whose end cannot be stored, now or later, has failed. Its kind is told of an end that is not good.
    """
    if ending.settled:
        return True
    use_scope(Scope(org_id))
    try:
        settled = _store(org_id, task_id, number, ending, tell=tell)
    except (DataError, TypeError, ValueError):
        _log.exception("end of a task cannot be stored", extra={"task_id": str(task_id), "attempt": number})
        reason = UNSTORABLE if ending.status == "succeeded" else UNSAID
        ending = Ending("failed", "failed", error=reason)
        settled = _store(org_id, task_id, number, ending, tell=tell)
    extra = {"task_id": str(task_id), "attempt": number}
    if settled:
        level = logging.INFO if ending.outcome in {"succeeded", "returned", "cancelled"} else logging.WARNING
        _log.log(level, "task attempt %s", ending.outcome, extra=extra)
    else:
        _log.warning("lost lease", extra=extra)
    return settled


def _store(org_id: UUID, task_id: UUID, number: int, ending: Ending, *, tell: bool) -> bool:
    with transaction():
        repo = RunRepo()
        settled = repo.settle(task_id, number, ending)
        if settled and ending.status in {"failed", "cancelled"}:
            if tell:
                kind, payload = repo.asked(org_id, task_id)
                tell_ended(org_id, task_id, kind, payload, ending.error or ending.status)
            repo.wake(task_id)
    return settled

"""What a run tells, to those who follow it: from the first event or from where they left off, until it has ended.

Events come with the calls of their transaction; the database is read at the beginning, where calls are missing, and now
and then.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.db.queue import Call
from app.db.scope import Scope, current_scope, use_scope
from app.db.session import transaction
from app.runtime.followers import Line, followers
from app.runtime.repo import RunsRepo
from app.runtime.services.queueing import FINISH, WAIT
from app.runtime.services.transcript import FOLLOWED

HEAR_SECONDS = 1.0
READ_SECONDS = 5.0
"""How often the database is read though nothing was called."""
SILENT_SECONDS = 15.0
"""How often something is said at least, so that what lies between does not take the line for dead."""
SETTLE_PAUSE, SETTLE_SECONDS = 0.02, 2.0
"""How often it is looked whether the task of a stored answer has ended, and how long; nobody calls that."""
_READ = (*FOLLOWED, "step")


@dataclass(frozen=True)
class Told:
    """An event of a run; without a kind nothing was said for a while. `done` is the last: its data has the status."""

    seq: int
    kind: str
    data: dict[str, Any]


SILENCE = Told(0, "", {})


@dataclass(frozen=True)
class Watch:
    """How long somebody may follow, and how often it is asked whether they still may, both in seconds."""

    allowed: Callable[[], bool]
    check_seconds: float
    seconds: float


def follow(org_id: UUID, task_id: UUID, after: int, watch: Watch) -> Iterator[Told]:
    """The events after a number as they come; no connection is held between them.

    They are read in the scope of the caller, also when the answer is streamed after the request has ended.
    """
    return _followed(current_scope(), org_id, task_id, _Heard(after), watch)


@dataclass
class _Heard:
    """Where a follower is: the number of its last event, when it last read and was spoken to, and if that was all.

    `stored_at` is when it heard that the answer is stored; 0 before.
    """

    last: int
    read_at: float = 0.0
    spoken_at: float = 0.0
    stored_at: float = 0.0
    ended: bool = False

    def missed(self, call: Call | None) -> bool:
        """Whether the database must be read."""
        if call is None:
            return time.monotonic() - self.read_at > READ_SECONDS
        return not call.said or call.first > self.last + 1

    def news(self, call: Call | None) -> list[Told]:
        """What a call says that was not heard yet."""
        if call is None:
            return []
        numbered = enumerate(call.said, call.first)
        return [Told(seq, kind, dict(data)) for seq, (kind, data) in numbered if seq > self.last]

    def spoken(self, events: list[Told]) -> Iterator[Told]:
        """The events that followers are told, and a sign after a long silence."""
        for told in events:
            self.last = max(self.last, told.seq)
            self.ended = told.kind == "done"
            if told.kind == "step" and told.data.get("name") == FINISH:
                self.stored_at = time.monotonic()
            if told.kind in FOLLOWED or self.ended:
                self.spoken_at = time.monotonic()
                yield told
        if time.monotonic() - self.spoken_at > SILENT_SECONDS:
            self.spoken_at = time.monotonic()
            yield SILENCE


def _followed(scope: Scope, org_id: UUID, task_id: UUID, heard: _Heard, watch: Watch) -> Iterator[Told]:
    use_scope(scope)
    began = checked = heard.spoken_at = time.monotonic()
    yield from heard.spoken(_read(org_id, task_id, heard))
    if heard.ended:
        return  # nothing more is called
    with followers().following(task_id) as line:
        events = _read(org_id, task_id, heard)
        while True:
            yield from heard.spoken(events)
            now = time.monotonic()
            if heard.ended or now - began > watch.seconds:
                return
            if now - checked > watch.check_seconds:
                checked = now
                if not _allowed(watch):
                    return
            events = _next(org_id, task_id, heard, line)


def _allowed(watch: Watch) -> bool:
    """Whether they still may; the connection that it took to find out is given back at once."""
    found = watch.allowed()
    with transaction():
        return found


def _next(org_id: UUID, task_id: UUID, heard: _Heard, line: Line) -> list[Told]:
    if heard.stored_at:
        return _settled(org_id, task_id, heard)
    call = line.hear(HEAR_SECONDS)
    if heard.missed(call):
        return _read(org_id, task_id, heard)
    return _with_pause(heard.news(call))


def _settled(org_id: UUID, task_id: UUID, heard: _Heard) -> list[Told]:
    """The end of a stored answer once its task has ended too, so that whoever is told may go on in the thread at once.

    A worker that ends in between leaves the task as it is for a while: then the answer counts.
    """
    time.sleep(SETTLE_PAUSE)
    events = _read(org_id, task_id, heard)
    if not _over(events) and time.monotonic() - heard.stored_at > SETTLE_SECONDS:
        events.append(Told(heard.last, "done", {"status": "succeeded"}))
    return events


def _read(org_id: UUID, task_id: UUID, heard: _Heard) -> list[Told]:
    """What the database holds of it; the run is read first, so that no event of one that has ended is missing."""
    with transaction():
        run = RunsRepo().get(org_id, task_id)
        found = RunsRepo().events(org_id, task_id, _READ, heard.last)
    heard.read_at = time.monotonic()
    events = _with_pause([Told(seq, kind, data) for seq, kind, data in found])
    if (run is None or not run.live) and not _over(events):
        last = events[-1].seq if events else heard.last
        events.append(Told(last, "done", {"status": run.status if run else "failed"}))
    return events


def _over(events: list[Told]) -> bool:
    return bool(events) and events[-1].kind == "done"


def _with_pause(events: list[Told]) -> list[Told]:
    """The events; with an end where the answer has come to wait for people."""
    last = events[-1] if events else None
    if last and last.kind == "step" and last.data.get("name", "").startswith(f"{WAIT}-"):
        return [*events, Told(last.seq, "done", {"status": "waiting"})]
    return events


def sent_events(told: Iterator[Told]) -> Iterator[bytes]:
    """The lines of a stream of server-sent events."""
    yield b"retry: 1000\n\n"
    for event in told:
        if not event.kind:
            yield b": still here\n\n"
        else:
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (
                event.seq,
                event.kind.encode(),
                orjson.dumps(event.data),
            )

"""Kinds of tasks that only tests know, and `python -m tests.support.task_kinds`: a worker that knows them."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from app import create_app, handlers
from app.audit.services import record
from app.db import work
from app.db.base import db
from app.db.work import ANSWERS, Kind, TaskInput, Work
from app.tasks.worker.process import Worker

HERE = "tests.support.task_kinds"


class Plain(TaskInput):
    """How long to take, in how many steps, and what else to do; `file` gets a line per step that ran."""

    seconds: float = 0
    steps: int = 1
    act: str = ""
    file: str = ""


def plain(task: Work, given: Plain) -> dict[str, Any]:
    """Take the time in steps, and misbehave in the first one where asked to."""
    for number in range(given.steps):
        task.step(f"step-{number}", lambda number=number: _step(task, given, number))
        task.progress(number + 1, given.steps)
    return {"steps": given.steps}


def _step(task: Work, given: Plain, number: int) -> int:
    time.sleep(given.seconds / given.steps)
    record("test.effect", "task", task.task_id, f"step-{number}")
    if given.file:
        with Path(given.file).open("a", encoding="utf-8") as file:
            file.write(f"{task.key(f'step-{number}')}\n")
    if given.act == "raise":
        raise RuntimeError("as asked")
    if given.act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if given.act == "hang":
        time.sleep(600)
    if given.act == "statement":
        db.session.execute(db.text("SELECT pg_sleep(:seconds)"), {"seconds": 5})
    return number


def empty(_task: Work, _given: Plain) -> None:
    """Do nothing."""


def telling(task: Work, given: Plain) -> None:
    """Tell those who follow the task something, then do as asked."""
    task.tell([("part", {"number": 1}), ("part", {"number": 2})])
    task.step("step-0", lambda: _step(task, given, 0))


def ended(_org_id: UUID, task_id: UUID, _given: Plain, reason: str) -> None:
    """Leave a trace of the end."""
    record("test.ended", "task", task_id, reason)


PLAIN = Kind("test.plain", "Test", Plain, plain, "agents.edit", schedulable=True)
EMPTY = Kind("test.empty", "Empty test", Plain, empty, "agents.edit", schedulable=True)
SHORT = Kind("test.short", "Test that may take 2 s", Plain, plain, "agents.edit", seconds=2)
OTHER = Kind("test.other", "Test in another queue", Plain, plain, "agents.edit", queue="other")
URGENT = Kind("test.urgent", "Test before others", Plain, plain, "agents.edit", priority=10)
ANSWER = Kind("test.answer", "Test that somebody waits for", Plain, plain, "agents.edit", queue=ANSWERS)
TELLING = Kind("test.telling", "Test that tells", Plain, telling, "agents.edit", ended=ended)
KINDS = {
    kind.name: f"{HERE}:{name}"
    for name, kind in (
        ("PLAIN", PLAIN),
        ("EMPTY", EMPTY),
        ("SHORT", SHORT),
        ("OTHER", OTHER),
        ("URGENT", URGENT),
        ("ANSWER", ANSWER),
        ("TELLING", TELLING),
    )
}


def main(queues: list[str], concurrency: int) -> None:
    """Work as `flask worker` does."""
    app = create_app(pages=False)
    work.register(app, {**handlers.KINDS, **KINDS})
    Worker(app, queues, concurrency).run()


if __name__ == "__main__":
    main(sys.argv[2:], int(sys.argv[1]))

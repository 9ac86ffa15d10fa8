"""`make soak SECONDS=600`: tasks under load while processes are killed at random; then the database is asked.

Workers are killed (SIGKILL), frozen for a while (SIGSTOP) and ended in order (SIGTERM); PostgreSQL is stopped hard.
Each step of a task leaves an effect in its transaction. A task is lost if it was acknowledged and is missing or never
ends,
doubled if an attempt too many succeeded or an effect is there twice. The last line reads `lost N, doubled N, tasks N,
kills N`; the exit code is 0 only if nothing was lost or doubled.
"""

import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from uuid import UUID

from flask import current_app
from psycopg import Error as DriverError
from sqlalchemy.exc import SQLAlchemyError

from app.db.base import db
from tests.support.database import start_cluster
from tests.support.postgres import Postgres
from tests.support.processes import Process, wait_until
from tests.support.stage import Stage, stage
from tests.support.task_kinds import OTHER, PLAIN, SHORT, URGENT

WORKERS = 3
END_SECONDS = 180
"""After the last kill: 30 s until a worker counts as gone, and the retries of what it had."""
DATABASE_EVERY = 20
"""One kill of so many is PostgreSQL's."""


class Load(threading.Thread):
    """Queues tasks of many organisations until told to stop; `acknowledged` are those whose commit came back."""

    def __init__(self, place: Stage) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[UUID] = set()
        self.ended = threading.Event()
        self._place = place
        self._app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - LocalProxy

    def run(self) -> None:
        """Queue some tasks a second."""
        number = 0
        with self._app.app_context():
            while not self.ended.wait(random.uniform(0.02, 0.2)):
                number += 1
                kind = random.choice((PLAIN, PLAIN, PLAIN, URGENT, OTHER, SHORT))
                try:
                    seconds, steps = random.uniform(0, 1), random.randint(1, 3)
                    self.acknowledged.add(self._place.add(kind, number, seconds=seconds, steps=steps))
                except (SQLAlchemyError, DriverError):  # refused, so nothing was promised
                    db.session.remove()


def disturb(place: Stage, cluster: Postgres, seconds: float) -> int:
    """Kill something every few seconds; how many processes were killed, frozen or stopped."""
    until, kills = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        time.sleep(random.uniform(1, 4))
        kills += 1
        if kills % DATABASE_EVERY == 0:
            cluster.restart("immediate")
            continue
        _strike(place, random.choice(place.workers))
    return kills


def _strike(place: Stage, worker: Process) -> None:
    way = random.choices(("kill", "stop", "freeze"), (7, 1, 2))[0]
    if way == "freeze" and worker.running:
        worker.pause()
        threading.Timer(random.uniform(1, 45), worker.resume).start()
        return
    if worker.running:
        worker.resume()
        if way == "stop":
            worker.stop()
        else:
            worker.kill()
    place.again(worker)


def judge(place: Stage, acknowledged: set[UUID], kills: int) -> bool:
    """Print the history in figures; whether nothing was lost or doubled."""
    found = place.histories()
    lost = (acknowledged - {task.id for task in found}) | {task.id for task in found if not task.ended}
    doubled = [task for task in found if task.doubled]
    for task in [*doubled, *(task for task in found if task.id in lost)]:
        print(task)
    counts: dict[str, int] = {}
    for task in found:
        counts[task.status] = counts.get(task.status, 0) + 1
    print(", ".join(f"{status} {count}" for status, count in sorted(counts.items())))
    print(
        f"attempts {sum(task.attempts for task in found)}, most for one task {max(t.attempts for t in found)}"
    )
    print(f"lost {len(lost)}, doubled {len(doubled)}, tasks {len(found)}, kills {kills}", flush=True)
    return not lost and not doubled


def main(seconds: float) -> int:
    """The whole run; the exit code."""
    cluster = start_cluster()
    try:
        with tempfile.TemporaryDirectory() as directory, stage(cluster, Path(directory)) as place:
            for _ in range(WORKERS):
                place.worker(6)
            wait_until(lambda: place.alive() == WORKERS, 60, "the workers")
            load = Load(place)
            load.start()
            kills = disturb(place, cluster, seconds)
            load.ended.set()
            load.join()
            for worker in place.workers:
                worker.resume()
                if not worker.running:
                    place.again(worker)
            try:
                wait_until(place.idle, END_SECONDS, "the end of every task")
            except TimeoutError as error:
                print(error)
            return 0 if judge(place, load.acknowledged, kills) else 1
    finally:
        cluster.remove()


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))

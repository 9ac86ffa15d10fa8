"""What tasks cost: commit to start, throughput beside procrastinate alone, schedules, rest, and the next choice."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

import psutil

from bench.report import line, shown, table, times
from tests.support.database import start_cluster
from tests.support.postgres import Postgres
from tests.support.processes import wait_until
from tests.support.stage import Stage, stage
from tests.support.task_kinds import EMPTY
from tests.support.web import ROOT, Worker

STARTS = 200
EMPTY_TASKS = 3_000
ROUNDS = 3
SCHEDULES = 10_000
FINISHED = (1_000, 1_000_000)
ORDER = 500
DONE = "SELECT count(*) FROM tasks WHERE status = 'succeeded'"
STARTED = "SELECT extract(epoch FROM started_at)::float FROM task_attempts WHERE task_id = %s"
RUN_TIME = """
    SELECT count(*) / extract(epoch FROM max(ended_at) - min(started_at))::float FROM task_attempts
     WHERE started_at > %s
"""
FINISH = """
    INSERT INTO tasks (id, org_id, kind, status, attempt, started_at, finished_at, created_at)
    SELECT gen_random_uuid(), (%(orgs)s::uuid[])[1 + n %% %(count)s], 'test.empty', 'succeeded', 1, now(), now(),
           now() - n * interval '1 second' FROM generate_series(1, %(rows)s) n
"""
SCHEDULE = """
    INSERT INTO schedules (id, org_id, name, kind, cron, overlap, created_by, starts_at, next_run_at)
    SELECT gen_random_uuid(), m.org_id, 'Schedule ' || n, 'test.empty', '0 0 * * *', 'allow', m.user_id,
           now() - interval '1 day', date_trunc('minute', now())
      FROM generate_series(1, %s) n JOIN (SELECT org_id, user_id, row_number() OVER (ORDER BY id) - 1 AS place
                                            FROM org_members) m ON m.place = n %% %s
"""
CLAIM = "SELECT * FROM claim_tasks(gen_random_uuid(), NULL, '', 1, 1000, 1000)"


def measure_rest(place: Stage) -> None:
    """The worker as the product starts it, without work."""
    worker = Worker(place.directory, place.settings)
    worker.begin()
    wait_until(lambda: place.alive() == 1, 60, "the worker")
    process = psutil.Process(worker.pid)
    time.sleep(5)
    process.cpu_percent()
    time.sleep(20)
    line("idle worker, % CPU", f"{process.cpu_percent():.2f}", "at most 1")
    line("idle worker, MiB resident", f"{process.memory_info().rss / 2**20:.0f}", "at most 120")
    worker.stop()


def measure_starts(place: Stage) -> None:
    """From the moment the commit has come back until the attempt begins, on an idle worker."""
    worker = place.worker()
    wait_until(lambda: place.alive() == 1, 60, "the worker")
    waits = []
    for number in range(STARTS):
        task_id = place.add(EMPTY, number)
        committed = time.time()
        wait_until(lambda task_id=task_id: place.ask(STARTED, task_id), 10, "a start")
        waits.append(1000 * (place.ask(STARTED, task_id)[0][0] - committed))
        time.sleep(0.02)
    waits.sort()
    line("commit to start, ms, median", shown(max(0, statistics.median(waits))), "at most 30")
    line("commit to start, ms, 95th of 100", shown(max(0, waits[int(0.95 * STARTS)])), "at most 150")
    worker.stop()


def measure_throughput(place: Stage, cluster: Postgres) -> None:
    """Empty tasks at a concurrency of ten, ours and procrastinate's alone in turns; the best of each."""
    ours, bare = [], []
    for number in range(ROUNDS):
        for order in ("ours", "bare") if number % 2 else ("bare", "ours"):
            if order == "ours":
                ours.append(_ours(place))
            else:
                bare.append(_bare(cluster, number))
    line("procrastinate's worker, empty tasks a second", shown(max(bare)), "")
    line("ours, empty tasks a second", shown(max(ours)), "")
    line("ours to procrastinate's", times(max(ours) / max(bare)), "at least 0.8×")


def _ours(place: Stage) -> float:
    begun = place.ask("SELECT clock_timestamp()")[0][0]
    for number in range(EMPTY_TASKS):
        place.add(EMPTY, number)
    worker = place.worker(10)
    wait_until(place.idle, 300, "the end of the tasks")
    worker.stop()
    return float(place.ask(RUN_TIME, begun)[0][0])


def _bare(cluster: Postgres, number: int) -> float:
    name = f"agentpress_bare_{number}"
    address = cluster.create_database(name)
    cluster.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    command = [sys.executable, "-m", "bench.bare", address, str(EMPTY_TASKS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    cluster.drop_database(name)
    return float(done.stdout)


def measure_schedules(place: Stage) -> None:
    """Schedules that are all due, and one worker; until each slot has its task."""
    with place.connect() as connection:
        connection.execute(SCHEDULE, (SCHEDULES, len(place.tenants)))
    worker = place.worker(1)
    fired = "SELECT count(*), count(DISTINCT (schedule_id, slot_at)) FROM tasks WHERE slot_at IS NOT NULL"
    first = "SELECT extract(epoch FROM max(created_at) - min(created_at))::float FROM tasks WHERE slot_at IS NOT NULL"
    wait_until(lambda: place.ask(fired)[0][0] >= SCHEDULES, 300, "every slot")
    count, slots = place.ask(fired)[0]
    line(f"{SCHEDULES:,} due schedules, s", f"{place.ask(first)[0][0]:.1f}", "at most 60")
    line("tasks for one slot too many", count - slots, "0")
    worker.kill()


def measure_choice(place: Stage) -> None:
    """Taking the next task of a few that wait, beside few and many finished ones."""
    orgs: list[UUID] = [org_id for org_id, _ in place.tenants]
    with place.connect() as connection:
        connection.execute("TRUNCATE tasks CASCADE")
        connection.execute("TRUNCATE procrastinate_jobs CASCADE")
    costs, before = [], 0
    for rows in FINISHED:
        with place.connect() as connection:
            values = {"orgs": orgs, "count": len(orgs), "rows": rows - before}
            connection.execute(FINISH, values)
        for number in range(100 if not before else 0):
            place.add(EMPTY, number)
        with place.connect() as connection:
            connection.execute("VACUUM (ANALYZE)")
        costs.append(_choice(place))
        before = rows
        line(f"next of 100 tasks beside {rows:,} finished, ms", shown(costs[-1]), "")
    line("growth", times(costs[1] / costs[0]), "at most 1.3×")


def _choice(place: Stage) -> float:
    spent = []
    with place.connect() as connection:
        connection.prepare_threshold = 0
        for _ in range(ORDER):
            with connection.transaction(force_rollback=True):
                began = time.perf_counter()
                connection.execute(CLAIM).fetchall()
                spent.append(time.perf_counter() - began)
    return min(statistics.median(spent[start::5]) for start in range(5)) * 1000


def main() -> None:
    """Every table."""
    cluster = start_cluster()
    try:
        with tempfile.TemporaryDirectory() as directory, stage(cluster, Path(directory)) as place:
            table("tasks", "measured", "goal")
            measure_rest(place)
            measure_starts(place)
            measure_throughput(place, cluster)
            measure_schedules(place)
            measure_choice(place)
    finally:
        cluster.remove()

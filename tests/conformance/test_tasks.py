"""TK: tasks end exactly once and slots run exactly once, whatever happens to workers, database and clock.

Each test prints the history it checked.
"""

import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from flask import current_app

from app.tasks.models import Schedule
from app.tasks.services.schedules import tick
from tests.factories.rows import save
from tests.support.clock import Clock
from tests.support.database import start_cluster
from tests.support.postgres import LASTING
from tests.support.processes import wait_until
from tests.support.stage import say, stage
from tests.support.task_kinds import ANSWER, EMPTY, PLAIN, SHORT
from tests.support.web import ROOT, clean_environment

pytestmark = pytest.mark.conformance

NEXT_SLOT = """
    UPDATE schedules SET run_at = run_at + interval '1 minute', next_run_at = run_at + interval '1 minute'
"""
STALLED_SECONDS = 30
START_SECONDS = 30  # of a worker on a busy machine


@pytest.fixture
def own_cluster():
    server = start_cluster(tuned=LASTING)
    yield server
    server.remove()


@pytest.fixture
def place(own_cluster, tmp_path):
    with stage(own_cluster, tmp_path) as made:
        yield made


def check(place, expected):
    """Print and judge the history of every task."""
    found = place.histories()
    say(*found)
    assert len(found) == expected
    assert [str(task) for task in found if not task.ended] == [], "lost"
    assert [str(task) for task in found if task.doubled] == [], "doubled"
    left = place.ask("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'")
    assert left == [(0,)], "a delivery without its task"
    return found


def killed_every_second(place, seconds):
    until, kills = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        time.sleep(1)
        victim = random.choice(place.workers)
        if victim.running:
            victim.kill()
            kills += 1
        place.again(victim)
    return kills


def test_tk_1_tasks_end_once_while_workers_are_killed(place):
    for number in range(100):
        place.add(PLAIN, number, seconds=random.uniform(0.2, 2), steps=random.randint(1, 3))
    place.add(PLAIN, act="statement")
    for _ in range(4):
        place.worker(5)
    wait_until(lambda: place.alive() == 4, START_SECONDS)
    kills = killed_every_second(place, 30)
    wait_until(lambda: place.alive() >= 4, START_SECONDS)
    wait_until(place.idle, STALLED_SECONDS + 60)
    found = check(place, 101)
    say(f"{kills} kills")
    assert max(task.attempts for task in found) > 1
    assert {task.error for task in found} <= {None, "its worker ended"}


def test_tk_1_a_paused_worker_finds_its_task_gone(place):
    place.add(PLAIN, seconds=8, steps=2)
    first = place.worker(1)
    wait_until(lambda: place.ask("SELECT kind FROM task_events") == [("step",)], START_SECONDS)
    first.pause()
    place.worker(1)
    wait_until(lambda: place.ask("SELECT status FROM tasks") == [("succeeded",)], STALLED_SECONDS + 60)
    first.resume()
    wait_until(lambda: "lost lease" in first.output(), 30)
    (task,) = check(place, 1)
    assert task.attempts == 2


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_tk_1_the_database_restarts_under_load(own_cluster, place, mode):
    for number in range(60):
        place.add(PLAIN, number, seconds=0.5, steps=2)
    for _ in range(2):
        place.worker(4)
    wait_until(
        lambda: place.ask("SELECT count(*) FROM tasks WHERE status = 'succeeded'")[0][0] > 5, START_SECONDS
    )
    own_cluster.restart(mode)
    wait_until(place.idle, STALLED_SECONDS + 60)
    check(place, 60)


@pytest.mark.parametrize(("moment", "count"), [("before", 0), ("after", 1)])
def test_tk_2_a_process_that_dies_beside_the_commit(place, moment, count):
    command = [sys.executable, "-m", "tests.support.enqueue_and_die", moment, *map(str, place.tenants[0])]
    done = subprocess.run(command, env=clean_environment(place.settings), cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    wait_until(lambda: place.ask("SELECT count(*) FROM procrastinate_jobs") == [(count,)], 10)
    assert place.ask("SELECT count(*) FROM tasks") == [(count,)]
    place.worker()
    wait_until(lambda: place.alive() == 1, START_SECONDS)
    wait_until(place.idle, 10)
    check(place, count)


def test_tk_3_two_schedulers_at_the_same_slots(place):
    org_id, user_id = place.tenants[0]
    start = place.ask("SELECT date_trunc('hour', now()) - interval '1 day'")[0][0]
    for number in range(10):
        once = {"run_at": start, "next_run_at": start, "overlap": "allow"}
        save(
            Schedule(org_id=org_id, name=f"Schedule {number}", kind="test.empty", created_by=user_id, **once)
        )
    app = current_app._get_current_object()
    barrier = threading.Barrier(2, lambda: place.change(NEXT_SLOT))

    def schedule() -> None:
        for _ in range(100):
            barrier.wait(60)
            with app.app_context():
                tick()

    threads = [threading.Thread(target=schedule) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    runs = place.ask("SELECT count(*), count(DISTINCT (schedule_id, slot_at)), min(status) FROM tasks")
    say(f"{runs[0][0]} tasks of {runs[0][1]} slots")
    assert runs == [(1000, 1000, "queued")]
    assert place.ask("SELECT count(*) FROM procrastinate_jobs") == [(1000,)]


@pytest.fixture
def clock():
    moved = Clock()
    yield moved
    moved.remove()


def test_tk_3_three_hours_down_and_a_clock_set_back(clock, tmp_path):
    server = start_cluster(clock.environment)
    try:
        with stage(server, tmp_path, 1, **clock.environment) as place:
            org_id, user_id = place.tenants[0]
            begun = place.ask("SELECT date_trunc('minute', now())")[0][0]
            minutely = {"cron": "* * * * *", "starts_at": begun, "next_run_at": begun}
            save(Schedule(org_id=org_id, name="Minutely", kind="test.empty", created_by=user_id, **minutely))
            worker = place.worker(1)
            runs = "SELECT count(*) FROM tasks WHERE status = 'succeeded'"
            wait_until(lambda: place.ask(runs) == [(1,)], START_SECONDS)
            worker.stop()
            clock.shift(3 * 3600)
            place.again(worker)
            wait_until(lambda: place.ask(runs)[0][0] >= 2, START_SECONDS)
            time.sleep(3)
            done = place.ask("SELECT slot_at, status, error FROM tasks ORDER BY slot_at")
            say(*done)
            late = [row for row in done if row[1] == "succeeded" and row[0] - begun > timedelta(minutes=10)]
            assert len(late) in {1, 2}, "one catch-up, and perhaps the minute that began since"
            clock.shift(2 * 3600)
            time.sleep(5)
            again = place.ask("SELECT count(*) - count(DISTINCT slot_at) FROM tasks")
            assert again == [(0,)]
            assert place.ask(runs)[0][0] <= len(late) + 2
    finally:
        clock.shift(0)
        server.remove()


def test_tk_5_a_task_that_kills_its_worker_is_dead_after_five_and_its_neighbours_end_well(place):
    killer = place.add(PLAIN, seconds=2, act="kill")
    neighbours = [place.add(PLAIN, number, seconds=6) for number in (1, 2)]
    worker = place.worker(4)
    others = [place.add(PLAIN, number, seconds=0.2) for number in range(20)]
    until = time.monotonic() + 400
    while not place.idle() and time.monotonic() < until:
        if not worker.running:
            place.again(worker)
        time.sleep(1)
    found = {task.id: task for task in check(place, 23)}
    assert (found[killer].status, found[killer].error, found[killer].attempts) == (
        "failed",
        "its worker ended",
        5,
    )
    assert {found[task].status for task in others + neighbours} == {"succeeded"}
    assert max(found[task].attempts for task in neighbours) <= 3, "twice beside the killer, then without it"
    assert {task.failures for task in found.values()} == {0}


def test_tk_5_a_task_that_raises_and_one_that_hangs_end_beside_others(place):
    raising = place.add(PLAIN, act="raise")
    hanging = place.add(SHORT, 1, act="hang")
    others = [place.add(PLAIN, number, seconds=0.2) for number in range(20)]
    place.worker(4)
    wait_until(place.idle, 120)
    found = {task.id: task for task in check(place, 22)}
    assert (found[raising].error, found[raising].attempts) == ("RuntimeError", 3)
    assert (found[hanging].error, found[hanging].attempts) == ("ran longer than 2 s", 3)
    assert {found[task].status for task in others} == {"succeeded"}


def test_tk_5_one_task_of_another_organisation_does_not_wait_behind_5000(place):
    place.worker(4)
    wait_until(lambda: place.alive() == 1, START_SECONDS)
    place.enter(0)
    for _ in range(5000):
        place.add(PLAIN, 0, seconds=0.5)
    mine = place.add(EMPTY, 1)
    started = "SELECT extract(epoch FROM started_at - created_at)::float FROM tasks WHERE id = %s"
    wait_until(lambda: place.ask(started, mine)[0][0] is not None, 30)
    waited = place.ask(started, mine)[0][0]
    say(f"started after {waited:.2f} s")
    assert waited < 5


def test_tk_5_an_answer_does_not_wait_behind_slow_tasks(place):
    place.worker(10)
    wait_until(lambda: place.alive() == 1, START_SECONDS)
    for number in range(40):
        place.add(PLAIN, number, seconds=60)
    full = "SELECT count(*) FROM tasks WHERE status = 'running'"
    wait_until(lambda: place.ask(full) == [(10,)], 30, "a full worker")
    answers = [place.add(ANSWER, number) for number in range(3)]
    ended = "SELECT count(*) FROM tasks WHERE kind = 'test.answer' AND status = 'succeeded'"
    wait_until(lambda: place.ask(ended) == [(3,)], 20)
    waited = [
        place.ask("SELECT extract(epoch FROM started_at - created_at)::float FROM tasks WHERE id = %s", one)
        for one in answers
    ]
    say(f"started after {', '.join(f'{row[0][0]:.2f} s' for row in waited)}")
    assert max(row[0][0] for row in waited) < 5, (
        "of the 60 s that a slow task takes; a busy machine needs one or two"
    )
    assert place.ask(full) == [(10,)]


def test_tk_5_sigterm_finishes_or_hands_back(place):
    quick = place.add(PLAIN, 0, seconds=4, steps=4)
    slow = place.add(PLAIN, 1, seconds=40, steps=2)
    stepwise = place.add(PLAIN, 2, seconds=30, steps=60)
    worker = place.worker(4)
    wait_until(
        lambda: place.ask("SELECT count(*) FROM tasks WHERE status = 'running'") == [(3,)], START_SECONDS
    )
    began = time.monotonic()
    worker.stop(seconds=30)
    took = time.monotonic() - began
    say(f"stopped in {took:.1f} s")
    assert took < 30
    states = dict(place.ask("SELECT id, status FROM tasks"))
    assert states == {quick: "succeeded", slow: "queued", stepwise: "queued"}
    place.worker(4)
    wait_until(place.idle, 120)
    found = {task.id: task for task in check(place, 3)}
    assert {task.failures for task in found.values()} == {0}
    assert found[stepwise].attempts == 2

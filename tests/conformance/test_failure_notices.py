"""Two workers at the same failures: each is told once, each person is written to once."""

import threading

import pytest
from flask import current_app

from app.tasks.services.failures import tell_failures
from tests.support.database import start_cluster
from tests.support.stage import say, stage

pytestmark = pytest.mark.conformance

ROUNDS = 50
FAIL = """
    UPDATE users SET failures_told_at = NULL;
    INSERT INTO tasks (id, org_id, created_by, kind, status, finished_at)
    SELECT gen_random_uuid(), m.org_id, m.user_id, 'test.plain', 'failed', now() - interval '5 minutes'
      FROM org_members m, generate_series(1, 3)
"""


@pytest.fixture
def place(tmp_path):
    server = start_cluster()
    try:
        with stage(server, tmp_path, 5) as made:
            yield made
    finally:
        server.remove()


def test_two_workers_write_one_message_a_person(place):
    app = current_app._get_current_object()
    barrier = threading.Barrier(2, lambda: place.change(FAIL))
    told = []

    def tell() -> None:
        for _ in range(ROUNDS):
            barrier.wait(60)
            with app.app_context():
                told.append(tell_failures())

    threads = [threading.Thread(target=tell) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    written = place.ask("SELECT count(*), count(DISTINCT recipient), min(subject) FROM email_outbox")
    say(f"{written[0][0]} messages, {sum(told)} told, {ROUNDS} rounds of 5 people")
    assert written == [(5 * ROUNDS, 5, "AgentPress: 3 tasks of yours failed")]
    assert sum(told) == 5 * ROUNDS
    assert place.ask("SELECT count(*) FROM tasks WHERE told_at IS NULL") == [(0,)]

"""`flask tasks` and `flask schedules`."""

from datetime import UTC, datetime

import pytest

from app.audit.models import AuditEvent
from app.db.tables import Task
from tests.factories import orgs, tasks
from tests.factories.rows import rows

SOON = datetime(2030, 1, 1, 3, tzinfo=UTC)


@pytest.fixture
def run(app, connection):
    """A function that runs a command and returns its exit code and what it said."""

    def act(*arguments):
        result = app.test_cli_runner().invoke(args=arguments)
        return result.exit_code, result.output

    return act


def test_tasks_are_listed_by_organisation_and_status(run):
    acme, other = orgs.org(slug="acme"), orgs.org(slug="other")
    failed = tasks.task(acme, status="failed", error="RuntimeError")
    tasks.task(acme, status="succeeded")
    elsewhere = tasks.task(other)
    code, said = run("tasks", "list")
    assert code == 0
    assert len(said.splitlines()) == 3
    assert str(elsewhere.id) in said
    code, said = run("tasks", "list", "--org", "acme", "--status", "failed")
    assert said.split()[:2] == [str(failed.id), "acme"]
    assert "RuntimeError" in said
    assert run("tasks", "list", "--org", "nowhere")[0] == 2


def test_a_task_is_cancelled_and_queued_again(run):
    task = tasks.task(orgs.org(slug="acme"))
    assert run("tasks", "cancel", str(task.id)) == (0, f"Cancelled: task {task.id} of acme.\n")
    assert rows(Task)[0].status == "cancelled"
    code, said = run("tasks", "cancel", str(task.id))
    assert (code, "The task is cancelled." in said) == (2, True)
    assert run("tasks", "retry", str(task.id), "--org", "acme")[0] == 0
    assert rows(Task)[0].status == "queued"
    assert rows(Task)[0].delivery_id is not None
    events = [(event.action, event.actor_label) for event in rows(AuditEvent)]
    assert events == [("task.cancel", "command line"), ("task.retry", "command line")]


def test_a_running_task_is_asked_to_stop(run):
    task = tasks.task(orgs.org(), status="running", attempt=1)
    assert run("tasks", "cancel", str(task.id))[0] == 0
    stored = rows(Task)[0]
    assert stored.status == "running"
    assert stored.cancel_requested_at is not None


@pytest.mark.parametrize("argument", ["01a00000-0000-7000-8000-000000000000", "x"])
def test_an_unknown_task_is_a_usage_error(run, argument):
    code, said = run("tasks", "cancel", argument)
    assert (code, "Traceback" in said) == (2, False)


def test_schedules_are_listed(run):
    schedule = tasks.schedule(orgs.org(slug="acme"), next_run_at=SOON)
    code, said = run("schedules", "list")
    assert code == 0
    assert said.split()[:4] == [str(schedule.id), "acme", "2030-01-01T03:00Z", "active"]


def test_the_next_runs_are_shown_in_both_zones_and_moves_are_named(run):
    arguments = ("--zone", "Europe/Berlin", "--after", "2026-03-28", "--count", "2")
    code, said = run("schedules", "preview", "30 2 * * *", *arguments)
    assert code == 0
    assert said.splitlines() == [
        "Sat 2026-03-28 02:30 CET  2026-03-28T01:30Z",
        "Sun 2026-03-29 03:00 CEST  2026-03-29T01:00Z  moved",
    ]
    stored = tasks.schedule(
        orgs.org(), cron="0 9 * * *", time_zone="Asia/Kolkata", starts_at=datetime(2025, 1, 1, tzinfo=UTC)
    )
    code, said = run("schedules", "preview", str(stored.id), "--after", "2026-01-01", "--count", "1")
    assert said == "Thu 2026-01-01 09:00 IST  2026-01-01T03:30Z\n"


@pytest.mark.parametrize("line", ["0 0 31 2 *", "@reboot", "* * * * * *"])
def test_tk_4_a_wrong_line_is_a_usage_error(run, line):
    code, said = run("schedules", "preview", line)
    assert (code, "Traceback" in said) == (2, False)

"""`flask agents evaluate`: a run that a worker does while the command waits."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from uuid_utils.compat import uuid7

from app.agents.models import EvaluationRun
from app.commands import agents as command
from app.db.tables import Task, WorkerProcess
from tests.factories import agents, evaluations, orgs
from tests.factories.rows import rows, save
from tests.support.model_server import Answer


@dataclass
class Hours:
    """Time that passes only while the command sleeps, and what happens meanwhile."""

    meanwhile: list = field(default_factory=list)
    passed: float = 0.0

    def monotonic(self):
        return self.passed

    def sleep(self, seconds):
        self.passed += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()


@pytest.fixture
def evaluate(app, connection, org, monkeypatch):
    """A function that runs the command; how it ended."""

    def act(*words, meanwhile=()):
        monkeypatch.setattr(command, "time", Hours(list(meanwhile)))
        return app.test_cli_runner().invoke(args=["agents", "evaluate", *words, "--org", "acme"])

    return act


@pytest.fixture
def worker(connection):
    return save(WorkerProcess(id=uuid7(), host="here", pid=1))


def case(agent, name, words):
    return evaluations.case(agent, name=name, checks=[{"kind": "contains", "value": words}])


def test_cases_that_pass_are_listed_and_the_command_exits_with_0(agent, server, worker, work, evaluate):
    case(agent, "Greets", "hello")
    done = evaluate("Support", meanwhile=[work])
    assert done.exit_code == 0, done.output
    head, line, last = done.stdout.splitlines()
    assert head.split() == ["Result", "Tokens", "Cost", "Seconds", "Case"]
    assert line.split()[:3] == ["passed", "18", "0.000025"]
    assert line.endswith("  Greets")
    assert last == "1 of 1 cases of the draft passed."
    assert done.stderr == "0 of 1 cases asked\n"
    (run,) = rows(EvaluationRun)
    (task,) = rows(Task)
    assert (run.status, run.created_by, task.trigger, task.status) == (
        "finished",
        None,
        "system",
        "succeeded",
    )


def test_a_case_that_fails_is_named_with_the_reason_and_the_command_exits_with_1(
    agent, server, worker, work, evaluate
):
    case(agent, "Greets", "hello")
    case(agent, "Leaves\x1b[2J", "bye")
    done = evaluate(str(agent.id), "--draft", meanwhile=[work])
    assert done.exit_code == 1
    assert "failed" in done.stdout
    assert "Leaves [2J" in done.stdout
    assert "\x1b" not in done.stdout
    assert "Contains the text bye: The answer does not contain it." in done.stdout
    assert done.stdout.splitlines()[-1] == "1 of 2 cases of the draft passed."


def test_a_version_is_asked_and_told_as_json(agent, server, worker, work, evaluate):
    agents.version(agent, snapshot={"name": "S", "prompt": "Old.", "provider": "main", "model": "m"})
    case(agent, "Greets", "bye")
    server.answers = [Answer(("Hello \u2028 é",))]
    done = evaluate("Support", "--version", "1", "--json", meanwhile=[work])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert (told["version"], told["status"], told["passed"], told["total"]) == (1, "finished", 0, 1)
    assert told["agent"] == {"id": str(agent.id), "name": "Support"}
    (one,) = told["cases"]
    assert (one["name"], one["passed"], one["cost_micros"]) == ("Greets", False, 25)
    assert one["checks"][0]["reason"] == "The answer does not contain it."
    assert "Old." in str(server.seen[0]["messages"])


def test_a_run_that_ends_early_says_why_and_exits_with_1(org, server, worker, work, evaluate):
    lone = agents.agent(org, name="Lone")
    case(lone, "Greets", "hello")
    done = evaluate("Lone", meanwhile=[work])
    assert done.exit_code == 1
    assert "The run ended early: " in done.stderr
    assert rows(EvaluationRun)[0].error in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Nobody",), "There is no agent called Nobody."),
        (("01a00000-0000-7000-8000-000000000000",), "There is no agent called 01a0"),
        (("Theirs",), "There is no agent called Theirs."),
        (("Support",), "There is no case to ask."),
        (("Ready", "--version", "7"), "Ready has no version 7."),
        (("Ready", "--version", "0"), "is not in the range"),
        (("Ready", "--version", "1", "--draft"), "Use either --version or --draft."),
        (("Deleted",), "There is no agent called Deleted."),
    ],
)
def test_what_cannot_be_run_is_a_usage_error_and_begins_nothing(org, agent, evaluate, words, said):
    for owner, name in ((org, "Ready"), (orgs.org(slug="other"), "Theirs")):
        case(agents.agent(owner, name=name), "Greets", "hello")
    case(agents.agent(org, name="Deleted", deleted_at=datetime.now(UTC)), "Greets", "hello")
    done = evaluate(*words)
    assert (done.exit_code, said in done.output, "Traceback" in done.output) == (2, True, False), done.output
    assert rows(Task) == []


def test_without_a_worker_the_run_is_cancelled_after_a_while(agent, server, evaluate, work):
    case(agent, "Greets", "hello")
    done = evaluate("Support")
    assert done.exit_code == 1
    assert "No worker is running, so the run was cancelled; 0 of 1 cases asked. Start one" in done.stderr
    assert done.stdout == ""
    assert [row.status for row in rows(EvaluationRun)] == ["stopped"]
    assert [row.status for row in rows(Task)] == ["cancelled"]
    assert work() == []
    assert server.seen == []


def test_a_run_that_busy_workers_leave_waiting_is_waited_for(agent, server, worker, evaluate, work):
    case(agent, "Greets", "hello")
    idle = [lambda: None] * 40
    done = evaluate("Support", meanwhile=[*idle, work])
    assert done.exit_code == 0
    assert done.stderr.count("still waits for a worker") == 1

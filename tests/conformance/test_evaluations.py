"""Runs of evaluation cases with real processes: each case ends once and is paid for, whichever worker is killed."""

import json
from collections import Counter

import pytest
from sqlalchemy import select

from app.agents.models import EvaluationResult, EvaluationRun
from app.db.tables import Task, TaskAttempt, TaskEvent, WorkerProcess
from app.orgs.models import SpendLimit, SpendReservation
from tests.factories import agents, connections, evaluations, orgs
from tests.factories.rows import rows
from tests.support.cli import start_flask
from tests.support.database import as_owner
from tests.support.live import Live
from tests.support.model_server import Answer, model_server
from tests.support.processes import wait_until
from tests.support.web import Worker

pytestmark = pytest.mark.conformance

CASES = ("Alpha", "Bravo", "Carol", "Delta", "Echos")
KILLED = "Carol"
LONG = 120
OWN, JUDGED = 11 * 1 + 7 * 2, 11 * 10 + 7 * 20
"""What a question, and a judgement, costs by the prices below and the tokens that the model counts."""
SLOW = Answer(("YES: ", *("and so on " for _ in range(400))), pause=0.3)


class Asked:
    """What the model was asked, by model and case; the first time at `moment` it is slow to answer."""

    def __init__(self, moment):
        self.moment = moment
        self.counts = Counter()

    def __call__(self, asked):
        said = str(asked["messages"])
        found = (asked["model"], next(name for name in CASES if name in said))
        self.counts[found] += 1
        if found == (self.moment, KILLED) and self.counts[found] == 1:
            return SLOW
        return Answer(("YES: it does",) if asked["model"] == "wise" else (f"Hello {found[1]}",))


@pytest.fixture(scope="module")
def model():
    with model_server() as server:
        yield server


@pytest.fixture
def site(cluster, tmp_path, model):
    with Live(cluster, tmp_path, OUTBOUND_ALLOW=f"model:127.0.0.1:{model.server_port}") as running:
        yield running


@pytest.fixture
def workers(site, tmp_path):
    """Both workers, by the ids of their processes."""
    (tmp_path / "other").mkdir()
    other = Worker(tmp_path / "other", site.settings)
    other.begin()
    wait_until(lambda: len(rows(WorkerProcess)) == 2, LONG)
    yield {process.pid: process for process in (site.worker, other)}
    other.kill()


@pytest.fixture
def org(site, model):
    """An organisation with a limit of spending, and an agent whose five cases another model judges."""
    made = orgs.org(slug="acme")
    orgs.spend_limit(made, 100_000_000)
    opened = connections.connection(made, slug="main", base_url=f"{model.url}/v1")
    connections.model(opened, "m", input_price_micros=1_000_000, output_price_micros=2_000_000)
    connections.model(opened, "wise", input_price_micros=10_000_000, output_price_micros=20_000_000)
    judge = {"judge_connection_id": opened.id, "judge_model": "wise"}
    agent = agents.agent(made, name="Support", primary_model_provider="main", primary_model="m", **judge)
    for name in CASES:
        checks = [{"kind": "contains", "value": name}, {"kind": "judged", "value": "It greets."}]
        evaluations.case(agent, name=name, turns=[{"role": "user", "text": f"I am {name}"}], checks=checks)
    return made


def working():
    """The process that does the task."""
    with as_owner() as session:
        found = select(WorkerProcess.pid).join(TaskAttempt, TaskAttempt.worker_id == WorkerProcess.id)
        return session.scalars(found.where(TaskAttempt.ended_at.is_(None))).one()


@pytest.mark.parametrize(("moment", "lost"), [("m", 0), ("wise", OWN)])
def test_a_worker_killed_amid_a_run_is_followed_by_another(site, workers, org, model, moment, lost):
    model.choose = asked = Asked(moment)
    command = start_flask(site.settings, "agents", "evaluate", "Support", "--org", org.slug, "--json")
    wait_until(lambda: asked.counts[moment, KILLED] == 1, LONG)
    workers[working()].kill()
    said, _ = command.communicate(timeout=2 * LONG)
    assert command.returncode == 0, said
    told = json.loads(said.splitlines()[-1])
    assert [case["name"] for case in told["cases"]] == list(CASES)

    (task,) = rows(Task, kind="agent.evaluate")
    attempts = sorted(rows(TaskAttempt, task_id=task.id), key=lambda row: row.attempt)
    assert [row.outcome for row in attempts] == ["lost", "succeeded"]
    assert attempts[0].worker_id != attempts[1].worker_id
    steps = Counter(row.data["name"] for row in rows(TaskEvent, task_id=task.id, kind="step"))
    assert (len(steps), set(steps.values())) == (len(CASES) + 1, {1})

    (run,) = rows(EvaluationRun)
    assert (run.status, run.passed, run.total) == ("finished", len(CASES), len(CASES))
    results = rows(EvaluationResult)
    assert sorted(row.name for row in results) == sorted(CASES)
    assert {(row.passed, row.cost_micros) for row in results} == {(True, OWN + JUDGED)}
    again = {("m", KILLED), (moment, KILLED)}
    assert asked.counts == {(of, name): 1 + ((of, name) in again) for of in ("m", "wise") for name in CASES}

    (limit,) = rows(SpendLimit)
    assert task.cost_micros == len(CASES) * (OWN + JUDGED)
    assert (limit.spent_micros, limit.reserved_micros) == (task.cost_micros + lost, 0)
    assert rows(SpendReservation) == []

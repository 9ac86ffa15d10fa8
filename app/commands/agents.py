"""`flask agents`: the evaluation cases of an agent, asked as from its page."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import click
from flask.cli import AppGroup, with_appcontext

from app.agents.repo.agents import AgentRepo
from app.agents.repo.evaluations import EvaluationRepo, ResultRow, RunRow
from app.agents.repo.versions import Draft
from app.agents.services.checks import KINDS
from app.agents.services.versions import editable_draft
from app.commands.running import enter, operating
from app.db.session import transaction
from app.db.tables import Task
from app.runtime.services.evaluations import begin_run
from app.tasks.repo.tasks import TasksRepo
from app.tasks.repo.upkeep import WorkerRepo
from app.tasks.services.tasks import cancel_tasks
from app.web.errors import NotFound, Refusal

agents = AppGroup("agents", help="Agents.")

AWAY = "cases that a worker asks by now go on, see the page Evaluation of the agent"
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 15
"""How long it is waited for a worker: one that begins says so within 5 s."""
ALIVE = timedelta(seconds=30)
"""A worker that has given no sign of life for longer counts as gone."""


@agents.command("evaluate")
@click.argument("agent")
@click.option("--org", "slug", required=True, help="The organisation (the word after /o/).")
@click.option("--version", "number", type=click.IntRange(1), help="Ask this version.")
@click.option(
    "--draft", "of_draft", is_flag=True, help="Ask the draft as it is now; so it is without --version."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
@with_appcontext
def evaluate(
    context: click.Context, *, agent: str, slug: str, number: int | None, of_draft: bool, as_json: bool
) -> None:
    """Have a worker ask the evaluation cases of AGENT, a name or an id, and print which passed.

    The run is one like those begun in the browser, and listed there; it goes on if the command is interrupted. Exits
    with 1 if a case fails, the run ends early, or no worker is running.
    """
    if of_draft and number:
        raise click.UsageError("Use either --version or --draft.")
    with operating(AWAY):
        org_id = enter(slug)
        draft, run_id = _begin(org_id, agent, number)
        run = _ended(org_id, draft.agent.id, run_id)
        with transaction():
            results = EvaluationRepo().results(org_id, [run_id])
    click.echo(_facts(draft, run, results) if as_json else "\n".join(_table(run, results)))
    if run.status != "finished":
        click.echo(f"The run ended early: {run.error or run.status}", err=True)
    passed = run.status == "finished" and all(row.passed for row in results)
    context.exit(0 if passed else 1)


def _begin(org_id: UUID, agent: str, number: int | None) -> tuple[Draft, UUID]:
    """The agent, and the run that waits for a worker; mistakes are usage errors."""
    with transaction():
        try:
            draft = editable_draft(org_id, _agent_id(org_id, agent))
        except NotFound:
            raise click.UsageError(f"There is no agent called {agent}.") from None
        except Refusal as refusal:
            raise click.UsageError(str(refusal)) from None
        try:
            return draft, begin_run(org_id, draft, number, trigger="system")
        except NotFound:
            raise click.UsageError(f"{draft.agent.name} has no version {number}.") from None
        except Refusal as refusal:
            raise click.UsageError(str(refusal)) from None


def _agent_id(org_id: UUID, agent: str) -> UUID:
    """The id of an agent by its name, else the id that the word is. Raises NotFound."""
    named = AgentRepo().ids_of(org_id, [agent])
    if named:
        return named[0]
    try:
        return UUID(agent)
    except ValueError:
        raise NotFound from None


def _ended(org_id: UUID, agent_id: UUID, run_id: UUID) -> RunRow:
    """The run once it has ended. ClickException, with the run cancelled, when no worker is left to do it."""
    said, moved_at = "", time.monotonic()
    while True:
        with transaction():
            run = EvaluationRepo().run(org_id, agent_id, run_id)
            task = run and run.task_id and TasksRepo().get(org_id, run.task_id)
            workers = WorkerRepo().alive(ALIVE)
        if not run or not task:
            raise click.ClickException("The agent, or the task, was deleted.")
        if run.status != "running":
            return run
        words = _progress(run, task)
        if words != said:
            click.echo(words, err=True)
        if words != said or (workers and task.status == "running"):
            moved_at = time.monotonic()
        elif time.monotonic() - moved_at > PATIENCE_SECONDS:
            _stands_still(org_id, task, workers, words)
            moved_at = time.monotonic()
        said = words
        time.sleep(POLL_SECONDS)


def _progress(run: RunRow, task: Task) -> str:
    done = (task.progress or {}).get("done", 0)
    return f"{done} of {run.total} cases asked"


def _stands_still(org_id: UUID, task: Task, workers: int, words: str) -> None:
    """Say why a run does not go on. ClickException, with the run cancelled, if no worker is left."""
    if workers:
        click.echo(
            "The run still waits for a worker: those that run are busy, or serve other queues.", err=True
        )
        return
    with transaction():
        cancel_tasks(org_id, [task.id])
    raise click.ClickException(
        f"No worker is running, so the run was cancelled; {words}. Start one with `flask --app wsgi worker`, and run"
        " the command again."
    )


def _facts(draft: Draft, run: RunRow, results: Sequence[ResultRow]) -> str:
    """The run with its cases as one JSON object."""
    left_out = {"id", "run_id"}
    facts = {
        "agent": {"id": draft.agent.id, "name": draft.agent.name},
        "run_id": run.id,
        "version": run.version_number,
        "status": run.status,
        "error": run.error,
        "passed": run.passed,
        "total": run.total,
        "cases": [
            {name: value for name, value in asdict(row).items() if name not in left_out} for row in results
        ],
    }
    return json.dumps(facts, ensure_ascii=False, default=str)


def _table(run: RunRow, results: Sequence[ResultRow]) -> Iterator[str]:
    """A line for each case, with the checks that it failed below it."""
    if results:
        yield f"{'Result':8}{'Tokens':>9}{'Cost':>11}{'Seconds':>9}  Case"
    for row in results:
        cost = "–" if row.cost_micros is None else f"{row.cost_micros / 1_000_000:.6f}"
        tokens = row.input_tokens + row.output_tokens
        word = "passed" if row.passed else "failed"
        yield f"{word:8}{tokens:9,}{cost:>11}{row.latency_ms / 1000:9.1f}  {_line(row.name)}"
        yield from (f"{'':39}{_words(check)}" for check in row.checks if not check["passed"])
    of = f"version {run.version_number}" if run.version_number else "the draft"
    yield f"{run.passed} of {run.total} cases of {of} passed."


def _words(check: dict[str, Any]) -> str:
    """A failed check with the reason."""
    kind = {**KINDS, "answer": "The agent answers"}.get(check["kind"], check["kind"])
    return _line(f"{kind} {check['value'][:60]}: {check['reason']}".replace(" :", ":"))


def _line(text: str) -> str:
    """A text of people or models on one line, without what a terminal would obey."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

"""Runs of evaluation cases: begun, shown, compared."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.agents.forms.versions import read_side
from app.agents.repo.evaluations import EvaluationRepo, RunRow
from app.agents.services.checks import KINDS
from app.agents.services.evaluations import compared, found_run
from app.agents.services.versions import editable_draft, found_draft
from app.db.session import transaction
from app.runtime.services.evaluations import begin_run
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.identity import require_org
from app.web.params import read_id
from app.web.render import leave, render

bp = Blueprint("evaluation_runs", __name__, url_prefix="/o/<org>/agents/<uuid:agent_id>/evaluations/runs")
SHOWN_KINDS = {**KINDS, "answer": "The agent answers"}
_SIDES = "Choose the draft or one of the versions of this list."


@bp.post("")
@org_right("agents.run")
def begin(org: str, agent_id: UUID) -> Response:
    """Have a worker ask the cases of a version, or of the draft if none is named."""
    org_id = require_org().org_id
    draft = editable_draft(org_id, agent_id)
    try:
        number = read_side(request.form.get("version", "").strip() or "draft")
    except ValueError as error:
        raise Refusal(422, _SIDES) from error
    with transaction():
        run_id = begin_run(org_id, draft, number)
    return leave(url_for(".show", org=org, agent_id=agent_id, run_id=run_id))


@bp.get("/compare")
@org_right("agents.read")
def compare(org: str, agent_id: UUID) -> Response:
    """Two runs case by case; the last two unless the address names others. Raises NotFound for unknown ones."""
    org_id, repo = require_org().org_id, EvaluationRepo()
    draft, runs = found_draft(org_id, agent_id), repo.runs(org_id, agent_id)
    after = _named("after", agent_id, runs) or (runs[0] if runs else None)
    before = _named("before", agent_id, runs) or (runs[1] if len(runs) > 1 else after)
    rows = []
    if before and after:
        results = repo.results(org_id, [before.id, after.id])
        sides = [[row for row in results if row.run_id == run.id] for run in (before, after)]
        rows = compared(*sides)
    offered = [*runs, *(run for run in (before, after) if run and run not in runs)]
    shown: dict[str, Any] = {"runs": offered, "before": before, "after": after, "rows": rows}
    return render("evaluations/compare.html", draft=draft, **shown)


@bp.get("/<uuid:run_id>")
@org_right("agents.read")
def show(org: str, agent_id: UUID, run_id: UUID) -> Response:
    """A run with what each case was answered, and why it passed or not."""
    org_id = require_org().org_id
    draft, run = found_draft(org_id, agent_id), found_run(org_id, agent_id, run_id)
    results = EvaluationRepo().results(org_id, [run_id])
    shown: dict[str, Any] = {"draft": draft, "run": run, "results": results, "kinds": SHOWN_KINDS}
    return render("evaluations/run.html", "run", **shown)


def _named(name: str, agent_id: UUID, runs: Sequence[RunRow]) -> RunRow | None:
    """The run that the address names, the newest ones or any other; None if it names none."""
    if not request.args.get(name):
        return None
    run_id = read_id(request.args[name])
    if run_id is None:
        raise NotFound
    listed = next((run for run in runs if run.id == run_id), None)
    return listed or found_run(require_org().org_id, agent_id, run_id)

"""Evaluation cases of an agent: listed, saved from threads, edited, and what they decide about publishing."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.agents.forms.evaluations import GATE_WORDS, CaseForm, check_rows, shown_rows
from app.agents.repo.evaluations import CaseRow, EvaluationRepo
from app.agents.repo.versions import Draft
from app.agents.services import evaluations as service
from app.agents.services.checks import KINDS, CheckRefused, read_checks
from app.agents.services.judges import judge_of, offered_judges
from app.agents.services.versions import editable_draft, found_draft
from app.db.session import transaction
from app.runtime.forms import SayForm
from app.runtime.services.cases import turns_before, variables_of
from app.threads.access import current_viewer
from app.threads.repo.threads import ThreadHead, ThreadRepo
from app.threads.views.found import seen_thread
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.fields import overtaken
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.params import read_id
from app.web.render import leave, render, toast

bp = Blueprint("evaluations", __name__, url_prefix="/o/<org>/agents/<uuid:agent_id>/evaluations")
Rows = Sequence[tuple[str, str]]
_NAME_LENGTH = 80


@bp.get("")
@org_right("agents.read")
def index(org: str, agent_id: UUID) -> Response:
    """The cases of an agent, its newest runs, and what it demands of them."""
    org_id, repo = require_org().org_id, EvaluationRepo()
    draft = found_draft(org_id, agent_id)
    shown: dict[str, Any] = {
        "cases": repo.cases(org_id, agent_id),
        "runs": repo.runs(org_id, agent_id),
        "gates": GATE_WORDS,
        "judges": offered_judges(org_id, draft.agent),
        "judge": judge_of(draft.agent),
        "versions": _versions(draft),
    }
    return render("evaluations/index.html", draft=draft, **shown)


@bp.get("/new")
@org_right("agents.edit")
def new(org: str, agent_id: UUID) -> Response:
    """The form of a new case, filled from a message of a thread if the address names one."""
    draft, form = editable_draft(require_org().org_id, agent_id), CaseForm(request.args)
    earlier = _from_thread(form)
    return _form(form, draft, [], earlier)


@bp.post("/new")
@org_right("agents.edit")
def create(org: str, agent_id: UUID) -> Response:
    """Save a new case."""
    draft, form = editable_draft(require_org().org_id, agent_id), CaseForm()
    earlier, rows = _earlier(form), check_rows(request.form)
    values = _values(form, rows, earlier)
    if values is None:
        return _form(form, draft, rows, earlier, status=422)
    source = {"source_thread_id": _id(form.thread_id.data), "source_message_id": _id(form.message_id.data)}

    def stored() -> str:
        service.add_case(draft.agent.org_id, draft, {**values, **source})
        return url_for(".index", org=org, agent_id=agent_id)

    with transaction():
        location = once(stored)
    toast("Case saved.")
    return leave(location)


@bp.get("/cases/<uuid:case_id>")
@org_right("agents.read")
def show(org: str, agent_id: UUID, case_id: UUID) -> Response:
    """The case, with the form for those who may edit."""
    draft, case = _found(agent_id, case_id)
    form = CaseForm(
        None,
        name=case.name,
        message=case.turns[-1]["text"],
        variables=case.variables,
        enabled=case.enabled,
        lock_version=case.lock_version,
    )
    return _form(form, draft, [(check["kind"], check["value"]) for check in case.checks], case.turns, case)


@bp.post("/cases/<uuid:case_id>")
@org_right("agents.edit")
def update(org: str, agent_id: UUID, case_id: UUID) -> Response:
    """Save an edited case."""
    draft, case = _found(agent_id, case_id)
    form, rows = CaseForm(), check_rows(request.form)
    values = _values(form, rows, case.turns)
    if values is None:
        return _form(form, draft, rows, case.turns, case, 422)
    with transaction():
        changed = service.change_case(draft.agent.org_id, case, form.version(), values)
    if not changed:
        overtaken(form, "case", case.lock_version)
        return _form(form, draft, rows, case.turns, case, 409)
    toast("Case saved.")
    return leave(url_for(".index", org=org, agent_id=agent_id))


@bp.post("/cases/<uuid:case_id>/delete")
@org_right("agents.edit")
def destroy(org: str, agent_id: UUID, case_id: UUID) -> Response:
    """Delete a case."""
    draft, case = _found(agent_id, case_id)
    with transaction():
        service.delete_case(draft.agent.org_id, case)
    toast("Case deleted.")
    return leave(url_for(".index", org=org, agent_id=agent_id))


@bp.post("/settings")
@org_right("settings.manage")
def demand(org: str, agent_id: UUID) -> Response:
    """Say what the cases must say before the agent is published, and who judges them."""
    agent = editable_draft(require_org().org_id, agent_id).agent
    chosen = request.form.get("gate", agent.evaluation_gate)
    if chosen not in GATE_WORDS:
        raise Refusal(422, "Choose when the agent may be published.")
    with transaction():
        service.set_demands(agent.org_id, agent, chosen, request.form.get("judge", judge_of(agent)))
    toast("Saved.")
    return leave(url_for(".index", org=org, agent_id=agent_id))


def _versions(draft: Draft) -> dict[str, str]:
    """What a run can ask, as the playground offers it: the draft, and the published versions, the newest first."""
    form, newest = SayForm(None), draft.latest and str(draft.latest.number)
    form.offer(draft)
    offered = {choice.value: choice.label for choice in form.version.choices}
    return {
        value: f"{words}, the last published" if value == newest else words
        for value, words in offered.items()
    }


def _found(agent_id: UUID, case_id: UUID) -> tuple[Draft, CaseRow]:
    org_id = require_org().org_id
    draft = found_draft(org_id, agent_id)
    return draft, service.found_case(org_id, agent_id, case_id)


def _id(text: str | None) -> UUID | None:
    return read_id(text or "")


def _from_thread(form: CaseForm) -> list[dict[str, Any]]:
    """Fill the form with what was said in a thread that the visitor sees; the turns. Raises NotFound."""
    earlier = _earlier(form)
    if earlier:
        words = earlier[-1]["text"]
        form.message.data = words
        form.name.data = " ".join(words.split())[:_NAME_LENGTH]
        thread_id = _id(form.thread_id.data)
        form.variables.data = variables_of(require_org().org_id, thread_id) if thread_id else {}
    form.enabled.data = True
    return earlier


def _earlier(form: CaseForm) -> list[dict[str, Any]]:
    if not form.thread_id.data:
        return []
    thread_id, message_id = _id(form.thread_id.data), _id(form.message_id.data)
    if thread_id is None or message_id is None:
        raise NotFound
    return list(turns_before(require_org().org_id, seen_thread(thread_id).id, message_id))


def _source(case: CaseRow) -> ThreadHead | None:
    """The thread that a case was saved from, if it is there and the visitor sees it."""
    org_id, thread_id = require_org().org_id, case.source_thread_id
    return ThreadRepo().head(org_id, current_viewer(), thread_id) if thread_id else None


def _values(form: CaseForm, rows: Rows, turns: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What is stored; None, with the errors in the form, if something is wrong."""
    valid, checks = form.validate(), []
    try:
        checks = read_checks(rows)
    except CheckRefused as error:
        form.refuse(str(error), error.place)
        valid = False
    if not valid:
        return None
    return {
        "name": form.name.data,
        "turns": [*turns[:-1], {"role": "user", "text": form.message.data}],
        "variables": form.variables.data or {},
        "checks": checks,
        "enabled": bool(form.enabled.data),
    }


def _form(
    form: CaseForm,
    draft: Draft,
    rows: Rows,
    turns: Sequence[dict[str, Any]],
    case: CaseRow | None = None,
    status: int = 200,
) -> Response:
    shown = {"form": form, "draft": draft, "case": case, "rows": shown_rows(rows), "earlier": turns[:-1]}
    shown["source"] = _source(case) if case else None
    return render("evaluations/case.html", "form", status, kinds=KINDS, **shown)

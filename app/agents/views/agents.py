"""The list of agents, one agent, and its form."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.agents.forms.agents import AgentForm, stored_values
from app.agents.models import Agent
from app.agents.repo.agents import AgentRepo, NameTaken
from app.agents.repo.options import OptionRepo
from app.agents.repo.scheduled import ScheduledRepo
from app.agents.repo.versions import Draft
from app.agents.services.agents import Stale, change_agent, create_agent, prompt_facts
from app.agents.services.comparing import setting_words
from app.agents.services.versions import editable_draft, found_draft
from app.agents.views.spec import current_spec
from app.audit.repo import AuditRepo
from app.connections.services.targets import target_fault
from app.db.session import transaction
from app.web.access import org_right
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.render import leave, render, toast
from app.web.security import settings
from app.web.trail import came_from, walk

bp = Blueprint("agents", __name__, url_prefix="/o/<org>/agents")
HISTORY_LENGTH = 50
SCHEDULES_SHOWN = 20
NAME_IN_USE = "Another agent has this name. Choose a different one."


@bp.get("")
@org_right("agents.read")
def index(org: str) -> Response:
    """The agents that match the address; a pasted id, sent with Enter, leads to its agent."""
    repo, org_id = AgentRepo(), require_org().org_id
    state = read_list(current_spec(), viewer_zone().key)
    jump = pasted_id("agt", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for(".show", org=org, agent_id=jump))
    page = repo.page(org_id, state)
    none_yet = page.total == 0 and not state.filtered and not repo.any(org_id)
    return show_list("agents/index.html", state, page, none_yet=none_yet)


@bp.get("/new")
@org_right("agents.edit")
def new(org: str) -> Response:
    """An empty form."""
    return _form(_offered(AgentForm()), "agents/new.html")


@bp.post("/new")
@org_right("agents.edit")
def create(org: str) -> Response:
    """Store a new agent."""
    form = _offered(AgentForm())
    if not form.validate():
        return _form(form, "agents/new.html", 422)

    def stored() -> str:
        agent = create_agent(require_org().org_id, form.values())
        return url_for(".show", org=org, agent_id=agent.id)

    try:
        with transaction():
            location = once(stored)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, "agents/new.html", 422)
    toast("Agent created.")
    return leave(location)


@bp.get("/<uuid:agent_id>")
@org_right("agents.read")
def show(org: str, agent_id: UUID) -> Response:
    """What an agent is, and what happened to it."""
    org_id = require_org().org_id
    draft = found_draft(org_id, agent_id)
    history = AuditRepo().for_target(org_id, "agent", agent_id, HISTORY_LENGTH)
    facts, trail = prompt_facts(draft.snapshot.prompt), came_from(url_for(".index", org=org))
    return render(
        "agents/show.html",
        draft=draft,
        limits=setting_words(draft.snapshot.settings),
        silent=target_fault(org_id, draft.snapshot.provider, draft.snapshot.model),
        schedules=ScheduledRepo().of_agent(org_id, agent_id, SCHEDULES_SHOWN),
        history=history,
        prompt=facts,
        trail=trail,
        base_url=settings().base_url,
    )


@bp.get("/<uuid:agent_id>/<any(previous,next):way>")
@org_right("agents.read")
def beside(org: str, agent_id: UUID, way: str) -> Response:
    """Lead to the agent before or after this one in the list that the visitor came from."""
    trail = came_from(url_for(".index", org=org))
    state = trail.state(lambda _args: current_spec(), viewer_zone().key)
    found = AgentRepo().beside(require_org().org_id, state, agent_id, backward=way == "previous")
    return walk(trail, url_for(".show", org=org, agent_id=found or agent_id), agent_id, found, "agent")


@bp.get("/<uuid:agent_id>/edit")
@org_right("agents.edit")
def edit(org: str, agent_id: UUID) -> Response:
    """The form with the agent as it is stored."""
    draft = editable_draft(require_org().org_id, agent_id)
    form = _offered(AgentForm(**stored_values(draft.agent)), draft.agent)
    return _form(form, "agents/edit.html", draft=draft)


@bp.post("/<uuid:agent_id>/edit")
@org_right("agents.edit")
def update(org: str, agent_id: UUID) -> Response:
    """Save the form; who saves over another's change sees both texts first."""
    org_id = require_org().org_id
    draft = editable_draft(org_id, agent_id)
    form = _offered(AgentForm(), draft.agent)
    if not form.validate():
        return _form(form, "agents/edit.html", 422, draft=draft)
    try:
        with transaction():
            change_agent(org_id, agent_id, form.version(), form.values())
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, "agents/edit.html", 422, draft=draft)
    except Stale as stale:
        return _conflict(form, stale.agent)
    toast("Agent saved.")
    return leave(url_for(".show", org=org, agent_id=agent_id))


@bp.post("/<uuid:agent_id>/draft")
@org_right("agents.edit")
def autosave(org: str, agent_id: UUID) -> Response:
    """Save the form while it is being written; the answer says where the draft stands."""
    org_id = require_org().org_id
    draft = editable_draft(org_id, agent_id)
    form = _offered(AgentForm(), draft.agent)
    if not form.validate():
        return _standing(draft, 422, refused=_refused(form))
    try:
        with transaction():
            change_agent(org_id, agent_id, form.version(), form.values())
    except NameTaken:
        return _standing(draft, 422, refused=[("Name", "name", NAME_IN_USE)])
    except Stale as stale:
        differences = form.differences(stored_values(stale.agent))
        if differences:
            return _standing(draft, 409, form=form, theirs=stale.agent, differences=differences)
    now = datetime.now(viewer_zone())
    return _standing(editable_draft(org_id, agent_id), saved_at=f"{now:%H:%M}")


@bp.post("/prompt-facts")
@org_right("agents.read")
def describe_prompt(org: str) -> Response:
    """Length, tokens and variables of a prompt that is being written."""
    return render(
        "agents/prompt_facts.html", "prompt_facts", prompt=prompt_facts(request.form.get("prompt", ""))
    )


def _offered(form: AgentForm, agent: Agent | None = None) -> AgentForm:
    """The form with what there is to choose from; archived things only where the agent uses them."""
    used = [*agent.rag_enabled, *agent.tools_enabled, str(agent.persona_id or "")] if agent else ()
    form.offer(OptionRepo().options(require_org().org_id, used))
    return form


def _refused(form: AgentForm) -> list[tuple[str, str, str]]:
    """Label, id and message of each field that is wrong."""
    return [(field.label.text, field.id, field.errors[0]) for field in form if field.errors]


def _standing(draft: Draft, status: int = 200, **context: object) -> Response:
    return render("agents/autosaved.html", "autosaved", status, draft=draft, **context)


def _conflict(form: AgentForm, theirs: Agent) -> Response:
    differences = form.differences(stored_values(theirs))
    return render("agents/conflict.html", "conflict", 409, form=form, theirs=theirs, differences=differences)


def _form(form: AgentForm, template: str, status: int = 200, **context: object) -> Response:
    facts = prompt_facts(form.prompt.data or "")
    return render(template, "form", status, form=form, prompt=facts, **context)

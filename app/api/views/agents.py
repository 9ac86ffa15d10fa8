"""Agents."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.agents.cached_repo import CachedAgentRepo
from app.agents.forms.agents import agent_list
from app.agents.repo.agents import AgentRepo, Choices, NameTaken
from app.agents.services.agents import Stale, change_status
from app.api.schemas.agents import (
    Agent,
    AgentChange,
    AgentDraft,
    AgentListing,
    changed_since,
    columns,
    shown,
    summary,
)
from app.api.schemas.lists import listing, parameters, read_state
from app.api.schemas.operations import Operation, operation
from app.api.schemas.strict import answer, empty, read_body
from app.api.services import edit_agent, new_agent
from app.db.session import transaction
from app.web.access import api_scope
from app.web.errors import FieldError, NotFound, Refusal
from app.web.idempotency import Reply, answer_once
from app.web.identity import require_caller

bp = Blueprint("api_agents", __name__, url_prefix="/api/v1/agents")
_QUERY = parameters(agent_list(Choices((), ())))


@bp.get("")
@api_scope("agents:read")
@operation(Operation("List agents", AgentListing, query=_QUERY))
def index() -> Response:
    """The agents that match; archived and deleted ones only when asked for."""
    org = require_caller().org
    state = read_state(agent_list(CachedAgentRepo().choices(org.org_id, org.agents_generation)))
    page = AgentRepo().page(org.org_id, state)
    return listing(AgentListing, page, state, [summary(row) for row in page.rows])


@bp.post("")
@api_scope("agents:write")
@operation(Operation("Create an agent", Agent, 201, body=AgentDraft, once=True))
def create() -> Response:
    """Store a new agent."""
    draft, org_id = read_body(AgentDraft), require_caller().org.org_id

    def stored() -> Reply:
        try:
            agent = new_agent(org_id, columns(draft))
        except NameTaken as error:
            raise _name_taken() from error
        return Reply(201, shown(agent).model_dump_json(), url_for(".show", agent_id=agent.id))

    return answer_once(stored)


@bp.get("/<uuid:agent_id>")
@api_scope("agents:read")
@operation(Operation("Read an agent", Agent))
def show(agent_id: UUID) -> Response:
    """An agent, archived or deleted as well."""
    return _shown(agent_id)


@bp.patch("/<uuid:agent_id>")
@api_scope("agents:write")
@operation(Operation("Change an agent", Agent, body=AgentChange, refusals=(409,)))
def update(agent_id: UUID) -> Response:
    """Save what changes; whoever read an older version is told what is stored now."""
    change, org_id = read_body(AgentChange), require_caller().org.org_id
    try:
        with transaction():
            agent = edit_agent(org_id, agent_id, change.version, columns(change))
    except NameTaken as error:
        raise _name_taken() from error
    except Stale as stale:
        raise changed_since(stale.agent) from stale
    return answer(shown(agent))


@bp.post("/<uuid:agent_id>/<any(archive,restore):act>")
@api_scope("agents:write")
@operation(Operation("Archive or restore an agent", Agent, refusals=(409,)))
def change(agent_id: UUID, act: str) -> Response:
    """Archive an agent, or bring it back from the archive or from deletion."""
    _change(agent_id, act)
    return _shown(agent_id)


@bp.delete("/<uuid:agent_id>")
@api_scope("agents:write")
@operation(Operation("Delete an agent", None, 204, refusals=(409,)))
def destroy(agent_id: UUID) -> Response:
    """Delete an agent; it can be restored for 30 days."""
    _change(agent_id, "delete")
    return empty()


def _shown(agent_id: UUID) -> Response:
    agent = AgentRepo().get(require_caller().org.org_id, agent_id)
    if agent is None:
        raise NotFound
    return answer(shown(agent))


def _change(agent_id: UUID, act: str) -> None:
    with transaction():
        outcome = change_status(require_caller().org.org_id, [agent_id], act)
    if outcome.skipped:
        raise Refusal(409, f"This agent {outcome.skipped[0].reason}.")


def _name_taken() -> Refusal:
    words = "Another agent has this name."
    return Refusal(422, words, errors=[FieldError("name", words)])

"""Versions of agents."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.agents.forms.versions import VERSION_LIST
from app.agents.repo.versions import VersionRepo
from app.agents.services.agents import Stale
from app.agents.services.versions import found_draft, publish
from app.api.schemas.agents import changed_since
from app.api.schemas.lists import listing, parameters, read_state
from app.api.schemas.operations import Operation, operation
from app.api.schemas.strict import answer, read_body
from app.api.schemas.versions import Version, VersionDraft, VersionListing, shown, summary
from app.web.access import api_scope
from app.web.errors import NotFound
from app.web.idempotency import Reply, answer_once
from app.web.identity import require_caller

bp = Blueprint("api_agent_versions", __name__, url_prefix="/api/v1/agents/<uuid:agent_id>/versions")


@bp.get("")
@api_scope("agents:read")
@operation(Operation("List versions of an agent", VersionListing, query=parameters(VERSION_LIST)))
def index(agent_id: UUID) -> Response:
    """What was published of an agent, newest first; names and notes are searched."""
    org_id = require_caller().org.org_id
    found_draft(org_id, agent_id)
    state = read_state(VERSION_LIST)
    page = VersionRepo().page(org_id, agent_id, state)
    return listing(VersionListing, page, state, [summary(row) for row in page.rows])


@bp.post("")
@api_scope("agents:write")
@operation(Operation("Publish an agent", Version, 201, body=VersionDraft, once=True))
def create(agent_id: UUID) -> Response:
    """Keep the agent as it was read as its next version; 409 if it was changed since, or equals the last one."""
    org_id = require_caller().org.org_id
    found_draft(org_id, agent_id)
    draft = read_body(VersionDraft)

    def stored() -> Reply:
        try:
            made = publish(org_id, agent_id, draft.version, draft.note, draft.name)
        except Stale as stale:
            raise changed_since(stale.agent) from stale
        row = VersionRepo().numbered(org_id, agent_id, [made.number])[made.number]
        location = url_for(".show", agent_id=agent_id, number=row.number)
        return Reply(201, shown(row).model_dump_json(), location)

    return answer_once(stored)


@bp.get("/<int:number>")
@api_scope("agents:read")
@operation(Operation("Read a version of an agent", Version))
def show(agent_id: UUID, number: int) -> Response:
    """A version with all that decides how it answers."""
    found = VersionRepo().numbered(require_caller().org.org_id, agent_id, [number])
    if number not in found:
        raise NotFound
    return answer(shown(found[number]))

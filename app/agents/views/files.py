"""Agents as files."""

from flask import Blueprint, Response, request, url_for

from app.agents.kinds import exported_columns
from app.agents.repo.agents import AgentRepo
from app.agents.views.spec import current_spec
from app.audit.services import record
from app.db.session import transaction
from app.web.access import org_right
from app.web.export import stream_file
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import read_list

bp = Blueprint("agent_files", __name__, url_prefix="/o/<org>")


@bp.get("/agents.<any(csv,json,ndjson):kind>")
@org_right("agents.read")
def export(org: str, kind: str) -> Response:
    """The agents that match the address, with the shown columns; with all of them, also what only a file holds."""
    org_id = require_org().org_id
    spec = current_spec()
    state = read_list(spec, viewer_zone().key, path=url_for("agents.index", org=org))
    columns = exported_columns(state)
    with transaction():
        query = request.query_string.decode("ascii", "replace")
        record("agent.export", "agent_list", after={"format": kind, "query": query})
    return stream_file(
        kind, f"{org}-agents", columns, lambda session: AgentRepo(session).stream(org_id, state)
    )

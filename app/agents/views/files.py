"""Agents as files."""

from functools import partial

from flask import Blueprint, Response, request, url_for

from app.agents.kinds import EXPORT, exported_columns
from app.agents.repo.agents import AgentRepo
from app.agents.views.spec import current_spec
from app.audit.services import record
from app.db.session import transaction
from app.web.access import org_right
from app.web.export import stream_file
from app.web.file_tasks import begin_file, offer_file, too_long
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import ListState, read_list

bp = Blueprint("agent_files", __name__, url_prefix="/o/<org>")


@bp.get("/agents.<any(csv,json,ndjson):kind>")
@org_right("agents.read")
def export(org: str, kind: str) -> Response:
    """The agents that match the address, with the shown columns; with all of them, also what only a file holds."""
    org_id, state = require_org().org_id, _asked(org)
    if too_long(AgentRepo().stream(org_id, state)):
        return offer_file("agents", "Agents", state)
    return stream_file(
        kind,
        f"{org}-agents",
        exported_columns(state),
        lambda session: AgentRepo(session).stream(org_id, state),
        partial(_note, kind),
    )


@bp.post("/agents.<any(csv,json,ndjson):kind>")
@org_right("agents.read")
def write(org: str, kind: str) -> Response:
    """Have a worker write the file."""
    return begin_file(EXPORT, kind, _asked(org))


def _note(kind: str) -> None:
    with transaction():
        query = request.query_string.decode("ascii", "replace")
        record("agent.export", "agent_list", after={"format": kind, "query": query})


def _asked(org: str) -> ListState:
    return read_list(current_spec(), viewer_zone().key, path=url_for("agents.index", org=org))

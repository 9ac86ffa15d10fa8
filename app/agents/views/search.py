"""The search page of an organisation; the palette asks it for JSON."""

from typing import Any

from flask import Blueprint, Response, make_response, request, url_for

from app.agents.repo import NOTE_LENGTH, AgentRepo
from app.db.terms import clean, terms
from app.web.access import org_right
from app.web.identity import require_org
from app.web.listing import pasted_id
from app.web.render import leave, render, wants_json

bp = Blueprint("search", __name__, url_prefix="/o/<org>/search")
MOST_RESULTS = 20


@bp.get("")
@org_right("agents.read")
def index(org: str) -> Response:
    """What the words of `q` find, in groups; a pasted id leads to its record."""
    q = clean(request.args.get("q", ""))
    groups = _groups(org, q)
    if wants_json():
        return make_response({"groups": groups})
    jump = pasted_id("agt", q)
    if jump and groups:
        return leave(url_for("agents.show", org=org, agent_id=jump))
    return render("search/index.html", "results", q=q, groups=groups)


def _groups(org: str, q: str) -> list[dict[str, Any]]:
    repo, org_id = AgentRepo(), require_org().org_id
    jump = pasted_id("agt", q)
    if jump:
        agent = repo.get(org_id, jump)
        found = [agent] if agent else []
    else:
        found = repo.named(org_id, terms(q), MOST_RESULTS) if q else []
    items = [
        {
            "text": agent.name,
            "note": (agent.description or "")[:NOTE_LENGTH],
            "url": url_for("agents.show", org=org, agent_id=agent.id),
        }
        for agent in found
    ]
    return [{"label": "Agents", "items": items}] if items else []

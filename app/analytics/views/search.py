"""The search page of an organisation, whose names the palette asks for as JSON, and the search in its messages."""

from typing import Any

from flask import Blueprint, Response, make_response, request, url_for

from app.agents.repo import NOTE_LENGTH, AgentRepo
from app.analytics.forms import message_search
from app.db.terms import clean, terms
from app.threads.access import current_viewer
from app.threads.repo.choices import ThreadChoiceRepo
from app.threads.repo.search import SearchRepo
from app.web.access import org_right
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.params import filter_ids
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


@bp.get("/messages")
@org_right("threads.read")
def messages(org: str) -> Response:
    """The messages that say the words of `q`, the best first, each with its passage and the way into its thread."""
    org_id = require_org().org_id
    viewer, asked = current_viewer(), filter_ids(request.args.getlist("agent"))
    choices = ThreadChoiceRepo().choices(org_id, viewer, asked, [])
    state = read_list(message_search(choices["agent"]), viewer_zone().key)
    found = SearchRepo().page(org_id, viewer, state)
    return show_list("search/messages.html", state, found.page, found=found)


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

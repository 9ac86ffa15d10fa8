"""The search page of an organisation, whose names the palette asks for as JSON, and the search in its messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from app.agents.models import Agent
from app.agents.repo.agents import NOTE_LENGTH, AgentRepo
from app.analytics.forms import THREAD_NAMES, message_search
from app.db.terms import clean, terms
from app.threads.access import current_viewer
from app.threads.models import Thread
from app.threads.repo.choices import ThreadChoiceRepo
from app.threads.repo.listed import ThreadListRepo, ThreadRow
from app.threads.repo.search import SearchRepo
from app.threads.repo.threads import ThreadRepo
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
    """What the words of `q` find by name, in groups; a pasted id leads to its record."""
    q = clean(request.args.get("q", ""))
    groups = _jump(org, q) or (_named(org, q) if q else [])
    if wants_json():
        return make_response({"groups": groups})
    if groups and _pasted(q):
        return leave(groups[0]["items"][0]["url"])
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


def _pasted(q: str) -> bool:
    return any(pasted_id(prefix, q) for prefix in ("agt", "thr"))


def _jump(org: str, q: str) -> list[dict[str, Any]]:
    """The record with the pasted id, if there is one."""
    org_id, viewer = require_org().org_id, current_viewer()
    agent_id, thread_id = pasted_id("agt", q), pasted_id("thr", q)
    agent = AgentRepo().get(org_id, agent_id) if agent_id else None
    thread = ThreadRepo().get(org_id, viewer, thread_id) if thread_id and agent is None else None
    return [
        *_group("Agents", [_agent(org, agent)] if agent else []),
        *_group("Threads", [_thread(org, thread)] if thread else []),
    ]


def _named(org: str, q: str) -> list[dict[str, Any]]:
    """Agents and threads with these words in their names."""
    org_id = require_org().org_id
    agents = AgentRepo().named(org_id, terms(q), MOST_RESULTS)
    state = read_list(THREAD_NAMES, args=MultiDict({"q": q}), path=request.path)
    threads = ThreadListRepo().page(org_id, current_viewer(), state).page.rows[: MOST_RESULTS - len(agents)]
    return [
        *_group("Agents", [_agent(org, agent) for agent in agents]),
        *_group("Threads", [_thread(org, thread) for thread in threads]),
    ]


def _group(label: str, items: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    return [{"label": label, "items": items}] if items else []


def _agent(org: str, agent: Agent) -> dict[str, str]:
    note = (agent.description or "")[:NOTE_LENGTH]
    return {"text": agent.name, "note": note, "url": url_for("agents.show", org=org, agent_id=agent.id)}


def _thread(org: str, thread: Thread | ThreadRow) -> dict[str, str]:
    return {"text": thread.name, "note": "", "url": url_for("thread.show", org=org, thread_id=thread.id)}

"""Conversations with agents while they are being made: choose a version, write, watch, stop, try again."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.agents.repo.versions import Draft
from app.connections.services.targets import target_fault
from app.db.session import transaction
from app.runtime.forms import MOST_MESSAGE_BYTES, SayForm
from app.runtime.services.runs import Place, ask_again, begin_thread, say, stop, try_again
from app.runtime.views.asking import acted, asked_by, parts_of, sent
from app.runtime.views.scene import (
    conversation,
    filled,
    found_draft,
    found_thread,
    read_branch,
    recent_threads,
)
from app.threads.access import current_viewer
from app.threads.repo.threads import ThreadHead
from app.web.access import org_right, takes_file
from app.web.identity import require_org
from app.web.render import leave, render

bp = Blueprint("playground", __name__, url_prefix="/o/<org>")


@bp.get("/playground")
@org_right("agents.run")
def index(org: str) -> Response:
    """Choose whom to talk to, or go on with a conversation of one's own."""
    return render("playground/index.html", **recent_threads())


@bp.get("/agents/<uuid:agent_id>/playground")
@org_right("agents.run")
def new(org: str, agent_id: UUID) -> Response:
    """An empty conversation with an agent."""
    draft, form = found_draft(agent_id), SayForm()
    form.offer(draft, request.args.get("version"))
    return _page(draft, form)


@bp.post("/agents/<uuid:agent_id>/playground")
@org_right("agents.run")
@takes_file(MOST_MESSAGE_BYTES)
def begin(org: str, agent_id: UUID) -> Response:
    """Begin a conversation with its first message."""
    draft, form = found_draft(agent_id), SayForm()
    form.offer(draft)
    asked = asked_by(form, draft)
    if not asked:
        return _page(draft, form, status=422)
    org_id, viewer = require_org().org_id, current_viewer()
    begun = sent(form, lambda: begin_thread(org_id, viewer, asked[0], parts_of(form), "playground"))
    if begun is None:
        return _page(draft, form, status=409)
    return leave(url_for(".show", org=org, thread_id=begun.thread_id))


@bp.get("/playground/<uuid:thread_id>")
@org_right("agents.run")
def show(org: str, thread_id: UUID) -> Response:
    """A conversation, with the answer that is being written."""
    thread, draft = found_thread(thread_id)
    form = SayForm()
    form.offer(draft)
    return render("playground/show.html", "messages", **conversation(thread, draft, form))


@bp.post("/playground/<uuid:thread_id>")
@org_right("agents.run")
@takes_file(MOST_MESSAGE_BYTES)
def go_on(org: str, thread_id: UUID) -> Response:
    """Say something more; what cannot be said now stays in the form."""
    thread, draft = found_thread(thread_id)
    form, place = SayForm(), Place(read_branch(request.form.get("branch")))
    form.offer(draft)
    asked = asked_by(form, draft)
    if not asked:
        return _conversation(thread, draft, form, 422)
    org_id, viewer = require_org().org_id, current_viewer()
    if sent(form, lambda: say(org_id, viewer, thread_id, asked[0], parts_of(form), place)) is None:
        return _conversation(thread, draft, form, 409)
    return leave(url_for(".show", org=org, thread_id=thread_id, branch=place.branch or None))


@bp.post("/playground/<uuid:thread_id>/stop")
@org_right("agents.run")
def stop_answer(org: str, thread_id: UUID) -> Response:
    """Stop the answer that is being written."""
    found_thread(thread_id)
    return acted(lambda: stop(require_org().org_id, thread_id), _here(thread_id))


@bp.post("/playground/<uuid:thread_id>/messages/<uuid:message_id>/retry")
@org_right("agents.run")
def retry(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """Have an answer that failed or was stopped written anew."""
    found_thread(thread_id)
    return acted(lambda: try_again(require_org().org_id, thread_id, message_id), _here(thread_id))


@bp.post("/playground/<uuid:thread_id>/messages/<uuid:message_id>/again")
@org_right("agents.run")
def again(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """Have the question answered once more, on a branch; the answer that is there stays."""
    _, draft = found_thread(thread_id)
    with transaction():
        begun = ask_again(require_org().org_id, current_viewer(), thread_id, draft.agent.id, message_id)
    return leave(url_for(".show", org=org, thread_id=thread_id, branch=begun.branch))


def _here(thread_id: UUID) -> str:
    """The conversation, on the branch that the address of the form names."""
    branch = read_branch(request.args.get("branch"))
    return url_for(".show", org=require_org().slug, thread_id=thread_id, branch=branch or None)


def _conversation(thread: ThreadHead, draft: Draft, form: SayForm, status: int) -> Response:
    return render("playground/show.html", "composer", status, **conversation(thread, draft, form))


def _page(draft: Draft, form: SayForm, status: int = 200) -> Response:
    silent = target_fault(require_org().org_id, draft.snapshot.provider, draft.snapshot.model)
    shown = {"draft": draft, "form": form, "variables": filled(draft), "silent": silent}
    return render("playground/new.html", "composer", status, **shown)

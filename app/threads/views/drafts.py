"""What became of a draft since it answered."""

from uuid import UUID

from flask import Blueprint, Response

from app.agents.services.comparing import compare
from app.agents.services.versions import found_draft
from app.agents.snapshot import read_snapshot
from app.threads.repo.messages import MessageRepo
from app.threads.views.found import seen_thread
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.identity import require_org
from app.web.render import render

bp = Blueprint("thread_drafts", __name__, url_prefix="/o/<org>/threads/<uuid:thread_id>/messages")


@bp.get("/<uuid:message_id>/changes")
@org_right("threads.read")
def changes(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """The draft that gave an answer, compared with the agent as it is now."""
    org_id, thread = require_org().org_id, seen_thread(thread_id)
    answer = MessageRepo().get(org_id, thread_id, message_id)
    kept = MessageRepo().draft(org_id, thread_id, message_id)
    if answer is None or kept is None or thread.agent_id is None:
        raise NotFound
    draft = found_draft(org_id, thread.agent_id)
    comparison = compare(read_snapshot(kept), draft.snapshot)
    return render("threads/changes.html", thread=thread, answer=answer, draft=draft, comparison=comparison)

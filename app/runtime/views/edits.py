"""Saying something else instead: a message is edited into a new branch, the former one stays."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.runtime.forms import MOST_MESSAGE_BYTES, SayForm
from app.runtime.services.runs import Place, say
from app.runtime.views.asking import asked_by, parts_of, sent
from app.runtime.views.scene import filled, found_thread
from app.threads.access import current_viewer
from app.threads.parts import read_parts, text_content
from app.threads.repo.messages import MessageRepo, MessageRow
from app.web.access import org_right, takes_file
from app.web.errors import NotFound
from app.web.identity import require_org
from app.web.render import leave, render

bp = Blueprint(
    "playground_edits",
    __name__,
    url_prefix="/o/<org>/playground/<uuid:thread_id>/messages/<uuid:message_id>/edit",
)


@bp.get("")
@org_right("agents.run")
def edit(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """The message of a person, to be changed."""
    thread, draft = found_thread(thread_id)
    row, form = _found(thread_id, message_id), SayForm()
    form.offer(draft)
    form.message.data = text_content([part for part in read_parts(row.parts) if part.kind == "text"])
    return render(
        "playground/edit.html", thread=thread, message=row, form=form, variables=filled(draft, thread)
    )


@bp.post("")
@org_right("agents.run")
@takes_file(MOST_MESSAGE_BYTES)
def branch(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """Have the changed message answered on a branch of its own."""
    thread, draft = found_thread(thread_id)
    row, form = _found(thread_id, message_id), SayForm()
    form.offer(draft)
    shown = {"thread": thread, "message": row, "form": form}
    asked = asked_by(form, draft)
    if not asked:
        return render("playground/edit.html", "form", 422, **shown, variables=filled(draft))
    org_id, viewer = require_org().org_id, current_viewer()
    begun = sent(
        form, lambda: say(org_id, viewer, thread_id, asked[0], parts_of(form), Place(instead_of=row))
    )
    if begun is None:
        return render("playground/edit.html", "form", 409, **shown, variables=filled(draft))
    return leave(url_for("playground.show", org=org, thread_id=thread_id, branch=begun.branch))


def _found(thread_id: UUID, message_id: UUID) -> MessageRow:
    row = MessageRepo().get(require_org().org_id, thread_id, message_id)
    if row is None or row.role != "user":
        raise NotFound
    return row

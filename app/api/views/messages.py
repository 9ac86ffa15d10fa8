"""The messages of a thread, and what people think of them."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.api.schemas.operations import Operation, operation
from app.api.schemas.strict import answer, empty, read_body
from app.api.schemas.threads import (
    Feedback,
    FeedbackDraft,
    FeedbackList,
    Message,
    MessageDraft,
    MessageWindow,
    shown_feedback,
    shown_message,
)
from app.api.schemas.windows import PERSON, WINDOW, read_person, read_window
from app.api.services import rate, rater_of, say, thread_of
from app.db.session import transaction
from app.threads.repo.feedback import FeedbackRepo
from app.threads.repo.messages import MessageRepo, MessageRow
from app.threads.services.feedback import Rating, clear_feedback
from app.web.access import api_scope
from app.web.errors import NotFound
from app.web.idempotency import Reply, answer_once
from app.web.identity import require_caller

bp = Blueprint("api_messages", __name__, url_prefix="/api/v1/threads/<uuid:thread_id>/messages")


@bp.get("")
@api_scope("threads:read")
@operation(Operation("Read messages", MessageWindow, query=WINDOW))
def index(thread_id: UUID) -> Response:
    """Neighbouring messages of a branch: the latest, the oldest, or those beside one."""
    thread, wanted = thread_of(require_caller(), thread_id), read_window()
    repo, org_id = MessageRepo(), require_caller().org.org_id
    if wanted.message_id is None:
        found = getattr(repo, wanted.side)(org_id, thread.id, wanted.size)
    else:
        found = getattr(repo, wanted.side)(org_id, thread.id, wanted.message_id, wanted.size)
    if found is None:
        raise NotFound
    rows = [shown_message(row) for row in found.rows]
    return answer(MessageWindow(data=rows, older=found.older, newer=found.newer))


@bp.post("")
@api_scope("threads:write")
@operation(Operation("Add a message", Message, 201, body=MessageDraft, once=True))
def create(thread_id: UUID) -> Response:
    """Store a message at the end of a thread."""
    draft, caller = read_body(MessageDraft), require_caller()

    def stored() -> Reply:
        row = say(caller, thread_id, draft.role, draft.parts, draft.facts())
        location = url_for(".show", thread_id=thread_id, message_id=row.id)
        return Reply(201, shown_message(row).model_dump_json(), location)

    return answer_once(stored)


@bp.get("/<uuid:message_id>")
@api_scope("threads:read")
@operation(Operation("Read a message", Message))
def show(thread_id: UUID, message_id: UUID) -> Response:
    """One message."""
    return answer(shown_message(_message(thread_id, message_id)))


@bp.get("/<uuid:message_id>/feedback")
@api_scope("threads:read")
@operation(Operation("Read what people think of a message", FeedbackList))
def list_feedback(thread_id: UUID, message_id: UUID) -> Response:
    """Every rating, oldest first."""
    message = _message(thread_id, message_id)
    found = FeedbackRepo().for_messages(require_caller().org.org_id, [message.id])
    return answer(FeedbackList(data=[shown_feedback(row) for row in found]))


@bp.post("/<uuid:message_id>/feedback")
@api_scope("threads:write")
@operation(Operation("Rate a message, or change the rating", Feedback, body=FeedbackDraft))
def put_feedback(thread_id: UUID, message_id: UUID) -> Response:
    """One rating per message and person."""
    draft, caller = read_body(FeedbackDraft), require_caller()
    given = Rating(1 if draft.rating == "up" else -1, draft.reason, draft.comment)
    with transaction():
        row = rate(caller, thread_id, message_id, rater_of(caller, draft.external_user), given)
    return answer(shown_feedback(row))


@bp.delete("/<uuid:message_id>/feedback")
@api_scope("threads:write")
@operation(Operation("Take a rating back", None, 204, query=PERSON))
def remove_feedback(thread_id: UUID, message_id: UUID) -> Response:
    """That of the key's person, or of somebody outside."""
    caller = require_caller()
    rater = rater_of(caller, read_person())
    with transaction():
        clear_feedback(thread_of(caller, thread_id), caller.org.org_id, message_id, rater)
    return empty()


def _message(thread_id: UUID, message_id: UUID) -> MessageRow:
    thread = thread_of(require_caller(), thread_id)
    found = MessageRepo().get(require_caller().org.org_id, thread.id, message_id)
    if found is None:
        raise NotFound
    return found

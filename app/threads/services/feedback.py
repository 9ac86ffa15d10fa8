"""Rating messages and noting things on threads."""

from dataclasses import asdict, dataclass
from uuid import UUID

from app.audit.services import record
from app.threads.models import Feedback, ThreadNote
from app.threads.repo.feedback import FeedbackRepo, NoteRepo, Rater
from app.threads.repo.messages import MessageRepo
from app.threads.repo.threads import ThreadHead
from app.web.errors import NotFound

REASONS = ("inaccurate", "incomplete", "not_followed", "unsafe", "slow", "style", "other")
"""Why an answer was not good, in the words of forms and the API."""


@dataclass(frozen=True)
class Rating:
    """Up (1) or down (-1), one of REASONS, and the rater's words."""

    rating: int
    reason: str | None = None
    comment: str | None = None


def give_feedback(
    thread: ThreadHead, org_id: UUID, message_id: UUID, rater: Rater, given: Rating
) -> Feedback:
    """Say what `rater` thinks of a message of the thread, or change it. Raises NotFound."""
    if thread.deleted_at is not None or MessageRepo().get(org_id, thread.id, message_id) is None:
        raise NotFound
    row = FeedbackRepo().put(org_id, thread.id, message_id, rater, asdict(given))
    after = {"message": str(message_id), "rating": given.rating}
    record("feedback.give", "thread", thread.id, thread.name, after=after)
    return row


def clear_feedback(thread: ThreadHead, org_id: UUID, message_id: UUID, rater: Rater) -> None:
    """Take back what `rater` thought of a message. Raises NotFound if that was nothing."""
    gone = FeedbackRepo().remove(org_id, message_id, rater)
    if gone is None or gone.thread_id != thread.id:
        raise NotFound
    before = {"message": str(message_id), "rating": gone.rating}
    record("feedback.clear", "thread", thread.id, thread.name, before=before)


def add_note(thread: ThreadHead, org_id: UUID, author_id: UUID, body: str) -> ThreadNote:
    """Leave a note on a thread."""
    note = NoteRepo().add(org_id, thread.id, author_id, body)
    record("thread.note", "thread", thread.id, thread.name, after={"note": str(note.id)})
    return note


def remove_note(thread: ThreadHead, org_id: UUID, note_id: UUID) -> None:
    """Delete a note. Raises NotFound."""
    if NoteRepo().remove(org_id, thread.id, note_id) is None:
        raise NotFound
    record("thread.note_remove", "thread", thread.id, thread.name, before={"note": str(note_id)})

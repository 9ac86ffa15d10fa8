"""What people do to one thread: rename it, leave notes, rate its answers."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.db.session import transaction
from app.threads.access import current_viewer
from app.threads.forms import REASON_WORDS, FeedbackForm, NoteForm, RenameForm
from app.threads.repo.beside import BesideRepo, Opinions
from app.threads.repo.feedback import NoteRepo, Rater
from app.threads.repo.messages import MessageRepo, MessageWindow
from app.threads.repo.threads import ThreadHead
from app.threads.services.feedback import add_note, clear_feedback, give_feedback, remove_note
from app.threads.services.writing import rename_thread
from app.threads.views.found import seen_thread
from app.web.access import org_right
from app.web.errors import NotFound, Refusal
from app.web.identity import require_org, require_visitor
from app.web.render import is_htmx, leave, render, toast

bp = Blueprint("thread_edits", __name__, url_prefix="/o/<org>/threads/<uuid:thread_id>")


@bp.get("/edit")
@org_right("threads.edit")
def edit(org: str, thread_id: UUID) -> Response:
    """The form with the thread's name."""
    thread = _live(seen_thread(thread_id))
    return render("threads/edit.html", "form", thread=thread, form=RenameForm(obj=thread))


@bp.post("/edit")
@org_right("threads.edit")
def update(org: str, thread_id: UUID) -> Response:
    """Give the thread another name."""
    thread, form = _live(seen_thread(thread_id)), RenameForm()
    if not form.validate():
        return render("threads/edit.html", "form", 422, thread=thread, form=form)
    with transaction():
        rename_thread(require_org().org_id, current_viewer(), thread_id, str(form.name.data))
    toast("Thread renamed.")
    return leave(url_for("thread.show", org=org, thread_id=thread_id))


@bp.post("/messages/<uuid:message_id>/feedback")
@org_right("feedback.give")
def rate(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """Say what the visitor thinks of an answer, change it, or take it back."""
    thread, form, rater = seen_thread(thread_id), FeedbackForm(), Rater(require_visitor().id)
    if not form.validate():
        raise Refusal(422, "Choose up or down, one of the reasons, and at most 2,000 characters.")
    org_id, given = require_org().org_id, form.given()
    with transaction():
        if given:
            give_feedback(thread, org_id, message_id, rater, given)
        else:
            clear_feedback(thread, org_id, message_id, rater)
    if not is_htmx():
        toast("Feedback saved." if given else "Feedback cleared.")
        return leave(f"{url_for('thread.show', org=org, thread_id=thread_id, at=message_id)}#{message_id}")
    return _feedback(thread, message_id)


@bp.post("/notes")
@org_right("threads.edit")
def note(org: str, thread_id: UUID) -> Response:
    """Leave a note."""
    thread, form = _live(seen_thread(thread_id)), NoteForm()
    if not form.validate():
        return render("threads/note.html", "form", 422, thread=thread, form=form)
    with transaction():
        add_note(thread, require_org().org_id, require_visitor().id, str(form.body.data))
    toast("Note added.")
    return leave(f"{url_for('thread.show', org=org, thread_id=thread_id)}#notes")


@bp.post("/notes/<uuid:note_id>/remove")
@org_right("threads.edit")
def drop_note(org: str, thread_id: UUID, note_id: UUID) -> Response:
    """Delete a note: one's own, or any as an admin."""
    thread, viewer, org_id = seen_thread(thread_id), current_viewer(), require_org().org_id
    notes = {note.id: note for note in NoteRepo().for_thread(org_id, thread_id)}
    if note_id not in notes:
        raise NotFound
    if not viewer.sees_all and notes[note_id].author_id != viewer.user_id:
        raise Refusal(403, "Only who wrote the note, admins and owners may remove it.")
    with transaction():
        remove_note(thread, org_id, note_id)
    toast("Note removed.")
    return leave(f"{url_for('thread.show', org=org, thread_id=thread_id)}#notes")


def _live(thread: ThreadHead) -> ThreadHead:
    if thread.deleted_at is not None:
        raise Refusal(409, "This thread is deleted. Restore it first.")
    return thread


def _feedback(thread: ThreadHead, message_id: UUID) -> Response:
    """What stands below a message once it is rated."""
    org_id = require_org().org_id
    row = MessageRepo().get(org_id, thread.id, message_id)
    assert row is not None
    window = MessageWindow([row], older=True, newer=True)
    beside = BesideRepo().of(org_id, thread.id, window, require_visitor().id)
    return render(
        "threads/feedback.html",
        "feedback",
        thread=thread,
        message_id=message_id,
        opinions=beside.opinions.get(message_id, Opinions()),
        reasons=REASON_WORDS.items(),
    )

"""The saved questions of a knowledge base: kept, asked, and compared between generations."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.connections.services.changed import Stale
from app.db.session import transaction
from app.knowledge.forms import TEST_LIST, SavedTestForm
from app.knowledge.models.sources import KnowledgeBase, RetrievalTest
from app.knowledge.repo.tests import TestsRepo
from app.knowledge.services.comparing import compare as compared
from app.knowledge.services.saved import (
    ask_tests,
    change_test,
    delete_tests,
    found_test,
    mark_of,
    save_test,
)
from app.knowledge.views.bases import found_base
from app.web.access import org_right
from app.web.errors import Refusal
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import read_list, show_list
from app.web.matching import list_url
from app.web.render import leave, refresh, render, toast
from app.web.selection import Question, ask_first, posted_ids

bp = Blueprint("knowledge_questions", __name__, url_prefix="/o/<org>/knowledge/<uuid:base_id>/questions")


@bp.get("")
@org_right("knowledge.view")
def index(org: str, base_id: UUID) -> Response:
    """The saved questions that match the address."""
    base, state = found_base(base_id), read_list(TEST_LIST, viewer_zone().key)
    page = TestsRepo().page(base.org_id, base_id, state)
    none_yet = page.total == 0 and not state.filtered
    return show_list("knowledge/questions.html", state, page, base=base, none_yet=none_yet)


@bp.post("")
@org_right("knowledge.edit")
def create(org: str, base_id: UUID) -> Response:
    """Save a question with the ticked passages, which a search found."""
    base, form = found_base(base_id), SavedTestForm()
    if not form.validate():
        raise Refusal(422, str(next(iter(form.question.errors), "Enter the question.")))
    with transaction():
        test = save_test(base.org_id, base_id, form.question.data or "", posted_ids())
        test_id = test.id
    toast("Question saved.")
    return leave(url_for(".show", org=org, base_id=base_id, test_id=test_id))


@bp.post("/bulk")
@org_right("knowledge.edit")
def delete_many(org: str, base_id: UUID) -> Response:
    """Delete the ticked questions."""
    base, ids = found_base(base_id), posted_ids()
    if request.form.get("act") != "delete" or not ids:
        raise Refusal(422, "Select at least one question to delete.")
    back = list_url(url_for(".index", org=org, base_id=base_id))
    lead = "Their passages stay; what runs found of them goes. This cannot be undone."
    if page := ask_first(Question("Delete", len(ids), "question", lead, back)):
        return page
    with transaction():
        count = delete_tests(base.org_id, base_id, ids)
    toast(f"{count} question{'' if count == 1 else 's'} deleted.")
    return refresh(back)


@bp.post("/ask")
@org_right("knowledge.edit")
def ask(org: str, base_id: UUID) -> Response:
    """Have a worker ask all of them."""
    with transaction():
        task_id = ask_tests(require_org().org_id, base_id)
    toast("The questions are being asked.")
    return leave(url_for("tasks.show", org=org, task_id=task_id))


@bp.get("/compare")
@org_right("knowledge.view")
def compare(org: str, base_id: UUID) -> Response:
    """Two runs question by question; the last two unless the address names others."""
    base, repo = found_base(base_id), TestsRepo()
    runs = repo.runs(base.org_id, base_id)
    known = {str(run.id): run for run in runs}
    after = known.get(request.args.get("after", ""), runs[0] if runs else None)
    before = known.get(request.args.get("before", ""), runs[1] if len(runs) > 1 else after)
    rows = []
    if before and after:
        answers = repo.answers(base.org_id, base_id, [before.id, after.id])
        rows = compared(answers[before.id], answers[after.id])
    return render("knowledge/compare.html", base=base, runs=runs, before=before, after=after, rows=rows)


@bp.get("/<uuid:test_id>")
@org_right("knowledge.view")
def show(org: str, base_id: UUID, test_id: UUID) -> Response:
    """One question: what it expects, and how it was answered."""
    base, test = _found(base_id, test_id)
    history = TestsRepo().history(base.org_id, base_id, test_id)
    return render("knowledge/question.html", base=base, test=test, history=history)


@bp.get("/<uuid:test_id>/edit")
@org_right("knowledge.edit")
def edit(org: str, base_id: UUID, test_id: UUID) -> Response:
    """The form with the question as it is stored."""
    base, test = _found(base_id, test_id)
    return _form(SavedTestForm(obj=test, lock_version=mark_of(test)), base, test)


@bp.post("/<uuid:test_id>/edit")
@org_right("knowledge.edit")
def update(org: str, base_id: UUID, test_id: UUID) -> Response:
    """Save its words and the passages that stay ticked."""
    form, (base, test) = SavedTestForm(), _found(base_id, test_id)
    if not form.validate():
        return _form(form, base, test, 422)
    ticked = request.form.getlist("keep")
    kept = [place for place in range(len(test.expected)) if str(place) in ticked]
    seen, words = form.lock_version.data or "", form.question.data or ""
    try:
        with transaction():
            change_test(base.org_id, base_id, test_id, seen, words, kept)
    except Stale:
        overtaken(form, "question", mark_of(test))
        return _form(form, base, test, 409)
    toast("Question saved.")
    return leave(url_for(".show", org=org, base_id=base_id, test_id=test_id))


@bp.get("/<uuid:test_id>/delete")
@org_right("knowledge.edit")
def confirm_delete(org: str, base_id: UUID, test_id: UUID) -> Response:
    """Say what goes."""
    base, test = _found(base_id, test_id)
    return render("knowledge/delete_question.html", base=base, test=test)


@bp.post("/<uuid:test_id>/delete")
@org_right("knowledge.edit")
def destroy(org: str, base_id: UUID, test_id: UUID) -> Response:
    """Delete a question with its answers."""
    base, _test = _found(base_id, test_id)
    with transaction():
        delete_tests(base.org_id, base_id, [test_id])
    toast("Question deleted.")
    return leave(url_for(".index", org=org, base_id=base_id))


def _found(base_id: UUID, test_id: UUID) -> tuple[KnowledgeBase, RetrievalTest]:
    base = found_base(base_id)
    return base, found_test(base.org_id, base_id, test_id)


def _form(form: SavedTestForm, base: KnowledgeBase, test: RetrievalTest, status: int = 200) -> Response:
    return render("knowledge/edit_question.html", "form", status, form=form, base=base, test=test)

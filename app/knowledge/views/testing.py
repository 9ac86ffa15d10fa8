"""Trying out what a search finds in a knowledge base; the question stands in the address."""

from uuid import UUID

from flask import Blueprint, Response, request

from app.knowledge.embedders.registry import EmbeddingFailed, ModelMissing
from app.knowledge.forms import SearchForm
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.bases import values_of
from app.knowledge.services.retrieval import KINDS, Found, Question, search
from app.knowledge.views.bases import found_base
from app.web.access import org_right
from app.web.errors import Refusal
from app.web.render import render

bp = Blueprint("knowledge_testing", __name__, url_prefix="/o/<org>/knowledge/<uuid:base_id>/test")


@bp.get("")
@org_right("knowledge.view")
def show(org: str, base_id: UUID) -> Response:
    """The passages that answer the question in the address, with rank and score by leg, and the time each part took."""
    base = found_base(base_id)
    form = SearchForm(request.args)
    form.fill(values_of(base), SourcesRepo().offered(base.org_id, base_id, KINDS))
    asked = bool(form.q.data)
    if asked and not form.validate():
        return render("knowledge/test.html", status=422, base=base, form=form, found=None)
    found = _found(base, form) if asked and not base.archived else None
    return render("knowledge/test.html", base=base, form=form, found=found)


def _found(base: KnowledgeBase, form: SearchForm) -> Found:
    question = Question(
        form.q.data or "",
        base_ids=[base.id],
        top_k=form.top_k.data,
        threshold=(form.threshold_percent.data or 0) / 100,
        legs=form.chosen_legs(),
        source_ids=form.chosen_sources(),
        kinds=[form.kind.data] if form.kind.data else None,
    )
    try:
        return search(base.org_id, question)
    except EmbeddingFailed as error:
        raise Refusal(424, f"Likeness could not be searched: {error}") from error
    except ModelMissing as error:
        raise Refusal(503, f"The question cannot be embedded: {error}") from error

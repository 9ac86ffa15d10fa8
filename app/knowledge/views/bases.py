"""The list of knowledge bases, and the form of one."""

from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.audit.repo import AuditRepo
from app.db.session import transaction
from app.knowledge.forms import BASE_LIST, BaseForm, read_chunking
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.bases import KnowledgeBasesRepo, NameTaken
from app.knowledge.repo.generations import GenerationsRepo
from app.knowledge.services.bases import Stale, change_base, create_base, delete_base, set_archived, values_of
from app.knowledge.services.choosing import offered_models
from app.knowledge.services.embedding import model_of
from app.knowledge.services.gating import swap_anyway
from app.knowledge.services.generations import build_again, cancel_build, roll_back
from app.knowledge.services.reranking import offered_rerankers
from app.orgs.forms import ConfirmForm
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.fields import overtaken
from app.web.filters import viewer_zone
from app.web.idempotency import once
from app.web.identity import require_org
from app.web.listing import pasted_id, read_list, show_list
from app.web.render import leave, render, toast, wants_fragment

bp = Blueprint("knowledge", __name__, url_prefix="/o/<org>/knowledge")
HISTORY_LENGTH = 30
PERCENTS = {"threshold_percent": "threshold", "least_percent": "least_recall"}
"""The fields that show a share in percent."""
_DONE = {
    "restore": "Generation {number} is searched again.",
    "again": "A new generation is being built.",
    "swap": "Generation {number} goes live as soon as it holds what the sources say now.",
    "cancel": "The new generation was given up.",
}
NAME_IN_USE = "Another knowledge base has this name. Choose a different one."


@bp.get("")
@org_right("knowledge.view")
def index(org: str) -> Response:
    """The knowledge bases that match the address; a pasted id leads to its base."""
    repo, org_id = KnowledgeBasesRepo(), require_org().org_id
    state = read_list(BASE_LIST, viewer_zone().key)
    jump = pasted_id("kb", state.q)
    if jump and repo.get(org_id, jump):
        return leave(url_for("knowledge_sources.index", org=org, base_id=jump))
    page = repo.page(org_id, state)
    none_yet = page.total == 0 and not state.filtered and not repo.any(org_id)
    return show_list("knowledge/index.html", state, page, none_yet=none_yet)


@bp.get("/new")
@org_right("knowledge.edit")
def new(org: str) -> Response:
    """An empty form."""
    return _form(_offered(BaseForm()), "knowledge/new.html")


@bp.post("/new")
@org_right("knowledge.edit")
def create(org: str) -> Response:
    """Store a new knowledge base."""
    form = _offered(BaseForm())
    if not form.validate():
        return _form(form, "knowledge/new.html", 422)

    def stored() -> str:
        base = create_base(require_org().org_id, form.values())
        return url_for("knowledge_sources.index", org=org, base_id=base.id)

    try:
        with transaction():
            location = once(stored)
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, "knowledge/new.html", 422)
    toast("Knowledge base created.")
    return leave(location)


@bp.get("/<uuid:base_id>")
@org_right("knowledge.view")
def show(org: str, base_id: UUID) -> Response:
    """What a knowledge base is, its generations and what happened to it."""
    base, org_id = found_base(base_id), require_org().org_id
    rows = GenerationsRepo().listed(org_id, base_id)
    if wants_fragment() and all(row.status != "building" for row in rows):
        return leave(url_for(".show", org=org, base_id=base_id))
    return render(
        "knowledge/show.html",
        "generations",
        base=base,
        values=values_of(base),
        generations=rows,
        history=AuditRepo().for_target(org_id, "knowledge_base", base_id, HISTORY_LENGTH),
    )


@bp.get("/<uuid:base_id>/edit")
@org_right("knowledge.edit")
def edit(org: str, base_id: UUID) -> Response:
    """The form with the knowledge base as it is stored."""
    base = found_base(base_id)
    given = {**values_of(base), **read_chunking(request.args)}
    percents = {name: round(100 * given.pop(key)) for name, key in PERCENTS.items()}
    form = _offered(BaseForm(**given, **percents, lock_version=base.lock_version), base)
    return _form(form, "knowledge/edit.html", base=base)


@bp.post("/<uuid:base_id>/edit")
@org_right("knowledge.edit")
def update(org: str, base_id: UUID) -> Response:
    """Save the form; passages of another size are built beside those that are searched."""
    base = found_base(base_id)
    form = _offered(BaseForm(), base)
    if not form.validate():
        return _form(form, "knowledge/edit.html", 422, base=base)
    try:
        with transaction():
            change_base(require_org().org_id, base_id, form.version(), form.values())
    except NameTaken:
        form.name.errors = [NAME_IN_USE]
        return _form(form, "knowledge/edit.html", 422, base=base)
    except Stale:
        overtaken(form, "knowledge base", base.lock_version)
        return _form(form, "knowledge/edit.html", 409, base=base)
    toast("Knowledge base saved.")
    return leave(url_for(".show", org=org, base_id=base_id))


@bp.post("/<uuid:base_id>/<any(archive,restore):act>")
@org_right("knowledge.edit")
def switch(org: str, base_id: UUID, act: str) -> Response:
    """Archive a knowledge base, which no search finds any more, or restore it."""
    with transaction():
        set_archived(require_org().org_id, base_id, archived=act == "archive")
    toast(f"Knowledge base {act}d.")
    return leave(url_for(".show", org=org, base_id=base_id))


@bp.get("/<uuid:base_id>/delete")
@org_right("knowledge.edit")
def confirm_delete(org: str, base_id: UUID) -> Response:
    """Say what goes."""
    base = found_base(base_id)
    return render("knowledge/delete.html", base=base, form=ConfirmForm(base.name))


@bp.post("/<uuid:base_id>/delete")
@org_right("knowledge.edit")
def destroy(org: str, base_id: UUID) -> Response:
    """Delete a knowledge base whose name was typed, with all that is in it."""
    base = found_base(base_id)
    form = ConfirmForm(base.name)
    if not form.validate():
        return render("knowledge/delete.html", status=422, base=base, form=form)
    with transaction():
        name = delete_base(require_org().org_id, base_id)
    toast(f"“{name}” deleted.")
    return leave(url_for(".index", org=org))


@bp.post("/<uuid:base_id>/generations/<int:number>/<any(restore,cancel,again,swap):act>")
@org_right("knowledge.edit")
def change_generation(org: str, base_id: UUID, number: int, act: str) -> Response:
    """Go back to a generation, give up the one that is built or held back, swap that in anyway, or build one again."""
    org_id = require_org().org_id
    with transaction():
        if act == "restore":
            roll_back(org_id, base_id, number)
        elif act == "swap":
            swap_anyway(org_id, base_id, number)
        elif act == "again":
            build_again(org_id, base_id, number)
        else:
            cancel_build(org_id, base_id)
    toast(_DONE[act].format(number=number))
    return leave(url_for(".show", org=org, base_id=base_id))


def found_base(base_id: UUID) -> KnowledgeBase:
    """A knowledge base of the visitor's organisation. Raises NotFound."""
    base = KnowledgeBasesRepo().get(require_org().org_id, base_id)
    if base is None:
        raise NotFound
    return base


def _offered(form: BaseForm, base: KnowledgeBase | None = None) -> BaseForm:
    """The form with the models to choose from."""
    org_id = require_org().org_id
    form.offer(offered_models(org_id), model_of(base) if base else None)
    form.offer_rerankers(offered_rerankers(org_id), values_of(base)["rerank"] if base else "")
    return form


def _form(form: BaseForm, template: str, status: int = 200, **context: object) -> Response:
    return render(template, "form", status, form=form, **context)

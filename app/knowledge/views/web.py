"""One address with the pages that were fetched from it, and the bounds within which they are."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.db.session import transaction
from app.knowledge.models.sources import KnowledgeBase, WebUrl
from app.knowledge.repo.opened import Opened, OpenedRepo
from app.knowledge.repo.pages import PagesRepo
from app.knowledge.repo.sources import SourceRow
from app.knowledge.services.web import change_web, found_web
from app.knowledge.views.bases import found_base
from app.knowledge.web_forms import PAGE_LIST, REFRESH_WORDS, SCOPE_WORDS, BoundsForm
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import list_page, read_list, show_list
from app.web.render import leave, refresh, render, toast, wants_fragment

PREFIX = "/o/<org>/knowledge/<uuid:base_id>/sources/<uuid:source_id>"
bp = Blueprint("knowledge_web", __name__, url_prefix=PREFIX)


def found_source(base_id: UUID, source_id: UUID) -> Opened:
    """A source or page of a base of the visitor's organisation. Raises NotFound."""
    opened = OpenedRepo().one(require_org().org_id, base_id, source_id)
    if opened is None:
        raise NotFound
    return opened


def show_web(base: KnowledgeBase, row: SourceRow, web: WebUrl) -> Response:
    """An address: how far it is, what is fetched of it, and its pages."""
    state = read_list(PAGE_LIST, viewer_zone().key)
    page = PagesRepo().page(base.org_id, row.id, state)
    return show_list("knowledge/web.html", state, page, **_context(base, row, web))


@bp.get("/state")
@org_right("knowledge.view")
def poll(org: str, base_id: UUID, source_id: UUID) -> Response:
    """How far an address is, and its pages out of band; without htmx its page."""
    opened = found_source(base_id, source_id)
    base, row, web = opened.base, opened.row, opened.web
    if web is None:
        raise NotFound
    path = url_for("knowledge_sources.show", org=org, base_id=base_id, source_id=source_id)
    if not wants_fragment():
        return refresh(path)
    asked = read_list(PAGE_LIST, viewer_zone().key, request.args, path)
    page = list_page(asked, PagesRepo().page(base.org_id, source_id, asked))
    return render("knowledge/web_live.html", "web_poll", state=asked, page=page, **_context(base, row, web))


@bp.get("/bounds")
@org_right("knowledge.edit")
def edit(org: str, base_id: UUID, source_id: UUID) -> Response:
    """The form with the bounds as they are stored."""
    base, form = found_base(base_id), BoundsForm()
    web = found_web(base.org_id, base_id, source_id)
    form.fill(web)
    return _form(form, base, web)


@bp.post("/bounds")
@org_right("knowledge.edit")
def update(org: str, base_id: UUID, source_id: UUID) -> Response:
    """Save the bounds; other ones have the address crawled at once."""
    form, base = BoundsForm(), found_base(base_id)
    web = found_web(base.org_id, base_id, source_id)
    if not form.validate():
        return _form(form, base, web, 422)
    with transaction():
        change_web(require_org().org_id, base_id, source_id, form.values())
    toast("Web address saved.")
    return leave(url_for("knowledge_sources.show", org=org, base_id=base_id, source_id=source_id))


def _context(base: KnowledgeBase, row: SourceRow, web: WebUrl) -> dict[str, Any]:
    return {
        "base": base,
        "source": row,
        "web": web,
        "scope": SCOPE_WORDS[web.scope],
        "refreshed": REFRESH_WORDS.get(str(web.refresh_seconds or ""), "Never"),
    }


def _form(form: BoundsForm, base: KnowledgeBase, web: WebUrl, status: int = 200) -> Response:
    return render("knowledge/edit_web.html", "form", status, form=form, base=base, web=web)

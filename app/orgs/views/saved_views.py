"""Saved views of lists: keep the state of a list, change and delete what was kept."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.db.session import transaction
from app.orgs.forms import SavedViewForm
from app.orgs.services.saved_views import change_view, create_view, delete_view, editable_view, save_state
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.identity import require_visitor
from app.web.listing import signed_pairs
from app.web.render import leave, render, toast
from app.web.saved import Pairs, list_name

bp = Blueprint("saved_views", __name__, url_prefix="/o/<org>/views")


@bp.post("")
@org_right("org.read")
def create(org: str) -> Response:
    """Keep the state of a list under a name, and open the list with it."""
    form, (name, pairs) = SavedViewForm(), _posted_state()
    if not form.validate():
        return render("saved_views/new.html", "form", 422, form=form, list=name, state=request.form["state"])
    with transaction():
        view = create_view(name, pairs, form.values())
    toast("View saved.")
    return leave(_list_url(org, view))


@bp.get("/<uuid:view_id>")
@org_right("org.read")
def edit(org: str, view_id: UUID) -> Response:
    """The form of a view that the visitor may change."""
    view = editable_view(view_id)
    return _form(org, view, SavedViewForm(obj=view))


@bp.post("/<uuid:view_id>")
@org_right("org.read")
def update(org: str, view_id: UUID) -> Response:
    """Save name, sharing and default."""
    form, view = SavedViewForm(), editable_view(view_id)
    if not form.validate():
        return _form(org, view, form, 422)
    with transaction():
        view = change_view(view_id, form.values())
    toast("View saved.")
    return leave(_list_url(org, view))


@bp.post("/<uuid:view_id>/state")
@org_right("org.read")
def update_state(org: str, view_id: UUID) -> Response:
    """Let the view ask for what its list shows now."""
    editable_view(view_id)
    name, pairs = _posted_state()
    with transaction():
        view = save_state(view_id, name, pairs)
    toast("View saved.")
    return leave(_list_url(org, view))


@bp.post("/<uuid:view_id>/delete")
@org_right("org.read")
def destroy(org: str, view_id: UUID) -> Response:
    """Forget the view."""
    with transaction():
        view = delete_view(view_id)
    toast(f"The view {view.name} is deleted.")
    return leave(f"/o/{org}/{view.list}")


def _posted_state() -> tuple[str, Pairs]:
    """The list and the state that the form carries. NotFound for none of this organisation."""
    signed = signed_pairs(request.form.get("state", ""))
    name = list_name(signed[0]) if signed else None
    if signed is None or name is None:
        raise NotFound
    return name, signed[1]


def _form(org: str, view: Any, form: SavedViewForm, status: int = 200) -> Response:
    own = view.user_id == require_visitor().id
    return render(
        "saved_views/edit.html", "form", status, form=form, view=view, own=own, list_url=_list_url(org, view)
    )


def _list_url(org: str, view: Any) -> str:
    return f"{url_for('home.show', org=org)}/{view.list}?view={view.id}"

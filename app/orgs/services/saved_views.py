"""Saved views of lists, each change with its audit row. People change their own; `views.manage` also shared ones."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.orgs.cached_repo import CachedSavedViewRepo
from app.orgs.models import SavedView
from app.orgs.repo.saved_views import SavedViewRepo
from app.web import saved
from app.web.access import role_has
from app.web.errors import NotFound, Refusal
from app.web.identity import require_org, require_visitor

MOST_KEPT = 50
_AUDITED = ("list", "name", "shared", "is_default", "params")


def offered(name: str) -> Sequence[saved.SavedView]:
    """The views of a list that the visitor may open; an organisation that never kept one costs no statement."""
    org = require_org()
    if not org.views_generation:
        return ()
    return CachedSavedViewRepo().for_list(org.org_id, require_visitor().id, name, org.views_generation)


def editable_view(view_id: UUID) -> SavedView:
    """A view that the visitor may change. Raises NotFound for any other."""
    org = require_org()
    view = SavedViewRepo().get(org.org_id, view_id)
    own = view is not None and view.user_id == require_visitor().id
    if view is None or not (own or (view.shared and role_has(org.role, "views.manage"))):
        raise NotFound
    return view


def create_view(name: str, pairs: saved.Pairs, values: dict[str, Any]) -> SavedView:
    """Keep a state of the list `name`, in the caller's transaction. `values` are name, shared and is_default.

    Refusal 403 for sharing without the right, 409 for too many.
    """
    repo, org_id, user_id = SavedViewRepo(), require_org().org_id, require_visitor().id
    _check_sharing(values)
    if repo.count_own(org_id, user_id, name) >= MOST_KEPT:
        raise Refusal(409, f"You keep {MOST_KEPT} views of this list. Delete one first.")
    view = repo.add(org_id, user_id, {**values, "list": name, "params": _params(pairs)})
    after = {field: getattr(view, field) for field in _AUDITED}
    record("saved_view.create", "saved_view", view.id, view.name, after=after)
    return view


def change_view(view_id: UUID, values: dict[str, Any]) -> SavedView:
    """Change name, shared, is_default or params of a view, in the caller's transaction.

    Raises NotFound; Refusal 403 for sharing without the right.
    """
    view = editable_view(view_id)
    if not view.shared:
        _check_sharing(values)
    if view.user_id != require_visitor().id:
        values = {name: value for name, value in values.items() if name != "is_default"}
    changed = {name: value for name, value in values.items() if getattr(view, name) != value}
    if changed:
        before = {name: getattr(view, name) for name in changed}
        SavedViewRepo().change(require_org().org_id, view, changed)
        record("saved_view.change", "saved_view", view_id, view.name, before=before, after=changed)
    return view


def save_state(view_id: UUID, name: str, pairs: saved.Pairs) -> SavedView:
    """Let a view of the list `name` ask for `pairs` from now on, in the caller's transaction. Raises NotFound."""
    if editable_view(view_id).list != name:
        raise NotFound
    return change_view(view_id, {"params": _params(pairs)})


def delete_view(view_id: UUID) -> SavedView:
    """Forget a view, in the caller's transaction. Raises NotFound."""
    view = editable_view(view_id)
    SavedViewRepo().remove(require_org().org_id, view_id)
    before = {field: getattr(view, field) for field in _AUDITED}
    record("saved_view.delete", "saved_view", view_id, view.name, before=before)
    return view


def _check_sharing(values: dict[str, Any]) -> None:
    if values.get("shared") and not role_has(require_org().role, "views.share"):
        raise Refusal(403, "Your role keeps views for yourself only.")


def _params(pairs: saved.Pairs) -> list[list[str]]:
    return [[key, value] for key, value in pairs]

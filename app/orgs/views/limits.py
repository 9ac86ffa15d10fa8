"""What answers may cost: limits of the organisation and of each key."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, url_for

from app.db.session import transaction
from app.orgs.forms import LimitForm
from app.orgs.repo.api_keys import ApiKeyRepo
from app.orgs.repo.spending import SpendRepo
from app.orgs.services.spending import limit_facts, remove_limit, set_limit
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.identity import require_org
from app.web.render import leave, render, toast

bp = Blueprint("limits", __name__, url_prefix="/o/<org>")
_SET, _GONE = "Limit saved.", "There is no limit any more."


@bp.get("/settings/limits")
@org_right("settings.manage")
def show(org: str) -> Response:
    """The limit of the organisation."""
    return _page(None)


@bp.post("/settings/limits")
@org_right("settings.manage")
def update(org: str) -> Response:
    """Set the limit of the organisation."""
    return _update(None, url_for(".show", org=org))


@bp.post("/settings/limits/remove")
@org_right("settings.manage")
def remove(org: str) -> Response:
    """Take the limit of the organisation away."""
    return _changed(lambda org_id: remove_limit(org_id, None), _GONE, url_for(".show", org=org))


@bp.get("/keys/<uuid:key_id>/limits")
@org_right("keys.manage")
def show_key(org: str, key_id: UUID) -> Response:
    """The limit of a key."""
    return _page(key_id)


@bp.post("/keys/<uuid:key_id>/limits")
@org_right("keys.manage")
def update_key(org: str, key_id: UUID) -> Response:
    """Set the limit of a key."""
    return _update(key_id, url_for("keys.show", org=org, key_id=key_id))


@bp.post("/keys/<uuid:key_id>/limits/remove")
@org_right("keys.manage")
def remove_key(org: str, key_id: UUID) -> Response:
    """Take the limit of a key away."""
    back = url_for("keys.show", org=org, key_id=key_id)
    return _changed(lambda org_id: remove_limit(org_id, key_id), _GONE, back)


def _page(key_id: UUID | None, form: LimitForm | None = None) -> Response:
    org_id = require_org().org_id
    key = ApiKeyRepo().get(org_id, key_id) if key_id else None
    if key_id and key is None:
        raise NotFound
    limit, status = SpendRepo().get(org_id, key_id), 422 if form else 200
    form = form or LimitForm(
        formdata=None,
        period=limit.period if limit else "month",
        amount=limit.limit_micros if limit else None,
    )
    return render(
        "limits/edit.html", status=status, key=key, limit=limit, facts=limit_facts(limit), form=form
    )


def _update(key_id: UUID | None, back: str) -> Response:
    form = LimitForm()
    if not form.validate():
        return _page(key_id, form)
    return _changed(
        lambda org_id: set_limit(org_id, key_id, form.period.data, form.amount.data or 0), _SET, back
    )


def _changed(act: Callable[[UUID], None], words: str, back: str) -> Response:
    with transaction():
        act(require_org().org_id)
    toast(words)
    return leave(back)

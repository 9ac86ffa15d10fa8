"""Deleting one's own account: its own page, and the typed address."""

from flask import Blueprint, Response, url_for

from app.auth.access import drop_session, recent_password
from app.db.session import transaction
from app.orgs.forms import ConfirmForm
from app.orgs.services.leaving import delete_account
from app.web.access import signed_in
from app.web.errors import Refusal
from app.web.identity import require_visitor
from app.web.render import leave, render, toast

bp = Blueprint("leaving", __name__, url_prefix="/me/delete")


@bp.get("")
@signed_in
@recent_password
def confirm() -> Response:
    """Say what goes, and ask for the address."""
    return _page(ConfirmForm(require_visitor().email, "E-mail address"))


@bp.post("")
@signed_in
@recent_password
def destroy() -> Response:
    """Delete the account and leave."""
    visitor = require_visitor()
    form = ConfirmForm(visitor.email, "E-mail address")
    if not form.validate():
        return _page(form, 422)
    try:
        with transaction():
            delete_account(visitor.id)
    except Refusal as refused:
        form.name.errors = [refused.message]
        return _page(form, refused.status)
    response = leave(url_for("auth.sign_in"))
    drop_session(response)
    toast("Your account is deleted.")
    return response


def _page(form: ConfirmForm, status: int = 200) -> Response:
    memberships = len(require_visitor().memberships)
    impact = [(memberships, "membership" if memberships == 1 else "memberships")] if memberships else []
    return render("me/delete.html", status=status, form=form, impact=impact)

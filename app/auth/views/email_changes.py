"""The links that a change of address mails: confirm the new one, undo it from the former one."""

from collections.abc import Callable

from flask import Blueprint, Response, url_for

from app.auth.models import EmailChange
from app.auth.services.email_changes import (
    ChangeGone,
    NotSignedIn,
    confirm_change,
    pending_change,
    undo_change,
    undoable_change,
)
from app.db.session import transaction
from app.web.access import public
from app.web.errors import LinkGone, Refusal
from app.web.identity import current_visitor
from app.web.links import drop_token, keep_token, kept_token, unreferred
from app.web.render import leave, render, toast

bp = Blueprint("email_changes", __name__, url_prefix="/email-changes")
CONFIRM, UNDO = "email_change", "email_undo"
bp.after_request(unreferred)


@bp.get("/<token>")
@public
def show(token: str) -> Response:
    """The link to the new address: its token moves into a cookie."""
    _found(pending_change, token)
    return keep_token(CONFIRM, token, url_for(".edit"))


@bp.get("/confirm")
@public
def edit() -> Response:
    """Ask whether to move."""
    change = _found(pending_change, kept_token(CONFIRM))
    return render("auth/email_confirm.html", change=change)


@bp.post("/confirm")
@public
def update() -> Response:
    """Move the account."""
    try:
        with transaction():
            change = confirm_change(kept_token(CONFIRM) or "")
    except ChangeGone:
        raise LinkGone from None
    except NotSignedIn:
        return _sign_in_first()
    drop_token(CONFIRM)
    moved = change.email != change.former_email
    toast(f"Your address is {change.email} from now on." if moved else f"{change.email} is confirmed.")
    return leave(url_for("credentials.edit_email"))


@bp.get("/undo/<token>")
@public
def show_undo(token: str) -> Response:
    """The link to the former address: its token moves into a cookie."""
    _found(undoable_change, token)
    return keep_token(UNDO, token, url_for(".edit_undo"))


@bp.get("/undo")
@public
def edit_undo() -> Response:
    """Ask whether to move back."""
    return render("auth/email_undo.html", change=_found(undoable_change, kept_token(UNDO)))


@bp.post("/undo")
@public
def update_undo() -> Response:
    """Move back; every session ends."""
    try:
        with transaction():
            change = undo_change(kept_token(UNDO) or "")
    except ChangeGone:
        raise LinkGone from None
    toast(
        f"Your address is {change.former_email} again, and every session has ended. Now set a new password."
    )
    response = leave(url_for("resets.new"))
    drop_token(UNDO)
    return response


def _sign_in_first() -> Response:
    if current_visitor() is not None:
        raise Refusal(403, "This link confirms the address of another account. Sign in to that one first.")
    toast("Sign in to your account, then confirm its address.", "info")
    return leave(url_for("auth.sign_in", next=url_for(".edit")))


def _found(find: Callable[[str], EmailChange | None], token: str | None) -> EmailChange:
    change = find(token or "")
    if change is None:
        raise LinkGone
    return change

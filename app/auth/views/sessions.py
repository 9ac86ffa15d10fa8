"""Where one is signed in."""

from uuid import UUID

from flask import Blueprint, Response, url_for

from app.auth.repo.sessions import SessionRepo
from app.auth.services.changes import end_other_sessions, end_session_of
from app.auth.services.devices import device_name
from app.db.session import transaction
from app.web.access import signed_in
from app.web.errors import NotFound
from app.web.identity import require_visitor
from app.web.render import leave, render, toast

bp = Blueprint("sessions", __name__, url_prefix="/me/sessions")


@bp.get("")
@signed_in
def index() -> Response:
    """Every session that works, this one marked."""
    visitor = require_visitor()
    sessions = SessionRepo().live_for(visitor.id)
    return render(
        "me/sessions.html", sessions=sessions, current_id=visitor.session_id, device_name=device_name
    )


@bp.post("/<uuid:session_id>/revoke")
@signed_in
def revoke(session_id: UUID) -> Response:
    """End one."""
    with transaction():
        if not end_session_of(require_visitor().id, session_id):
            raise NotFound
    toast("The session has ended.")
    return leave(url_for(".index"))


@bp.post("/revoke-others")
@signed_in
def revoke_others() -> Response:
    """End all but this one."""
    visitor = require_visitor()
    with transaction():
        ended = end_other_sessions(visitor.id, visitor.session_id)
    toast("The other sessions have ended." if ended else "There was no other session.")
    return leave(url_for(".index"))

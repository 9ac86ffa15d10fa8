"""The audit log of an organisation: list, file, one event."""

from functools import partial
from uuid import UUID

from flask import Blueprint, Response, request, url_for

from app.audit.forms.events import event_list, read_terms
from app.audit.forms.words import field_words, value_words
from app.audit.models import AuditEvent
from app.audit.repo import AuditRepo
from app.audit.services import record
from app.db.session import transaction
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.export import stream_file
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import read_list, show_list
from app.web.render import render
from app.web.trail import came_from

bp = Blueprint("audit", __name__, url_prefix="/o/<org>")
_FIELDS = {"target": ("target_type", "target_label"), "actor": ("actor_label",), "at": ("created_at",)}


@bp.get("/audit")
@org_right("audit.read")
def index(org: str) -> Response:
    """The events that match the address, newest first."""
    org_id = require_org().org_id
    choices = AuditRepo().choices(org_id)
    state = read_list(event_list(choices), viewer_zone().key)
    page = AuditRepo().page(org_id, state, read_terms(state.terms, choices))
    return show_list("audit/index.html", state, page)


@bp.get("/audit.<any(csv,json,ndjson):kind>")
@org_right("audit.read")
def export(org: str, kind: str) -> Response:
    """The events that match the address as a file, with the shown columns and what only a file holds."""
    org_id = require_org().org_id
    choices = AuditRepo().choices(org_id)
    state = read_list(event_list(choices), viewer_zone().key, path=url_for("audit.index", org=org))
    terms = read_terms(state.terms, choices)
    columns = ["id", *(field for column in state.columns for field in _FIELDS.get(column, (column,)))]
    columns += ["target_id", "request_id", "before", "after"]
    return stream_file(
        kind,
        f"{org}-audit",
        columns,
        lambda session: AuditRepo(session).stream(org_id, state, terms),
        partial(_note, kind),
    )


@bp.get("/audit/<uuid:event_id>")
@org_right("audit.read")
def show(org: str, event_id: UUID) -> Response:
    """One event with the values before and after."""
    event = AuditRepo().get(require_org().org_id, event_id)
    if event is None:
        raise NotFound
    trail = came_from(url_for(".index", org=org))
    return render("audit/show.html", event=event, changes=_changes(event), trail=trail)


def _note(kind: str) -> None:
    with transaction():
        query = request.query_string.decode("ascii", "replace")
        record("audit.export", "audit_log", after={"format": kind, "query": query})


def _changes(event: AuditEvent) -> list[tuple[str, str, str]]:
    """Name, former and present text of each value; a value that was or is not there has no text."""
    before, after = event.before or {}, event.after or {}
    names = [*before, *(name for name in after if name not in before)]
    return [
        (
            field_words(name, event.target_type),
            value_words(before.get(name)),
            value_words(after.get(name)),
        )
        for name in names
    ]

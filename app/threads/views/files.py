"""Threads as files."""

from flask import Blueprint, Response, request, url_for

from app.audit.services import record
from app.db.session import transaction
from app.threads.access import current_viewer
from app.threads.repo.listed import ThreadListRepo
from app.threads.services.exporting import write_threads
from app.threads.views.spec import current_spec
from app.web.access import org_right
from app.web.export import stream_file, stream_parts
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import ListState, read_list

bp = Blueprint("thread_files", __name__, url_prefix="/o/<org>")
_FIELDS = {
    "name": ("name",),
    "agent": ("agent_id", "agent_name"),
    "user": ("user_id", "user_name", "external_user"),
    "origin": ("origin",),
    "messages": ("message_count", "error_count"),
    "tokens": ("tokens",),
    "cost": ("cost_micros",),
    "feedback": ("up_count", "down_count"),
    "tags": ("tags",),
    "created": ("created_at",),
    "last": ("last_message_at",),
}


@bp.get("/threads.<any(csv,json,ndjson):kind>")
@org_right("threads.read")
def export(org: str, kind: str) -> Response:
    """The threads that match the address, with what the shown columns hold."""
    org_id, viewer, state = require_org().org_id, current_viewer(), _asked(org)
    columns = ["id", "status", *(field for column in state.columns for field in _FIELDS[column])]
    _note("thread.export", kind)
    return stream_file(
        kind,
        f"{org}-threads",
        columns,
        lambda session: ThreadListRepo(session).stream(org_id, viewer, state),
    )


@bp.get("/threads/messages.<any(json,ndjson):kind>")
@org_right("threads.read")
def export_whole(org: str, kind: str) -> Response:
    """The threads that match the address with all their messages; in NDJSON one thread a line."""
    org_id, viewer, state = require_org().org_id, current_viewer(), _asked(org)
    _note("thread.export_whole", kind)
    return stream_parts(
        kind,
        f"{org}-threads-with-messages",
        lambda session: write_threads(session, org_id, viewer, state, kind),
    )


def _asked(org: str) -> ListState:
    return read_list(current_spec(), viewer_zone().key, path=url_for("threads.index", org=org))


def _note(action: str, kind: str) -> None:
    with transaction():
        query = request.query_string.decode("ascii", "replace")
        record(action, "thread_list", after={"format": kind, "query": query})

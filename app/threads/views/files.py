"""Threads as files."""

from flask import Blueprint, Response, request, url_for

from app.audit.services import record
from app.db.session import transaction
from app.threads.access import current_viewer
from app.threads.kinds import EXPORT, EXPORT_WHOLE
from app.threads.repo.listed import ThreadListRepo
from app.threads.services.exporting import exported_columns, write_threads
from app.threads.views.spec import current_spec
from app.web.access import org_right
from app.web.export import stream_file, stream_parts
from app.web.file_tasks import begin_file, offer_file, too_long
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.listing import ListState, read_list

bp = Blueprint("thread_files", __name__, url_prefix="/o/<org>")


@bp.get("/threads.<any(csv,json,ndjson):kind>")
@org_right("threads.read")
def export(org: str, kind: str) -> Response:
    """The threads that match the address, with what the shown columns hold."""
    org_id, viewer, state = require_org().org_id, current_viewer(), _asked(org)
    if too_long(ThreadListRepo().stream(org_id, viewer, state)):
        return offer_file("threads", "Threads", state)
    return stream_file(
        kind,
        f"{org}-threads",
        exported_columns(state),
        lambda session: ThreadListRepo(session).stream(org_id, viewer, state),
        lambda: _note("thread.export", kind),
    )


@bp.post("/threads.<any(csv,json,ndjson):kind>")
@org_right("threads.read")
def write(org: str, kind: str) -> Response:
    """Have a worker write the file."""
    return begin_file(EXPORT, kind, _asked(org))


@bp.get("/threads/messages.<any(json,ndjson):kind>")
@org_right("threads.read")
def export_whole(org: str, kind: str) -> Response:
    """The threads that match the address with all their messages; in NDJSON one thread a line."""
    org_id, viewer, state = require_org().org_id, current_viewer(), _asked(org)
    if too_long(ThreadListRepo().stream(org_id, viewer, state)):
        return offer_file("threads with messages", "Threads", state)
    return stream_parts(
        kind,
        f"{org}-threads-with-messages",
        lambda session: write_threads(session, org_id, viewer, state, kind),
        lambda: _note("thread.export_whole", kind),
    )


@bp.post("/threads/messages.<any(json,ndjson):kind>")
@org_right("threads.read")
def write_whole(org: str, kind: str) -> Response:
    """Have a worker write the file of the threads with all their messages."""
    return begin_file(EXPORT_WHOLE, kind, _asked(org))


def _asked(org: str) -> ListState:
    return read_list(current_spec(), viewer_zone().key, path=url_for("threads.index", org=org))


def _note(action: str, kind: str) -> None:
    with transaction():
        query = request.query_string.decode("ascii", "replace")
        record(action, "thread_list", after={"format": kind, "query": query})

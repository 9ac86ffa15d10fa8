"""Answers as they come: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import threading
from collections import Counter
from functools import partial
from uuid import UUID

from flask import Blueprint, Response, request, stream_with_context, url_for

from app.auth.access import load_visitor
from app.runtime.forms import read_event_id
from app.runtime.repo import RunsRepo
from app.runtime.services.following import Watch, follow, sent_events
from app.threads.repo.beside import Beside
from app.threads.repo.messages import MessageRepo
from app.threads.repo.threads import ThreadRepo, Viewer
from app.threads.views.found import seen_thread
from app.threads.views.shown import shown_messages
from app.web.access import org_right, role_has
from app.web.errors import NotFound
from app.web.identity import require_org, require_visitor
from app.web.render import refresh, render, wants_fragment

bp = Blueprint("streams", __name__, url_prefix="/o/<org>/threads/<uuid:thread_id>")
SECONDS = 60.0
"""How long one stream lasts; the browser then goes on after the last event."""
CHECK_SECONDS = 5.0
MOST_STREAMS = 4
"""Streams of one session: browsers open six connections to a server, and pages need some of them."""


class _Grants:
    """The streams that run in this process, by session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[UUID] = Counter()

    def take(self, session_id: UUID) -> bool:
        """Count one more; False beyond the limit."""
        with self._lock:
            if self._counts[session_id] >= MOST_STREAMS:
                return False
            self._counts[session_id] += 1
            return True

    def give_back(self, session_id: UUID) -> None:
        """Count one less."""
        with self._lock:
            self._counts[session_id] -= 1
            if not self._counts[session_id]:
                del self._counts[session_id]


_grants = _Grants()


@bp.get("/runs/<uuid:task_id>/events")
@org_right("threads.read")
def events(org: str, thread_id: UUID, task_id: UUID) -> Response:
    """The events of a run after the one named by Last-Event-ID, else by `after`.

    204, which ends an event source, beyond four.
    """
    thread, org_id = seen_thread(thread_id), require_org().org_id
    run = RunsRepo().get(org_id, task_id)
    if run is None or run.thread_id != thread.id:
        raise NotFound
    session_id = require_visitor().session_id
    if not _grants.take(session_id):
        return Response(status=204)
    after = read_event_id(request.headers.get("Last-Event-ID") or request.args.get("after"))
    told = follow(org_id, task_id, after, Watch(partial(_allowed, thread_id), CHECK_SECONDS, SECONDS))
    response = Response(stream_with_context(sent_events(told)), mimetype="text/event-stream")
    response.call_on_close(partial(_grants.give_back, session_id))
    response.headers["X-Accel-Buffering"] = "no"
    return response


@bp.get("/messages/<uuid:message_id>/coming")
@org_right("threads.read")
def coming(org: str, thread_id: UUID, message_id: UUID) -> Response:
    """An answer that is being written, to follow it in its thread; 204 once nothing more is to come."""
    thread, org_id = seen_thread(thread_id), require_org().org_id
    row = MessageRepo().get(org_id, thread_id, message_id)
    if row is None:
        raise NotFound
    page = url_for("thread.show", org=org, thread_id=thread_id, at=message_id)
    if not wants_fragment():
        return refresh(f"{page}#{message_id}")
    run = RunsRepo().live(org_id, thread_id) if row.status == "pending" else None
    if run is None:
        return Response(status=204)
    (message,) = shown_messages(
        thread, [row], Beside(), ""
    )  # its parts are not shown, but those of the events
    renew = {"url": page, "id": "messages"}
    return render("playground/coming.html", message=message, thread=thread, run=run, renew=renew)


def _allowed(thread_id: UUID) -> bool:
    """Whether the session still holds and its person may still see the thread."""
    visitor = load_visitor(request)
    if visitor is None or visitor.org is None or not role_has(visitor.org.role, "threads.read"):
        return False
    viewer = Viewer(visitor.id, sees_all=role_has(visitor.org.role, "threads.read_all"))
    return ThreadRepo().head(visitor.org.org_id, viewer, thread_id) is not None

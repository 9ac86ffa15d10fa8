"""Threads."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from flask import Blueprint, Response, url_for

from app.api.schemas.lists import listing
from app.api.schemas.operations import Operation, operation
from app.api.schemas.strict import empty, read_body, read_matches, tagged
from app.api.schemas.threads import (
    QUERY,
    Thread,
    ThreadChange,
    ThreadDraft,
    ThreadListing,
    read_threads,
    shown_row,
    shown_thread,
)
from app.api.services import begin_thread, change_thread, thread_of, viewer_of
from app.db.session import transaction
from app.threads.forms import thread_list
from app.threads.repo.choices import ThreadChoiceRepo
from app.threads.repo.listed import ThreadListRepo
from app.threads.services.writing import Stale, rename_thread
from app.web.access import api_scope
from app.web.errors import Refusal
from app.web.idempotency import Reply, answer_once
from app.web.identity import Caller, require_caller
from app.web.listing import ListSpec

bp = Blueprint("api_threads", __name__, url_prefix="/api/v1/threads")


@bp.get("")
@api_scope("threads:read")
@operation(Operation("List threads", ThreadListing, query=QUERY))
def index() -> Response:
    """The threads that match and that the person of the key sees."""
    caller = require_caller()
    org_id, viewer = caller.org.org_id, viewer_of(caller)

    def spec_for(asked: Mapping[str, Sequence[UUID]], tags: Sequence[str]) -> ListSpec:
        return thread_list(ThreadChoiceRepo().choices(org_id, viewer, asked["agent"], asked["user"]), tags)

    state = read_threads(spec_for)
    page = ThreadListRepo().page(org_id, viewer, state).page
    return listing(ThreadListing, page, state, [shown_row(row) for row in page.rows])


@bp.post("")
@api_scope("threads:write")
@operation(Operation("Begin a thread", Thread, 201, body=ThreadDraft, once=True))
def create() -> Response:
    """Store a thread with its first messages, all or nothing."""
    draft, caller = read_body(ThreadDraft), require_caller()
    values = {
        "name": draft.name,
        "agent_id": draft.agent_id and UUID(draft.agent_id),
        "external_user": draft.external_user,
    }
    said = [(message.role, message.parts, message.facts()) for message in draft.messages]

    def stored() -> Reply:
        thread = shown_thread(begin_thread(caller, values, said))
        return Reply(201, thread.model_dump_json(), url_for(".show", thread_id=thread.id))

    return answer_once(stored)


@bp.get("/<uuid:thread_id>")
@api_scope("threads:read")
@operation(Operation("Read a thread", Thread, tagged=True))
def show(thread_id: UUID) -> Response:
    """A thread without its messages, archived or deleted as well."""
    return _shown(require_caller(), thread_id)


@bp.patch("/<uuid:thread_id>")
@api_scope("threads:write")
@operation(Operation("Rename a thread", Thread, body=ThreadChange, refusals=(412,), tagged=True))
def update(thread_id: UUID) -> Response:
    """Give it another name; whoever says what was read is told what is stored now, if that has changed."""
    change, caller = read_body(ThreadChange), require_caller()
    try:
        with transaction():
            rename_thread(caller.org.org_id, viewer_of(caller), thread_id, change.name, read_matches())
    except Stale as stale:
        current = shown_thread(thread_of(caller, thread_id)).model_dump(mode="json")
        raise Refusal(412, "The thread has changed since.", more={"current": current}) from stale
    return _shown(caller, thread_id)


@bp.post("/<uuid:thread_id>/<any(archive,restore):act>")
@api_scope("threads:write")
@operation(Operation("Archive or restore a thread", Thread, refusals=(409,), tagged=True))
def change(thread_id: UUID, act: str) -> Response:
    """Archive a thread, or bring it back from the archive or from deletion."""
    caller = require_caller()
    with transaction():
        change_thread(caller, thread_id, act)
    return _shown(caller, thread_id)


@bp.delete("/<uuid:thread_id>")
@api_scope("threads:write")
@operation(Operation("Delete a thread", None, 204, refusals=(409,)))
def destroy(thread_id: UUID) -> Response:
    """Delete a thread; it can be restored for 30 days."""
    with transaction():
        change_thread(require_caller(), thread_id, "delete")
    return empty()


def _shown(caller: Caller, thread_id: UUID) -> Response:
    thread = thread_of(caller, thread_id)
    return tagged(shown_thread(thread), thread.revision)

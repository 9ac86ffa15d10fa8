"""Runs of agents: asked, followed to their end, stopped."""

from dataclasses import replace
from functools import partial
from uuid import UUID

import orjson
from flask import Blueprint, Response, stream_with_context, url_for

from app.agents.services.versions import found_draft
from app.api.schemas.lists import listing, read_state
from app.api.schemas.operations import EVENT_STREAM, Operation, operation
from app.api.schemas.runs import AFTER, QUERY, Run, RunDraft, RunListing, listed_run, read_after, shown_run
from app.api.schemas.strict import answer, read_body
from app.api.schemas.threads import shown_message
from app.api.services import viewer_of
from app.db.session import transaction
from app.orgs.access import given_key
from app.orgs.repo.api_keys import ApiKeyRepo
from app.orgs.services.spending import OVER, check_room, quota_refusal
from app.runtime.forms import RUN_LIST
from app.runtime.repo import RunsRepo
from app.runtime.services.completions import ask_in, asked_version
from app.runtime.services.following import Watch, follow, sent_events
from app.runtime.services.queueing import SECONDS
from app.runtime.services.runs import stop_run
from app.threads.repo.messages import MessageRepo
from app.threads.repo.threads import ThreadRepo
from app.web.access import api_scope
from app.web.errors import NotFound
from app.web.idempotency import Reply, answer_once
from app.web.identity import Caller, require_caller
from app.web.security import hash_token

bp = Blueprint("api_runs", __name__, url_prefix="/api/v1")
WAIT_SECONDS = 60.0
"""How long a blocking call waits."""
CHECK_SECONDS = 1.0
_EVENTS = "`begin`, `part`, `delta`, and `done` as the last, with the status of the run."


@bp.get("/agents/<uuid:agent_id>/runs")
@api_scope("agents:run")
@operation(Operation("List runs of an agent", RunListing, query=QUERY))
def index(agent_id: UUID) -> Response:
    """The runs that match, newest first, in threads that the person of the key sees; names of threads are searched."""
    caller = require_caller()
    found_draft(caller.org.org_id, agent_id)
    state = read_state(RUN_LIST)
    page = RunsRepo().page(caller.org.org_id, viewer_of(caller), agent_id, state)
    return listing(RunListing, page, state, [listed_run(row) for row in page.rows])


@bp.post("/agents/<uuid:agent_id>/runs")
@api_scope("agents:run")
@operation(
    Operation(
        "Ask an agent",
        Run,
        202,
        body=RunDraft,
        once=True,
        also=(200,),
        streams=_EVENTS,
        headers=("Location",),
    )
)
def create(agent_id: UUID) -> Response:
    """Put the question into its thread and have it answered; 200 with the run once it has ended, else 202."""
    caller = require_caller()
    found_draft(caller.org.org_id, agent_id)
    wanted = read_body(RunDraft)

    number = None if wanted.version == "latest" else int(wanted.version)

    def stored() -> Reply:
        check_room(caller.org.org_id, caller.key_id)
        asked = asked_version(caller.org.org_id, agent_id, number)
        asked = replace(asked, variables=wanted.variables, api_key_id=caller.key_id)
        where = UUID(wanted.thread_id) if wanted.thread_id else None
        begun = ask_in(caller.org.org_id, viewer_of(caller), asked, wanted.parts(), where)
        run = _found(caller, begun.task_id)
        return Reply(202, run.model_dump_json(), url_for(".show", agent_run_id=run.id))

    response = answer_once(stored)
    if wanted.mode == "background" or response.status_code != 202:
        return response
    run_id = UUID(orjson.loads(response.get_data())["id"])
    return _streamed(caller, run_id, 0) if wanted.mode == "streaming" else _waited(caller, run_id)


@bp.get("/runs/<uuid:agent_run_id>")
@api_scope("agents:run")
@operation(Operation("Read a run", Run))
def show(agent_run_id: UUID) -> Response:
    """How far a run is, with its answer, in a thread that the person of the key sees."""
    return answer(_found(require_caller(), agent_run_id))


@bp.get("/runs/<uuid:agent_run_id>/events")
@api_scope("agents:run")
@operation(Operation("Follow a run", None, query=AFTER, streams=_EVENTS, headers=("Location",)))
def events(agent_run_id: UUID) -> Response:
    """The answer as server-sent events, from the first one or from the one after `Last-Event-ID`, until its end."""
    caller = require_caller()
    _found(caller, agent_run_id)
    return _streamed(caller, agent_run_id, read_after())


@bp.post("/runs/<uuid:agent_run_id>/cancel")
@api_scope("agents:run")
@operation(Operation("Stop a run", Run, refusals=(409,)))
def cancel(agent_run_id: UUID) -> Response:
    """Stop an answer that is being written, or waits; what was said stays."""
    caller = require_caller()
    run = _found(caller, agent_run_id)
    with transaction():
        stop_run(caller.org.org_id, run.thread_id, run.id)
    return answer(_found(caller, agent_run_id))


def _streamed(caller: Caller, run_id: UUID, after: int) -> Response:
    """What the run says from now on; `done` is the last event, its `status` says how it ended."""
    watch = Watch(partial(_allowed, hash_token(given_key() or "")), CHECK_SECONDS, SECONDS)
    told = follow(caller.org.org_id, run_id, after, watch)
    response = Response(stream_with_context(sent_events(told)), mimetype=EVENT_STREAM)
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Location"] = url_for(".show", agent_run_id=run_id)
    return response


def _waited(caller: Caller, run_id: UUID) -> Response:
    """The run once it has ended, or as far as it is after a minute. Refusal 429 if a limit of spending ended it."""
    watch = Watch(partial(_allowed, hash_token(given_key() or "")), CHECK_SECONDS, WAIT_SECONDS)
    status = next(
        (told.data["status"] for told in follow(caller.org.org_id, run_id, 0, watch) if told.kind == "done"),
        None,
    )
    with transaction():
        run = _found(caller, run_id)
    if run.error and run.error.startswith(OVER):
        raise quota_refusal(run.error)
    location = url_for(".show", agent_run_id=run_id)
    return answer(run, 202 if status in {None, "waiting"} else 200, location)


def _allowed(key_hash: bytes) -> bool:
    """Whether the key still works."""
    return ApiKeyRepo().bearer(key_hash) is not None


def _found(caller: Caller, run_id: UUID) -> Run:
    """The run with its answer. Raises NotFound, also where its thread is not the person's to see."""
    org_id = caller.org.org_id
    row = RunsRepo().get(org_id, run_id)
    if row is None or row.thread_id is None:
        raise NotFound
    if ThreadRepo().head(org_id, viewer_of(caller), row.thread_id) is None:
        raise NotFound
    message = MessageRepo().get(org_id, row.thread_id, UUID(row.payload["message_id"]))
    return shown_run(row, shown_message(message) if message else None)

"""Agents for every client of OpenAI's API: as its models, and for chat completions."""

import time
from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, Response, stream_with_context

from app.api.schemas.completions import (
    MOST_BYTES,
    AgentModel,
    AgentModels,
    AnswerMessage,
    AnswerMetadata,
    ChatRequest,
    Choice,
    Completion,
    Usage,
    shown_model,
)
from app.api.schemas.operations import EVENT_STREAM, Operation, operation
from app.api.schemas.strict import answer, read_body
from app.api.services import viewer_of
from app.db.session import transaction
from app.orgs.access import given_key
from app.orgs.repo.api_keys import ApiKeyRepo
from app.orgs.services.spending import OVER, check_room, quota_refusal
from app.runtime.repo import RunsRepo
from app.runtime.services.completions import (
    Question,
    ask,
    closing,
    finish_of,
    message_of,
    published_agent,
    texts,
)
from app.runtime.services.following import Told, Watch, follow
from app.runtime.services.queueing import SECONDS
from app.runtime.services.runs import Begun
from app.threads.repo.messages import MessageRepo, MessageRow
from app.web.access import api_scope, takes_file
from app.web.errors import Refusal, openai_error, refused
from app.web.identity import Caller, require_caller
from app.web.security import hash_token

bp = Blueprint("completions", __name__, url_prefix="/v1")
FAILED_DEPENDENCY = 424
"""Not 5xx: clients would ask again by themselves, and each time be charged for another answer."""
CHECK_SECONDS = 1.0
_EVENTS = (
    "With `stream`: each event is a `chat.completion.chunk` of OpenAI's, the last one `[DONE]`; an answer that fails"
    " ends with an OpenAIError instead."
)


@bp.get("/models")
@api_scope("agents:run")
@operation(Operation("List published agents as models", AgentModels))
def index() -> Response:
    """The published agents that answer, each as a model."""
    caller = require_caller()
    models = [shown_model(row, caller.org.slug) for row in RunsRepo().published_agents(caller.org.org_id)]
    return answer(AgentModels(data=models))


@bp.get("/models/<name:model>")
@api_scope("agents:run")
@operation(Operation("Read a published agent as a model", AgentModel))
def show(model: str) -> Response:
    """A published agent that answers, by its name or id."""
    org = require_caller().org
    return answer(shown_model(published_agent(org.org_id, model), org.slug))


@bp.post("/chat/completions")
@api_scope("agents:run")
@takes_file(MOST_BYTES)
@operation(
    Operation(
        "Ask an agent as a model",
        Completion,
        body=ChatRequest,
        refusals=(404, 409, FAILED_DEPENDENCY),
        streams=_EVENTS,
        headers=("X-Thread-Id",),
    )
)
def create() -> Response:
    """Ask an agent; its answer whole, or as it is written."""
    wanted, caller = read_body(ChatRequest, keep=False), require_caller()
    begun = _asked(caller, wanted)
    wanted = wanted.without_messages()
    watch = Watch(partial(_allowed, hash_token(given_key() or "")), CHECK_SECONDS, SECONDS)
    told = texts(follow(caller.org.org_id, begun.task_id, 0, watch))
    if wanted.stream:
        lines = _lines(wanted, caller.org.org_id, begun, told)
        response = Response(stream_with_context(lines), mimetype=EVENT_STREAM)
    else:
        response = _whole(wanted, caller.org.org_id, begun, told)
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["X-Thread-Id"] = str(begun.thread_id)
    return response


def _asked(caller: Caller, wanted: ChatRequest) -> Begun:
    """The question stored, its answer begun."""
    thread_id = UUID(wanted.thread_id) if wanted.thread_id else None
    question = Question(wanted.model, wanted.said(), thread_id, caller.key_id)
    with transaction():
        check_room(caller.org.org_id, caller.key_id)
        return ask(caller.org.org_id, viewer_of(caller), question)


def _allowed(key_hash: bytes) -> bool:
    """Whether the key still works."""
    return ApiKeyRepo().bearer(key_hash) is not None


def _whole(wanted: ChatRequest, org_id: UUID, begun: Begun, told: Iterator[Told]) -> Response:
    """The answer once it is complete; a refusal for one that ended early."""
    for _ in told:
        pass
    row = _answer(org_id, begun)
    message = message_of(row) if row else None
    if row is None or message is None:
        return refused(_failure(row))
    completion = Completion(
        **_head(wanted, begun),
        choices=[Choice(message=AnswerMessage(**message), finish_reason=finish_of(row))],
        usage=_usage(row),
        metadata=AnswerMetadata.model_validate({"thread_id": begun.thread_id, "status": row.status}),
    )
    return answer(completion)


def _failure(row: MessageRow | None) -> Refusal:
    """Why there is no answer."""
    words = (row and row.error) or "The answer was stopped."
    return quota_refusal(words) if words.startswith(OVER) else Refusal(FAILED_DEPENDENCY, words)


def _lines(wanted: ChatRequest, org_id: UUID, begun: Begun, told: Iterator[Told]) -> Iterator[bytes]:
    """The answer as server-sent events; one that ends early ends with an error."""
    chunk = partial(_chunk, wanted, begun)
    yield chunk({"role": "assistant", "content": ""})
    for event in told:
        if event.kind == "delta":
            yield chunk({"content": event.data["text"]})
        elif not event.kind:
            yield b": still here\n\n"
    row = _answer(org_id, begun)
    message = message_of(row) if row else None
    if row is None or message is None:
        error = _failure(row)
        yield _line(openai_error(error.status, error.message, error.more))
        return
    if words := closing(row):
        yield chunk({"content": words})
    if "refusal" in message:
        yield chunk({"refusal": message["refusal"]})
    yield chunk({}, finish_of(row))
    if wanted.stream_options and wanted.stream_options.include_usage:
        yield _line(_part(wanted, begun, choices=[], usage=_usage(row).model_dump()))
    yield b"data: [DONE]\n\n"


def _chunk(wanted: ChatRequest, begun: Begun, delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
    return _line(_part(wanted, begun, choices=[choice]))


def _part(wanted: ChatRequest, begun: Begun, **parts: Any) -> dict[str, Any]:
    metadata = {"thread_id": str(begun.thread_id)}
    return {**_head(wanted, begun), "object": "chat.completion.chunk", "metadata": metadata, **parts}


def _head(wanted: ChatRequest, begun: Begun) -> dict[str, Any]:
    """What every object of an answer begins with."""
    return {"id": f"chatcmpl-{begun.message_id.hex}", "created": int(time.time()), "model": wanted.model}


def _answer(org_id: UUID, begun: Begun) -> MessageRow | None:
    with transaction():
        return MessageRepo().get(org_id, begun.thread_id, begun.message_id)


def _usage(row: MessageRow) -> Usage:
    used = row.input_tokens or 0, row.output_tokens or 0
    return Usage(prompt_tokens=used[0], completion_tokens=used[1], total_tokens=sum(used))


def _line(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"

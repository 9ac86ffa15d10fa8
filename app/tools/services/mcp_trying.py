"""The call of a tool that somebody tries. Only workers load this: the protocol's package is large."""

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from mcp_types import CallToolResult, EmbeddedResource, ResourceLink, TextContent, TextResourceContents
from uuid_utils.compat import uuid7

from app.connections.providers import masked
from app.connections.repo.mcp_servers import ServerFacts
from app.connections.services.discovering import Unusable, words_of
from app.connections.services.mcp_calls import call, told
from app.db.sealed import SealBroken, open_json, seal_json
from app.db.session import transaction
from app.db.work import SEALED, Work
from app.tools.parts import McpConfig
from app.tools.services.calling import WORDS_LENGTH, CallFailed, ready, ready_server
from app.tools.services.trying import Outcome, TryInput

SHOWN_LENGTH, MOST_PARTS = 8_000, 20
LOOK_SECONDS = 1.0
"""How soon a call that is to stop is left."""
BROKEN_OFF = (
    "The worker ended while the tool was called. It may have done its work: look before you send this again."
)
UNREADABLE = "The arguments can no longer be read: they were sealed with another SECRET_KEY. Send them again."


def try_tool(work: Work, given: TryInput) -> Mapping[str, Any]:
    """Call the tool, once however often the task is begun, and keep what came of it."""
    mine = uuid7().hex
    if work.step("call", lambda: mine) != mine:
        return _kept(Outcome(BROKEN_OFF))
    try:
        arguments = open_json(given.sealed)["arguments"]
        with transaction():
            server, secret, config = _ready(work, given)
    except SealBroken:
        return _kept(Outcome(UNREADABLE))
    except CallFailed as failed:
        return _kept(Outcome(str(failed)))
    began = time.perf_counter()
    answer = asyncio.run(_watched(work, call(server, secret, config.tool, arguments, config.seconds)))
    milliseconds = round((time.perf_counter() - began) * 1000)
    return _kept(replace(_outcome(answer, secret), milliseconds=milliseconds))


def _ready(work: Work, given: TryInput) -> tuple[ServerFacts, str | None, McpConfig]:
    if given.tool_id is None:
        server, secret = ready_server(work.org_id, given.server_id)
        return server, secret, McpConfig(tool=given.tool or "")
    prepared = ready(work.org_id, given.tool_id)
    assert prepared.server is not None
    return prepared.server, prepared.secret, McpConfig.model_validate(prepared.tool.config)


async def _watched(work: Work, asking: Coroutine[Any, Any, CallToolResult]) -> CallToolResult | BaseException:
    """The answer, or what prevented it; raises only what says that the task may not go on."""
    task = asyncio.create_task(asking)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_SECONDS))[0]:
            work.tell(())
    finally:
        task.cancel()
        await asyncio.wait({task})
    return asyncio.CancelledError() if task.cancelled() else task.exception() or task.result()


def _outcome(answer: CallToolResult | BaseException, secret: str | None) -> Outcome:
    """What came of a call, without the secret."""
    if isinstance(answer, BaseException):
        return _words(answer, secret)
    try:
        told(answer)
        parts = [_part(kind, text, secret) for kind, text in _parts(answer)]
    except (Unusable, TypeError, ValueError, RecursionError) as failure:
        return _words(failure, secret)
    return Outcome("", parts[:MOST_PARTS], len(parts[MOST_PARTS:]), bool(answer.is_error))


def _words(failure: BaseException, secret: str | None) -> Outcome:
    return Outcome(masked(words_of(failure), secret)[:WORDS_LENGTH])


def _parts(answer: CallToolResult) -> Iterator[tuple[str, str]]:
    for part in answer.content:
        if isinstance(part, TextContent):
            yield "text", part.text
        elif isinstance(part, ResourceLink):
            yield "link", str(part.uri)
        elif isinstance(part, EmbeddedResource) and isinstance(part.resource, TextResourceContents):
            yield "resource", f"{part.resource.uri}\n{part.resource.text}"
        else:
            yield part.type, getattr(part, "mime_type", None) or "application/octet-stream"
    if answer.structured_content is not None:
        yield "structured", json.dumps(answer.structured_content, indent=2, ensure_ascii=False)


def _part(kind: str, text: str, secret: str | None) -> dict[str, Any]:
    whole = text.replace("\0", "\ufffd").encode(errors="replace").decode()
    shown = masked(whole[: 2 * SHOWN_LENGTH], secret)[:SHOWN_LENGTH]
    return {"kind": kind, "text": shown, "length": len(whole)}


def _kept(outcome: Outcome) -> Mapping[str, Any]:
    return {SEALED: seal_json(asdict(outcome))}

"""Calls of tools: to an HTTP server or an MCP server, with the secret on the way out and never on the way back."""

import asyncio
import contextvars
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.connections.providers import masked
from app.connections.repo.mcp_servers import McpServersRepo, ServerFacts
from app.connections.services.vault import SecretLost, secret_of
from app.db.numbers import read_number, read_whole
from app.db.session import transaction
from app.late import load
from app.tools.parts import HttpConfig, McpConfig
from app.tools.repo.tools import ToolFacts, ToolsRepo
from app.tools.services.requests import Request, RequestRefused, made_request
from app.web.outbound import Answer, Call, OutboundFailed, OutboundRefused, fetch

HEADERS_SHOWN = ("content-type", "content-length", "location", "retry-after", "date", "x-request-id")
WORDS_LENGTH = 2_000
_JSON_DEPTH = 40
_TEXTS = ("text/", "application/json", "application/xml", "application/x-ndjson")


class CallFailed(Exception):
    """The call did not work; the message says why, without the secret."""


@dataclass(frozen=True)
class Ready:
    """A tool with all that calling it takes."""

    tool: ToolFacts
    secret: str | None
    server: ServerFacts | None = None


@dataclass(frozen=True)
class Sent:
    """What came of a call: the request as it was made, the answer if there was one, and `words` if it went wrong.

    `status` and `headers` are those of HTTP; `result` is what a model is given.
    """

    request: Request | None
    milliseconds: int
    status: int | None = None
    headers: Mapping[str, str] | None = None
    text: str = ""
    result: Any = None
    words: str = ""


def ready(org_id: UUID, tool_id: UUID) -> Ready:
    """A tool that can be called now. Raises CallFailed for one that is gone, off, or without its secret."""
    found = ToolsRepo().get(org_id, tool_id)
    if found is None or found.archived or not found.enabled:
        raise CallFailed("This tool is no longer available.")
    try:
        if found.kind != "mcp":
            return Ready(found, secret_of(org_id, found.credential_id) if found.credential_id else None)
    except SecretLost as lost:
        raise CallFailed(str(lost)) from lost
    server, secret = ready_server(org_id, found.mcp_server_id)
    return Ready(found, secret, server)


def ready_server(org_id: UUID, server_id: UUID | None) -> tuple[ServerFacts, str | None]:
    """An MCP server that can be called now, with its secret. Raises CallFailed."""
    server = McpServersRepo().get(org_id, server_id) if server_id else None
    if server is None or not server.enabled:
        raise CallFailed("The MCP server of this tool is gone or disabled.")
    try:
        return server, secret_of(org_id, server.credential_id) if server.credential_id else None
    except SecretLost as lost:
        raise CallFailed(str(lost)) from lost


def call_tool(org_id: UUID, tool_id: UUID, arguments: Mapping[str, Any], once: str | None = None) -> Any:
    """What a tool answers, as JSON values; arguments fit its schema, `once` names the call. Raises CallFailed.

    No connection to the database is held meanwhile.
    """
    with transaction():
        prepared = ready(org_id, tool_id)
    sent = send(prepared, arguments, once)
    if sent.words:
        raise CallFailed(sent.words)
    return sent.result


def send(prepared: Ready, arguments: Mapping[str, Any], once: str | None = None) -> Sent:
    """Make a call; whatever goes wrong is said in the answer."""
    if prepared.tool.kind == "mcp":
        return _send_mcp(prepared, arguments)
    config = HttpConfig.model_validate(prepared.tool.config)
    try:
        request = made_request(config, arguments, once)
    except RequestRefused as refused:
        return Sent(None, 0, words=str(refused))
    began = time.perf_counter()
    try:
        answer = fetch(_outgoing(config, request, prepared.secret))
    except (OutboundRefused, OutboundFailed) as failed:
        return Sent(request, _since(began), words=masked(str(failed), prepared.secret))
    return _received(request, answer, prepared.secret, _since(began))


def _outgoing(config: HttpConfig, request: Request, secret: str | None) -> Call:
    held = {config.auth_header: f"{config.auth_prefix}{secret}"} if secret else None
    return Call(
        "tool",
        request.url,
        request.method,
        request.headers,
        held,
        body=request.body,
        seconds=config.seconds,
        max_bytes=config.max_bytes,
    )


def _received(request: Request, answer: Answer, secret: str | None, milliseconds: int) -> Sent:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    shown = {
        name: masked(value, secret)[:500]
        for name in HEADERS_SHOWN
        if (value := answer.headers.get(name)) is not None
    }
    words, result = "", None
    readable = not answer.body or kind.startswith(_TEXTS) or kind.endswith(("+json", "+xml"))
    text = masked(answer.body.decode(errors="replace").replace("\0", "\ufffd"), secret) if readable else ""
    if not readable:
        words = f"The answer is {kind[:100] or 'of no stated type'}; only text and JSON can be read."
    elif answer.status >= 400:
        words = f"The server answers {answer.status}. {text[:WORDS_LENGTH]}".strip()
    elif 300 <= answer.status < 400:
        words = f"The server answers {answer.status}, without leading anywhere."
    else:
        result = {"status": answer.status, "body": _value(text) if "json" in kind else text}
    return Sent(request, milliseconds, answer.status, shown, text, result, words)


def _value(text: str) -> Any:
    """The value of a JSON text; the text itself if it is none, or nested so deeply that pages could not show it."""
    try:
        value = json.loads(text, parse_constant=str, parse_int=read_whole, parse_float=read_number)
        return text if _deeper(value, _JSON_DEPTH) or "\\u0000" in text else value
    except (ValueError, RecursionError):
        return text


def _deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_deeper(part, depth - 1) for part in parts)


def _send_mcp(prepared: Ready, arguments: Mapping[str, Any]) -> Sent:
    """Call a tool at its MCP server, on an event loop in a thread of its own: the caller may be within one."""
    config, began = McpConfig.model_validate(prepared.tool.config), time.perf_counter()
    ask = load("app.connections.services.mcp_calls:ask")

    def act() -> tuple[str, bool]:
        answer: tuple[str, bool] = asyncio.run(
            ask(prepared.server, prepared.secret, config.tool, arguments, config.seconds)
        )
        return answer

    try:
        with ThreadPoolExecutor(1) as pool:
            said, failed = pool.submit(contextvars.copy_context().run, act).result()
    except Exception as failure:  # noqa: BLE001 - whatever a server answers ends as words
        words = load("app.connections.services.discovering:words_of")(failure)
        return Sent(None, _since(began), words=masked(words, prepared.secret)[:WORDS_LENGTH])
    text = masked(said, prepared.secret)
    if failed:
        return Sent(None, _since(began), text=text, words=text[:WORDS_LENGTH] or "The tool failed.")
    return Sent(None, _since(began), text=text, result=text)


def _since(began: float) -> int:
    return round((time.perf_counter() - began) * 1000)

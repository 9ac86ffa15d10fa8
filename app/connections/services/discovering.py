"""Asking an MCP server for its tools. Only workers load this: the protocol's package is large."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import IO, Any
from uuid import UUID

import orjson
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import PaginatedRequestParams, Tool
from sqlalchemy import func

from app.audit.services import record
from app.connections.providers import WORDS_LENGTH, masked
from app.connections.repo.mcp_servers import McpServersRepo, ServerFacts
from app.connections.services.vault import SecretLost, secret_of
from app.db.numbers import read_json
from app.db.session import transaction
from app.db.work import Work
from app.web.guarded import guarded_client, network_words
from app.web.outbound import check
from app.web.security import settings

SECONDS = 20
MOST_TOOLS, MOST_PAGES = 500, 20
NAME_LENGTH, DESCRIPTION_LENGTH, SCHEMA_BYTES = 255, 4_000, 64_000
_DROPPED = ("HOME", "LOGNAME", "SHELL", "TERM", "USER")
"""What the protocol's package hands on beside PATH."""


class Unusable(Exception):
    """The server cannot be asked; the message says why."""


def discover(work: Work, server_id: UUID) -> Mapping[str, Any]:
    """Ask a server, and keep what it names, or why it names nothing; says how many tools there are."""
    with transaction():
        server = McpServersRepo().get(work.org_id, server_id)
        if server is None:
            return {"error": "The server was deleted."}
        try:
            secret = secret_of(work.org_id, server.credential_id) if server.credential_id else None
            error = ""
        except SecretLost as lost:
            secret, error = None, str(lost)
    tools: Sequence[dict[str, Any]] = []
    if not error:
        try:
            tools = asyncio.run(_ask(server, secret))
        except Exception as failure:  # noqa: BLE001 - whatever a server answers ends as words on its page
            error = masked(words_of(failure), secret)[:WORDS_LENGTH]
    work.step("keep", lambda: _keep(work, server, tools, error))
    return {"error": error} if error else {"tools": len(tools)}


def words_of(failure: BaseException) -> str:
    """What went wrong, for people."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    if isinstance(failure, TimeoutError):
        return f"The server did not name its tools within {SECONDS} seconds."
    on_the_way = network_words(failure)
    if on_the_way:
        return on_the_way
    said = "".join(char for char in " ".join(str(failure).split()) if char.isprintable())
    return said or f"The server broke off: {type(failure).__name__}."


async def _ask(server: ServerFacts, secret: str | None) -> list[dict[str, Any]]:
    """The tools of a server. Raises whatever the way to it raises."""
    async with asyncio.timeout(SECONDS), server_session(server, secret) as session:
        await session.initialize()
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor) if cursor else None)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None or len(tools) >= MOST_TOOLS:
                break
        return [_kept(tool) for tool in tools[:MOST_TOOLS]]


@asynccontextmanager
async def server_session(
    server: ServerFacts, secret: str | None, silence: int | None = None
) -> AsyncIterator[ClientSession]:
    """A session with the server, over the network or with a program that ends with it.

    A server of the network that says nothing for `silence` seconds, else SECONDS, has failed.
    """
    if server.transport == "stdio":
        if not settings().mcp_stdio:
            raise Unusable("Programs are switched off as MCP servers: the operator has not set MCP_STDIO.")
        bare = [part for name in _DROPPED for part in ("-u", name)]
        arguments = [*bare, "--", *(server.command or [])]
        with tempfile.TemporaryDirectory() as place, tempfile.TemporaryFile("w+", errors="replace") as said:
            program = StdioServerParameters(command="env", args=arguments, cwd=place)
            try:
                async with stdio_client(program, said) as streams, ClientSession(*streams) as session:
                    yield session
            except Exception as failure:
                raise Unusable(_ended(failure, said)) from failure
        return
    assert server.url is not None
    check("mcp", server.url)
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    client = guarded_client("mcp", silence or SECONDS)
    client.headers.update(headers)
    async with (
        client,
        streamable_http_client(server.url, http_client=client) as streams,
        ClientSession(*streams) as session,
    ):
        yield session


def _ended(failure: Exception, said: IO[str]) -> str:
    """Why a program did not answer, with the last line that it said."""
    said.seek(max(0, said.seek(0, 2) - WORDS_LENGTH))
    lines = [line.strip() for line in said.read().splitlines() if line.strip()]
    last = f" Its last words: {lines[-1]}" if lines else ""
    return f"The program did not answer: {words_of(failure)}.{last}"


def _kept(tool: Tool) -> dict[str, Any]:
    """What is kept of a tool; a schema that is too large is left out."""
    schema = read_json(json.dumps(tool.input_schema))
    kept = {
        "name": tool.name[:NAME_LENGTH],
        "description": (tool.description or "")[:DESCRIPTION_LENGTH],
        "input_schema": schema if len(orjson.dumps(schema)) <= SCHEMA_BYTES else None,
    }
    found: dict[str, Any] = orjson.loads(orjson.dumps(kept).replace(b"\\u0000", b"\\ufffd"))
    return found


def _keep(work: Work, server: ServerFacts, tools: Sequence[dict[str, Any]], error: str) -> int:
    """Store what was found out, unless the server was changed or deleted in the meantime."""
    now = McpServersRepo().lock(work.org_id, server.id)
    if now is None:
        return 0
    done: dict[str, Any] = {"task_id": None} if now.task_id == work.task_id else {}
    if now.lock_version != server.lock_version:
        done["error"] = "The server was changed while it was asked. Test it again."
    elif error:
        done["error"] = error
    else:
        done |= {"discovered": list(tools), "discovered_at": func.now(), "error": None}
        record("mcp_server.discover", "mcp_server", server.id, server.name, after={"tools": len(tools)})
    McpServersRepo().note(work.org_id, server.id, done)
    return len(tools)

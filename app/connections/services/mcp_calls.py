"""Calling a tool of an MCP server. Only loaded where one is called: the protocol's package is large."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from mcp_types import CallToolResult, TextContent

from app.connections.repo.mcp_servers import ServerFacts
from app.connections.services.discovering import Unusable, server_session

MOST_TEXT = 256 * 1024


async def ask(
    server: ServerFacts, secret: str | None, tool: str, arguments: Mapping[str, Any], seconds: int
) -> tuple[str, bool]:
    """The text that a tool answers with, and whether it says that it failed. Raises as `call`, and as `told`."""
    answer = await call(server, secret, tool, arguments, seconds)
    return told(answer), bool(answer.is_error)


async def call(
    server: ServerFacts, secret: str | None, tool: str, arguments: Mapping[str, Any], seconds: int
) -> CallToolResult:
    """What a tool answers. Raises Unusable, and whatever the way to the server raises."""
    try:
        async with asyncio.timeout(seconds), server_session(server, secret, seconds + 1) as session:
            await session.initialize()
            answer = await session.call_tool(tool, dict(arguments))
    except TimeoutError as error:
        raise Unusable(
            f"The tool did not answer within {seconds} {'second' if seconds == 1 else 'seconds'}."
        ) from error
    if not isinstance(answer, CallToolResult):
        raise Unusable("The tool asks for more than its arguments, which is not supported.")
    return answer


def told(answer: CallToolResult) -> str:
    """What a model is given of an answer: its text, what is no text only named. Raises Unusable if that is too long."""
    parts = [
        part.text if isinstance(part, TextContent) else f"[{part.type} left out]" for part in answer.content
    ]
    if not parts and answer.structured_content is not None:
        parts = [orjson.dumps(answer.structured_content).decode()]
    text = "\n".join(parts).replace("\0", "\ufffd")
    if len(text) > MOST_TEXT:
        raise Unusable(f"The answer is larger than {MOST_TEXT:,} characters.")
    return text.encode(errors="replace").decode()

"""A real MCP server: `python -m tests.support.mcp_server PORT`, or `stdio`."""

import asyncio
import os
import sys
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("wiki")


@server.tool()
def look_up(word: str, most: int = 3) -> str:
    """Looks a word up."""
    return word * most


@server.tool(description=f"Environment: {','.join(sorted(os.environ))}; place: {Path.cwd()}")
def environment() -> str:
    return ""


@server.tool()
def headers(context: Context) -> str:
    """Says what it was sent in the header Authorization."""
    return (context.headers or {}).get("authorization", "none")


@server.tool()
def picture() -> Image:
    """Draws."""
    return Image(data=b"\x89PNG\r\n", format="png")


@server.tool()
def fail(words: str) -> str:
    """Fails."""
    raise ToolError(words)


@server.tool()
async def wait(seconds: float) -> str:
    """Takes its time."""
    await asyncio.sleep(seconds)
    return "Done."


@server.tool()
def leave() -> str:
    """Ends the server."""
    os._exit(3)


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))

"""A real MCP server: `python -m tests.support.mcp_server PORT`, or `stdio`, with two tools."""

import os
import sys
from pathlib import Path

from mcp.server import MCPServer

server = MCPServer("wiki")


@server.tool()
def look_up(word: str, most: int = 3) -> str:
    """Looks a word up."""
    return word * most


@server.tool(description=f"Environment: {','.join(sorted(os.environ))}; place: {Path.cwd()}")
def environment() -> str:
    return ""


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))

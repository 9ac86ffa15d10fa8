"""A real MCP server as a process of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Process, free_port, listens
from tests.support.web import ROOT, clean_environment


class McpProcess(Process):
    """Listens at `url` on loopback."""

    server_port: int
    url: str


@contextmanager
def mcp_server(folder: Path) -> Iterator[McpProcess]:
    """Start `tests.support.mcp_server`, whose log goes to the folder."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.mcp_server", str(port)]
    process = McpProcess(command, folder / "mcp.log", clean_environment({}), ROOT)
    process.server_port, process.url = port, f"http://127.0.0.1:{port}/mcp"

    process.start(lambda: listens(port))
    try:
        yield process
    finally:
        process.stop()

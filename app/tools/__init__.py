"""Tools of an organisation: HTTP calls, tools of MCP servers, and what is built in."""

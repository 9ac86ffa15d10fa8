"""Accounts outside: the credential vault, model connections, MCP servers."""

"""Credentials, model connections and MCP servers in the database."""

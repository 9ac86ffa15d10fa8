"""Credentials, model connections with their models, and MCP servers."""

import itertools
from typing import Any

from sqlalchemy import insert, literal
from sqlalchemy.dialects.postgresql import BYTEA
from uuid_utils.compat import uuid7

from app.connections.models import ConnectionModel, Credential, McpServer, ModelConnection
from app.db.keyring import Keyring
from app.orgs.models import Org
from tests.factories.rows import rows, save
from tests.support.database import SECRET_KEY, as_owner

SECRET = "sk-test-0123456789-abcd"
_numbers = itertools.count(1)


def credential(org: Org, secret: str = SECRET, **values: Any) -> Credential:
    """Store a credential for model connections; outside of the application too, whose keys it seals with."""
    sealed = literal(Keyring([SECRET_KEY]).seal(secret.encode()), BYTEA)
    given = {
        "id": uuid7(),
        "org_id": org.id,
        "name": f"Key {next(_numbers)}",
        "kind": "model",
        "hint": secret[-4:],
    }
    with as_owner() as session:
        session.execute(insert(Credential).values({**given, **values, "secret": sealed}))
    return rows(Credential, id=given["id"])[0]


def connection(org: Org, **values: Any) -> ModelConnection:
    """Store a connection to a server at an address that nobody answers at."""
    number = next(_numbers)
    given = {
        "name": f"Connection {number}",
        "slug": f"connection-{number}",
        "kind": "openai",
        "base_url": "https://192.0.2.1/v1",
    }
    return save(ModelConnection(**{"org_id": org.id, **given, **values}))


def model(connection: ModelConnection, name: str = "gpt-test", **values: Any) -> ConnectionModel:
    """Store what is known of a model of a connection."""
    given = {"org_id": connection.org_id, "model_connection_id": connection.id, "name": name}
    return save(ConnectionModel(**{**given, **values}))


def mcp_server(org: Org, **values: Any) -> McpServer:
    """Store an MCP server at an address that nobody answers at."""
    place = {} if "command" in values else {"url": "https://192.0.2.1/mcp"}
    given = {"name": f"Server {next(_numbers)}", "transport": "streamable_http", **place}
    return save(McpServer(**{"org_id": org.id, **given, **values}))


def one_of_each(org: Org, canary: str) -> dict[str, Any]:
    """Return a row of each table around connections, by its table's name."""
    key = credential(org, f"sk-{canary}-secret", name=f"{canary} key")
    opened = connection(org, name=f"{canary} connection", slug=canary.lower(), credential_id=key.id)
    tools = [{"name": "look_up", "description": f"{canary} tool", "input_schema": {"type": "object"}}]
    return {
        "credentials": key,
        "model_connections": opened,
        "connection_models": model(opened, f"{canary}-model", context_size=128_000),
        "mcp_servers": mcp_server(org, name=f"{canary} server", discovered=tools),
    }

"""MCP servers: created, changed, asked for their tools by a worker, and deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.connections.repo.mcp_servers import McpServersRepo, ServerFacts
from app.connections.services.changed import Stale, record_change
from app.connections.services.connections import KeyChoice, opened_with, same_origin
from app.connections.services.queueing import queue_discovery
from app.web.errors import NotFound, Refusal
from app.web.outbound import OutboundRefused, check
from app.web.security import settings

FIELDS = ("name", "transport", "url", "command", "credential_id", "enabled")
THING = "mcp_server"
NO_PROGRAMS = "Only a platform administrator may do this, and only where the operator has set MCP_STDIO."


def programs_allowed(*, platform_admin: bool) -> bool:
    """Whether this person may say which programs run as MCP servers."""
    return platform_admin and settings().mcp_stdio


def checked_url(url: str) -> str:
    """The address of a server as it is stored. Raises OutboundRefused if it may not be called."""
    url = url.strip()
    if "#" in url:
        raise OutboundRefused("The address must have no #.")
    check("mcp", url)
    return url


def create_server(org_id: UUID, values: Mapping[str, Any], choice: KeyChoice, *, programs: bool) -> UUID:
    """Store a server; its id. `values` are FIELDS but the credential, which a program has none of.

    Raises NameTaken, and Refusal 403 for a program unless `programs` are allowed, 409 for a credential that is gone.
    """
    _permit(values["transport"], programs=programs)
    credential_id = None if values["command"] else opened_with(org_id, "mcp", values["name"], choice, None)
    given = {**values, "credential_id": credential_id}
    server_id = McpServersRepo().add(org_id, given)
    record(f"{THING}.create", THING, server_id, values["name"], after=_noted(given))
    return server_id


def change_server(
    org_id: UUID, server: tuple[UUID, int], values: Mapping[str, Any], choice: KeyChoice, *, programs: bool
) -> bool:
    """Save an edited server, given by id and version; whether its secret was taken off, its address being another.

    Raises NotFound, Stale, NameTaken, and Refusal as `create_server`.
    """
    server_id, lock_version = server
    before = locked_server(org_id, server_id)
    _permit(before.transport, programs=programs)
    _permit(values["transport"], programs=programs)
    if before.lock_version != lock_version:
        raise Stale("server")
    stays = same_origin(before.url, values["url"])
    kept = before.credential_id if stays else None
    credential_id = None if values["command"] else opened_with(org_id, "mcp", values["name"], choice, kept)
    stored = {name: getattr(before, name) for name in FIELDS}
    given = {**values, "credential_id": credential_id}
    changed = {name: given[name] for name in FIELDS if stored[name] != given[name]}
    if changed:
        if {"url", "command", "transport"} & changed.keys():
            changed |= {"discovered": None, "discovered_at": None, "error": None}
        McpServersRepo().change(org_id, server_id, changed)
        record_change(THING, server_id, given["name"], _noted(stored), _noted(given))
    return choice.keep and not choice.typed and not stays and before.credential_id is not None


def set_server_enabled(org_id: UUID, server_id: UUID, *, enabled: bool) -> None:
    """Let agents use a server, or not. Raises NotFound; changes nothing twice."""
    before = locked_server(org_id, server_id)
    if before.enabled != enabled:
        McpServersRepo().change(org_id, server_id, {"enabled": enabled})
        record_change(THING, server_id, before.name, {"enabled": not enabled}, {"enabled": enabled})


def begin_discovery(org_id: UUID, server_id: UUID) -> None:
    """Have a worker ask a server for its tools, unless one does already. Raises NotFound."""
    before = locked_server(org_id, server_id)
    if before.task_id is None:
        McpServersRepo().note(org_id, server_id, {"task_id": queue_discovery(server_id), "error": None})


def delete_server(org_id: UUID, server_id: UUID) -> str:
    """Delete a server; its name. The credential stays. Raises NotFound."""
    before = locked_server(org_id, server_id)
    noted = _noted({name: getattr(before, name) for name in FIELDS})
    record(f"{THING}.delete", THING, server_id, before.name, before=noted)
    McpServersRepo().remove(org_id, server_id)
    return before.name


def locked_server(org_id: UUID, server_id: UUID) -> ServerFacts:
    """A server, held until the transaction ends. Raises NotFound."""
    found = McpServersRepo().lock(org_id, server_id)
    if found is None:
        raise NotFound
    return found


def _permit(transport: str, *, programs: bool) -> None:
    if transport == "stdio" and not programs:
        raise Refusal(403, NO_PROGRAMS)


def _noted(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as an audit row keeps them: of a program only its name, of an address nothing behind the `?`."""
    credential_id, command, url = values["credential_id"], values["command"], values["url"]
    return {
        **values,
        "credential_id": credential_id and str(credential_id),
        "command": command and command[0],
        "url": url and url.partition("?")[0],
    }

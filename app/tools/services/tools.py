"""Changes of tools, each with its audit row. A secret never follows an address to another place."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.connections.repo.taken import NameTaken
from app.connections.services.changed import Stale, record_change
from app.connections.services.connections import KeyChoice, opened_with, same_origin
from app.tools.parts import RESERVED
from app.tools.repo.tools import ToolFacts, ToolsRepo
from app.tools.services.requests import bare_url
from app.web.errors import NotFound, Refusal

FIELDS = ("name", "description", "input_schema", "config", "credential_id", "approval", "enabled")
THING = "tool"
_KEPT = KeyChoice(keep=True)
_ACTS = {
    "enable": ("enabled", True),
    "disable": ("enabled", False),
    "archive": ("archived", True),
    "restore": ("archived", False),
}


def create_tool(org_id: UUID, values: Mapping[str, Any], choice: KeyChoice = _KEPT) -> UUID:
    """Store a tool; its id. `values` are FIELDS but the credential, with kind and for MCP tools the server.

    Raises NameTaken for a name in use or reserved, Refusal 409 for a credential that is gone.
    """
    _free(values["name"])
    credential_id = opened_with(org_id, "tool", values["name"], choice, None)
    given = {**values, "credential_id": credential_id}
    tool_id = ToolsRepo().add(org_id, given)
    record(f"{THING}.create", THING, tool_id, values["name"], after=_noted(given))
    return tool_id


def create_tools(org_id: UUID, many: Sequence[Mapping[str, Any]], choice: KeyChoice = _KEPT) -> list[UUID]:
    """Store several tools, all or none; those whose name is in use get another one. Raises NameTaken."""
    taken = ToolsRepo().taken(org_id, [values["name"] for values in many]) | {
        name.lower() for name in RESERVED
    }
    made = []
    for values in many:
        name = _next_free(org_id, values["name"], taken)
        taken.add(name.lower())
        made.append(create_tool(org_id, {**values, "name": name}, choice))
    return made


def change_tool(
    org_id: UUID, tool: tuple[UUID, int], values: Mapping[str, Any], choice: KeyChoice = _KEPT
) -> bool:
    """Save an edited tool, given by id and version; whether its secret was taken off, its address being another.

    Raises NotFound, Stale, NameTaken, and Refusal as `create_tool`.
    """
    tool_id, lock_version = tool
    before = locked_tool(org_id, tool_id)
    if before.lock_version != lock_version:
        raise Stale(THING)
    stays = before.kind != "http" or same_origin(
        bare_url(before.config["url"]), bare_url(values["config"]["url"])
    )
    kept = before.credential_id if stays else None
    if values["name"].lower() != before.name.lower():
        _free(values["name"])
    credential_id = opened_with(org_id, "tool", values["name"], choice, kept)
    stored = {name: getattr(before, name) for name in FIELDS}
    given = {**stored, **values, "credential_id": credential_id}
    changed = {name: given[name] for name in FIELDS if stored[name] != given[name]}
    if changed:
        ToolsRepo().change(org_id, tool_id, changed)
        record_change(THING, tool_id, given["name"], _noted(stored), _noted({n: given[n] for n in FIELDS}))
    return choice.keep and not choice.typed and not stays and before.credential_id is not None


def set_state(org_id: UUID, tool_id: UUID, act: str) -> str:
    """Enable, disable, archive or restore a tool; its name. Raises NotFound; changes nothing twice."""
    column, value = _ACTS[act]
    before = locked_tool(org_id, tool_id)
    if getattr(before, column) != value:
        ToolsRepo().change(org_id, tool_id, {column: value})
        record_change(THING, tool_id, before.name, {column: not value}, {column: value})
    return before.name


def delete_tool(org_id: UUID, tool_id: UUID) -> str:
    """Delete a tool; its name. The credential stays. Raises NotFound, and Refusal 409 that names agents using it."""
    before = locked_tool(org_id, tool_id)
    if before.agents:
        names = ", ".join(f"“{name}”" for _, name in ToolsRepo().users(org_id, tool_id)[:3])
        more = f" and {before.agents - 3} more" if before.agents > 3 else ""
        raise Refusal(409, f"It is used by {names}{more}. Take it off them first, or archive it.")
    record(
        f"{THING}.delete",
        THING,
        tool_id,
        before.name,
        before=_noted({name: getattr(before, name) for name in FIELDS}),
    )
    ToolsRepo().remove(org_id, tool_id)
    return before.name


def found_tool(org_id: UUID, tool_id: UUID) -> ToolFacts:
    """A tool. Raises NotFound."""
    found = ToolsRepo().get(org_id, tool_id)
    if found is None:
        raise NotFound
    return found


def locked_tool(org_id: UUID, tool_id: UUID) -> ToolFacts:
    """A tool, held until the transaction ends. Raises NotFound."""
    found = ToolsRepo().lock(org_id, tool_id)
    if found is None:
        raise NotFound
    return found


def _free(name: str) -> None:
    if name.lower() in {reserved.lower() for reserved in RESERVED}:
        raise NameTaken


def _next_free(org_id: UUID, name: str, taken: set[str]) -> str:
    number, wanted = 1, name
    while wanted.lower() in taken or ToolsRepo().taken(org_id, [wanted]):
        number += 1
        wanted = f"{name[: 60 - len(str(number))]}_{number}"
    return wanted


def _noted(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as an audit row keeps them: of an address nothing behind the `?`, of headers only their names."""
    config = dict(values["config"])
    if "url" in config:
        config["url"] = config["url"].partition("?")[0]
    if config.get("headers"):
        config["headers"] = sorted(config["headers"])
    told = {name: str(value) if isinstance(value, UUID) else value for name, value in values.items()}
    return {**told, "config": config}

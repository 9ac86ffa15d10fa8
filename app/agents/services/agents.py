"""Changes of agents, each with its audit row."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.agents.models import Agent
from app.agents.repo.agents import AgentRepo, NameTaken, PersonaGone
from app.audit.services import record
from app.audit.statuses import Move, events_of, sort_out, take, ways_back
from app.web.errors import NotFound, Refusal
from app.web.selection import Outcome, Skipped

FIELDS = (
    "name",
    "description",
    "prompt",
    "primary_model_provider",
    "primary_model",
    "primary_model_temperature",
    "reasoning_effort",
    "enabled",
    "persona_id",
    "rag_enabled",
    "tools_enabled",
    "settings",
)
COPIED = FIELDS[1:]
NAME_LENGTH = 255
COPIES = 100

ACTS: Mapping[str, Mapping[str, str]] = {
    "archive": {"enabled": "archive", "disabled": "archive"},
    "restore": {"archived": "unarchive", "deleted": "undelete"},
    "delete": {"enabled": "delete", "disabled": "delete", "archived": "delete"},
}
"""What people can do with the status of agents: for each status it applies to, the step it takes."""

_ACTIONS = frozenset(f"agent.{act}" for act in ACTS)
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")


class Stale(Exception):
    """Somebody else changed the agent in the meantime; `agent` is what is stored now."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent.name)
        self.agent = agent


@dataclass(frozen=True)
class PromptFacts:
    """What can be said about a prompt without a model."""

    characters: int
    tokens: int
    variables: tuple[str, ...]


def prompt_facts(prompt: str) -> PromptFacts:
    """Length, about how many tokens that is (four characters each), and the `{{variables}}` in order."""
    found = tuple(dict.fromkeys(_VARIABLE.findall(prompt)))
    return PromptFacts(len(prompt), math.ceil(len(prompt) / 4), found)


def create_agent(org_id: UUID, values: Mapping[str, Any]) -> Agent:
    """Store a new agent from FIELDS; what is left out is empty. Raises NameTaken, and Refusal without its persona."""
    with _persona_there():
        agent = AgentRepo().add(org_id, values)
    record("agent.create", "agent", agent.id, agent.name, after=_told(_values(agent)))
    return agent


def change_agent(org_id: UUID, agent_id: UUID, lock_version: int, values: Mapping[str, Any]) -> Agent:
    """Save an edited agent. Raises NameTaken, Stale, NotFound, and Refusal for a deleted agent or persona."""
    agent = editable_agent(org_id, agent_id)
    if agent.lock_version != lock_version:
        raise Stale(agent)
    before = _values(agent)
    changed = {name: value for name, value in values.items() if not _same(before[name], value)}
    if not changed:
        return agent
    with _persona_there():
        saved = AgentRepo().change(org_id, agent_id, lock_version, changed)
    if saved is None:
        raise Stale(editable_agent(org_id, agent_id))
    record(
        "agent.change",
        "agent",
        agent_id,
        saved.name,
        before=_told({name: before[name] for name in changed}),
        after=_told(changed),
    )
    return saved


def editable_agent(org_id: UUID, agent_id: UUID) -> Agent:
    """An agent that may be edited. Raises NotFound, and Refusal for a deleted one."""
    agent = AgentRepo().get(org_id, agent_id)
    if agent is None:
        raise NotFound
    if agent.deleted_at is not None:
        raise Refusal(409, "This agent is deleted. Restore it first.")
    return agent


def duplicate_agent(org_id: UUID, agent_id: UUID) -> Agent:
    """Store a copy under the next free name. Raises NotFound, Refusal, NameTaken."""
    agent = editable_agent(org_id, agent_id)
    names = [_copy_name(agent.name, number) for number in range(1, COPIES)]
    taken = AgentRepo().taken(org_id, names)
    name = next((name for name in names if name.lower() not in taken), None)
    if name is None:
        raise NameTaken
    return create_agent(org_id, {"name": name, **{field: getattr(agent, field) for field in COPIED}})


def change_status(org_id: UUID, ids: Sequence[UUID], act: str) -> Outcome:
    """Archive, restore or delete (ACTS) those of the agents that it applies to.

    Raises NotFound, with nothing changed, if one of them does not exist in the organisation.
    """
    moves, skipped = sort_out(AgentRepo().lock(org_id, ids), ids, ACTS[act])
    return _take(org_id, moves, skipped)


def undo(org_id: UUID, actor_id: UUID, request_id: str) -> Outcome:
    """Take back what a person's request did to the status of agents, where nothing happened to them since.

    Raises NotFound if there is no such request within the last hour.
    """
    events = events_of(org_id, actor_id, request_id, _ACTIONS)
    moves, skipped = ways_back(AgentRepo().lock(org_id, list(events)), events)
    return _take(org_id, moves, skipped)


def _take(org_id: UUID, moves: Sequence[Move], skipped: Sequence[Skipped]) -> Outcome:
    """Take each agent's step; those that cannot come back are skipped as well."""
    coming, clashing = _split_taken(org_id, [row for row, step in moves if step == "undelete"])
    staying = [move for move in moves if move[1] != "undelete"]
    changed = take(
        "agent",
        [*staying, *((row, "undelete") for row in coming)],
        lambda step, ids: _step(org_id, step, ids),
    )
    return Outcome(changed, [*skipped, *clashing])


def _step(org_id: UUID, step: str, ids: Sequence[UUID]) -> list[Row[Any]]:
    if step in {"archive", "unarchive"}:
        return AgentRepo().set_archived(org_id, ids, archived=step == "archive")
    return AgentRepo().set_deleted(org_id, ids, deleted=step == "delete")


def _split_taken(org_id: UUID, rows: Sequence[Row[Any]]) -> tuple[list[Row[Any]], list[Skipped]]:
    """Those that can come back, and those whose name is in use."""
    if not rows:
        return [], []
    taken = AgentRepo().taken(org_id, [row.name for row in rows])
    free, clashing = [], []
    for row in rows:
        if row.name.lower() in taken:
            clashing.append(Skipped(row.id, row.name, "cannot come back: another agent has its name"))
        else:
            free.append(row)
            taken.add(row.name.lower())
    return free, clashing


def _copy_name(name: str, number: int) -> str:
    end = " (copy)" if number == 1 else f" (copy {number})"
    return name[: NAME_LENGTH - len(end)] + end


def _values(agent: Agent) -> dict[str, Any]:
    return {name: getattr(agent, name) for name in FIELDS}


def _same(before: Any, value: Any) -> bool:
    """Whether a column keeps its value: an id may be given as text, and the order of ids says nothing."""
    if isinstance(before, UUID):
        return str(before) == str(value)
    return sorted(before) == sorted(value) if isinstance(before, list) else before == value


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the audit log keeps them."""
    return {name: str(value) if isinstance(value, UUID) else value for name, value in values.items()}


@contextmanager
def _persona_there() -> Iterator[None]:
    try:
        yield
    except PersonaGone as error:
        raise Refusal(409, "The persona was deleted in the meantime. Choose another one.") from error

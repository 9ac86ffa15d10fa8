"""Going back: an earlier version becomes the draft again, and nothing is lost by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.agents.models import Agent
from app.agents.repo.agents import AgentRepo, NameTaken
from app.agents.repo.versions import Present, VersionRepo
from app.agents.services.agents import change_agent
from app.agents.services.versions import held_draft, keep
from app.agents.snapshot import Settings, Snapshot
from app.audit.services import record
from app.web.errors import NotFound, Refusal


@dataclass(frozen=True)
class Restored:
    """What came of going back.

    `kept` is the number that the former draft was published under, if that was needed; `missing` are sentences.
    """

    kept: int | None
    missing: Sequence[str]


def restore(org_id: UUID, agent_id: UUID, number: int, lock_version: int) -> Restored:
    """Make the draft that was read at `lock_version` what a version holds.

    A draft that equals no version is published first. Raises NotFound, Stale, and Refusal for a deleted agent.
    """
    AgentRepo().lock(org_id, [agent_id])
    draft = held_draft(org_id, agent_id, lock_version)
    version = VersionRepo().numbered(org_id, agent_id, [number]).get(number)
    if version is None:
        raise NotFound
    kept = None
    if draft.changed and VersionRepo().same(org_id, agent_id, draft.snapshot.digest()) is None:
        kept = keep(org_id, draft, f"Before restoring version {number}", None).number
    present = VersionRepo().present(org_id, version.snapshot)
    values, missing = _values(version.snapshot, present), missing_words(version.snapshot, present)
    if _in_use(org_id, draft.agent, version.snapshot.name):
        missing.append(
            f"The name “{version.snapshot.name}” is another agent's by now; this agent keeps its own."
        )
        del values["name"]
    if not version.snapshot.name:
        values.pop("name", None)
    try:
        change_agent(org_id, agent_id, lock_version, values)
    except NameTaken as error:
        raise Refusal(409, "Another agent took the name of this version just now. Try again.") from error
    record("agent.roll_back", "agent", agent_id, draft.agent.name, after={"number": number, "kept": kept})
    return Restored(kept, missing)


def missing_words(snapshot: Snapshot, present: Present) -> list[str]:
    """Sentences about what a version refers to and what is gone or different by now."""
    words = []
    persona = snapshot.persona
    if persona and present.persona is None:
        words.append(f"The persona “{persona.name}” is gone; the draft has none.")
    elif persona and present.persona != persona.prompt:
        words.append(f"The persona “{persona.name}” was changed since; the draft uses its present text.")
    words += [
        f"The knowledge base “{base.name}” is gone or archived."
        for base in snapshot.knowledge_bases
        if base.id not in present.bases
    ]
    words += [
        f"The tool “{tool.name}” is gone or archived."
        for tool in snapshot.tools
        if tool.id not in present.tools
    ]
    return words


def _values(snapshot: Snapshot, present: Present) -> dict[str, Any]:
    persona = snapshot.persona
    return {
        "name": snapshot.name,
        "description": snapshot.description or None,
        "prompt": snapshot.prompt or None,
        "primary_model_provider": snapshot.provider,
        "primary_model": snapshot.model,
        "primary_model_temperature": snapshot.temperature,
        "reasoning_effort": snapshot.reasoning_effort,
        "persona_id": persona.id if persona and present.persona is not None else None,
        "tools_enabled": sorted(present.tools.values()),
        "rag_enabled": sorted(str(base.id) for base in snapshot.knowledge_bases if base.id in present.bases),
        "settings": _set(snapshot.settings),
    }


def _set(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(exclude_defaults=True)


def _in_use(org_id: UUID, agent: Agent, name: str) -> bool:
    return name.lower() != agent.name.lower() and bool(AgentRepo().taken(org_id, [name]))

"""Changes of personas, each with its audit row. Agents refer to them; published versions keep their text."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.agents.models import Persona
from app.agents.repo.personas import PersonaRepo
from app.audit.services import record
from app.audit.statuses import Move, events_of, sort_out, take, ways_back
from app.web.errors import NotFound, Refusal
from app.web.filters import grouped
from app.web.selection import Outcome, Skipped

FIELDS = ("name", "description", "prompt")
ACTS: Mapping[str, Mapping[str, str]] = {
    "archive": {"active": "archive"},
    "restore": {"archived": "unarchive"},
}
"""What people can do with the status of personas: for each status it applies to, the step it takes."""
NAMED = 3


class StalePersona(Exception):
    """Somebody else changed the persona in the meantime; `persona` is what is stored now."""

    def __init__(self, persona: Persona) -> None:
        super().__init__(persona.name)
        self.persona = persona


def create_persona(org_id: UUID, values: Mapping[str, Any]) -> Persona:
    """Store a new persona from FIELDS. Raises PersonaNameTaken."""
    persona = PersonaRepo().add(org_id, values)
    record("persona.create", "persona", persona.id, persona.name, after=_values(persona))
    return persona


def change_persona(org_id: UUID, persona_id: UUID, lock_version: int, values: Mapping[str, Any]) -> Persona:
    """Save an edited persona. Raises PersonaNameTaken, StalePersona, NotFound."""
    persona = found_persona(org_id, persona_id)
    if persona.lock_version != lock_version:
        raise StalePersona(persona)
    before = _values(persona)
    changed = {name: value for name, value in values.items() if before[name] != value}
    if not changed:
        return persona
    saved = PersonaRepo().change(org_id, persona_id, lock_version, changed)
    if saved is None:
        raise StalePersona(found_persona(org_id, persona_id))
    was = {name: before[name] for name in changed}
    record("persona.change", "persona", persona_id, saved.name, before=was, after=changed)
    return saved


def found_persona(org_id: UUID, persona_id: UUID) -> Persona:
    """A persona. Raises NotFound."""
    persona = PersonaRepo().get(org_id, persona_id)
    if persona is None:
        raise NotFound
    return persona


def change_personas(org_id: UUID, ids: Sequence[UUID], act: str) -> Outcome:
    """Archive or restore (ACTS) those of the personas that it applies to; agents keep using archived ones.

    Raises NotFound, with nothing changed, if one of them does not exist in the organisation.
    """
    moves, skipped = sort_out(PersonaRepo().lock(org_id, ids), ids, ACTS[act])
    return _take(org_id, moves, skipped)


def undo_personas(org_id: UUID, actor_id: UUID, request_id: str) -> Outcome:
    """Take back what a person's request did to the status of personas, where nothing happened to them since.

    Raises NotFound if there is no such request within the last hour.
    """
    events = events_of(org_id, actor_id, request_id, {f"persona.{act}" for act in ACTS})
    moves, skipped = ways_back(PersonaRepo().lock(org_id, list(events)), events)
    return _take(org_id, moves, skipped)


def delete_persona(org_id: UUID, persona_id: UUID) -> str:
    """Delete a persona for good; its name. Raises NotFound, and Refusal 409 that names the agents that use it."""
    held = PersonaRepo().lock(org_id, [persona_id])
    if not held:
        raise NotFound
    users = PersonaRepo().users(org_id, persona_id)
    if users.count:
        raise Refusal(409, in_use([name for _, name in users.first], users.count))
    persona = found_persona(org_id, persona_id)
    record("persona.delete", "persona", persona_id, persona.name, before=_values(persona))
    PersonaRepo().remove(org_id, persona_id)
    return persona.name


def in_use(names: Sequence[str], count: int) -> str:
    """Say which agents keep a persona from being deleted."""
    shown = [f"“{name}”" for name in names[:NAMED]]
    if count > len(shown):
        shown.append(f"{grouped(count - len(shown))} more")
    listed = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
    return f"It is used by {listed}. Choose another persona there first, or archive this one."


def _take(org_id: UUID, moves: Sequence[Move], skipped: Sequence[Skipped]) -> Outcome:
    changed = take(
        "persona",
        moves,
        lambda step, ids: PersonaRepo().set_archived(org_id, ids, archived=step == "archive"),
    )
    return Outcome(changed, skipped)


def _values(persona: Persona) -> dict[str, Any]:
    return {name: getattr(persona, name) for name in FIELDS}

"""Publishing agents: the draft is the agent's row, a version is what it was when it was published."""

from uuid import UUID

from app.agents.models import AgentVersion
from app.agents.repo.versions import Draft, VersionRepo, VersionRow
from app.agents.services.agents import Stale
from app.agents.services.evaluations import gate_fault
from app.agents.snapshot import Snapshot
from app.audit.services import record
from app.db.scope import current_scope
from app.web.errors import NotFound, Refusal


class GateClosed(Refusal):
    """The evaluation cases keep the draft from being published; the message says why."""

    def __init__(self, fault: str) -> None:
        super().__init__(409, fault)


class NothingNew(Refusal):
    """The draft equals the latest version."""

    def __init__(self, number: int) -> None:
        super().__init__(409, f"Nothing was changed since version {number}, so there is nothing to publish.")


def draft_snapshot(org_id: UUID, agent_id: UUID) -> Snapshot:
    """The agent as it is now, deleted or not. Raises NotFound."""
    return found_draft(org_id, agent_id).snapshot


def version_snapshot(org_id: UUID, version_id: UUID) -> Snapshot:
    """What a version holds. Raises NotFound."""
    version = VersionRepo().get(org_id, version_id)
    if version is None:
        raise NotFound
    return version.snapshot


def latest_version(org_id: UUID, agent_id: UUID) -> VersionRow | None:
    """The version that was published last; None before the first one, or without such an agent."""
    return VersionRepo().latest(org_id, agent_id)


def found_draft(org_id: UUID, agent_id: UUID) -> Draft:
    """An agent, deleted or not, as it would be published. Raises NotFound."""
    draft = VersionRepo().draft(org_id, agent_id)
    if draft is None:
        raise NotFound
    return draft


def editable_draft(org_id: UUID, agent_id: UUID) -> Draft:
    """The draft of an agent that may be edited. Raises NotFound, and Refusal for a deleted one."""
    draft = found_draft(org_id, agent_id)
    if draft.agent.deleted_at is not None:
        raise Refusal(409, "This agent is deleted. Restore it first.")
    return draft


def held_draft(org_id: UUID, agent_id: UUID, lock_version: int) -> Draft:
    """The draft that was read at `lock_version`; nobody else changes or publishes it until the transaction ends.

    Raises NotFound, Stale, and Refusal for a deleted agent.
    """
    draft = VersionRepo().draft(org_id, agent_id, hold=True)
    if draft is None:
        raise NotFound
    if draft.agent.deleted_at is not None:
        raise Refusal(409, "This agent is deleted. Restore it first.")
    if draft.agent.lock_version != lock_version:
        raise Stale(draft.agent)
    return draft


def publish(
    org_id: UUID,
    agent_id: UUID,
    lock_version: int,
    note: str | None = None,
    name: str | None = None,
    *,
    anyway: bool = False,
) -> AgentVersion:
    """Keep the draft that was read at `lock_version` as the agent's next version, which never changes.

    With `anyway` also if its evaluation cases do not pass, which the audit row says. Raises NotFound, Stale,
    GateClosed, NothingNew, and Refusal 409 for a deleted agent.
    """
    draft = held_draft(org_id, agent_id, lock_version)
    if draft.latest and not draft.changed:
        raise NothingNew(draft.latest.number)
    return keep(org_id, draft, note, name, anyway=anyway)


def keep(
    org_id: UUID, draft: Draft, note: str | None, name: str | None, *, anyway: bool = False
) -> AgentVersion:
    """Store a held draft as a version, with its audit row. Raises GateClosed, unless it is to be kept `anyway`."""
    fault = gate_fault(org_id, draft)
    if fault and not anyway:
        raise GateClosed(fault)
    snapshot = draft.snapshot
    version = VersionRepo().add(
        org_id,
        {
            "agent_id": draft.agent.id,
            "name": name or None,
            "note": note or None,
            "snapshot": snapshot.stored(),
            "content_hash": snapshot.digest(),
            "created_by": current_scope().user_id,
        },
    )
    after = {"number": version.number, "name": version.name, "note": version.note}
    if fault:
        after["published_anyway"] = fault
    record("agent.publish", "agent", draft.agent.id, draft.agent.name, after=after)
    return version

"""Answers of drafts: what the draft was stays with the answer, since the next edit makes it another one."""

from datetime import UTC, datetime
from uuid import UUID

from app.agents.services.versions import draft_snapshot
from app.agents.snapshot import Snapshot, read_snapshot
from app.threads.repo.messages import MessageRepo, MessageRow


def taken_draft(org_id: UUID, agent_id: UUID, answer: MessageRow) -> Snapshot:
    """The draft as it is now, which is kept with the answer; one that waited goes on by what it began with.

    Raises NotFound if the agent is gone.
    """
    kept = MessageRepo().draft(org_id, answer.thread_id, answer.id) if answer.parts else None
    if kept is not None:
        return read_snapshot(kept)
    snapshot = draft_snapshot(org_id, agent_id)
    MessageRepo().change(org_id, answer.id, {"draft": snapshot.stored(), "drafted_at": datetime.now(UTC)})
    return snapshot

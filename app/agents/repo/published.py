"""Agents that answer as they were published, to be chosen from."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, and_, or_, select, true
from sqlalchemy.orm import Session

from app.agents.models import Agent, AgentVersion
from app.db.base import db


@dataclass(frozen=True)
class Wanted:
    """How many agents, and versions of each; the chosen ones are among them, whatever became of them."""

    agents: int
    versions: int
    agent_id: UUID | None = None
    version_id: UUID | None = None


class PublishedRepo:
    """Published agents of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def offered(self, org_id: UUID, wanted: Wanted) -> Sequence[Row[UUID, str, UUID, int]]:
        """The agents changed last with their newest versions: id, name, id and number of the version."""
        of_agent = (AgentVersion.org_id == Agent.org_id, AgentVersion.agent_id == Agent.id)
        answers = and_(Agent.deleted_at.is_(None), ~Agent.archived, Agent.enabled)
        chosen, pinned = Agent.id == wanted.agent_id, AgentVersion.id == wanted.version_id
        some = (
            select(Agent.id, Agent.org_id, Agent.name)
            .where(Agent.org_id == org_id, or_(answers, chosen))
            .where(select(AgentVersion.id).where(*of_agent).exists())
            .order_by(chosen.desc().nulls_last(), Agent.updated_at.desc(), Agent.id)
            .limit(wanted.agents)
            .subquery("some")
        )
        kept = (
            select(AgentVersion.id, AgentVersion.number)
            .where(AgentVersion.org_id == some.c.org_id, AgentVersion.agent_id == some.c.id)
            .order_by(pinned.desc().nulls_last(), AgentVersion.number.desc())
            .limit(wanted.versions)
            .lateral("kept")
        )
        return self._session.execute(
            select(some.c.id, some.c.name, kept.c.id.label("version_id"), kept.c.number)
            .join(kept, true())
            .order_by(some.c.name, some.c.id, kept.c.number.desc())
        ).all()

"""What an agent demands of its evaluation cases before it is published, and who judges them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.agents.models import Agent
from app.db.base import db


class GateRepo:
    """The demands of agents of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def change(self, org_id: UUID, agent_id: UUID, values: Mapping[str, Any]) -> None:
        """Set the gate and the judge, or one of them; the draft counts as unchanged."""
        self._session.execute(
            update(Agent)
            .where(Agent.org_id == org_id, Agent.id == agent_id)
            .values(**values, updated_at=Agent.updated_at)
            .execution_options(synchronize_session=False)
        )

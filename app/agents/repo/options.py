"""What an agent's editor offers to choose from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, case, cast, func, literal, select, union_all
from sqlalchemy.orm import Session

from app.agents.models import Agent, Persona
from app.agents.repo.agents import distinct_values
from app.db.base import db
from app.knowledge.models.sources import KnowledgeBase

MOST = 500


@dataclass(frozen=True)
class Option:
    """Something to choose; `archived` only where it is chosen already."""

    id: str
    name: str
    archived: bool


@dataclass(frozen=True)
class Options:
    """The personas and knowledge bases that an agent can use: at most 500 of each, those it uses first of all.

    `providers` and `models` are suggestions: those that agents have.
    """

    personas: Sequence[Option]
    bases: Sequence[Option]
    providers: Sequence[str]
    models: Sequence[str]


class OptionRepo:
    """Personas and knowledge bases of one organisation, as options."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def options(self, org_id: UUID, used: Collection[str] = ()) -> Options:
        """What is not archived, and what is in `used` (ids); one statement."""
        parts = [_of("personas", Persona, org_id, used), _of("bases", KnowledgeBase, org_id, used)]
        for kind, column in (("providers", Agent.primary_model_provider), ("models", Agent.primary_model)):
            values = distinct_values(kind, column, column).add_columns(literal(False).label("archived"))
            parts.append(values.where(Agent.org_id == org_id, column.is_not(None)))
        rows = self._session.execute(union_all(*(select(part.subquery()) for part in parts))).all()
        rows = sorted(rows, key=lambda row: (row.words.lower(), row.value))
        things: dict[str, list[Option]] = {"personas": [], "bases": []}
        texts: dict[str, list[str]] = {"providers": [], "models": []}
        for row in rows:
            if row.kind in things:
                things[row.kind].append(Option(row.value, row.words, row.archived))
            else:
                texts[row.kind].append(row.value)
        return Options(things["personas"], things["bases"], texts["providers"], texts["models"])


def _of(kind: str, model: Any, org_id: UUID, used: Collection[str]) -> Select[Any]:
    key = cast(model.id, Text)
    chosen = key.in_(list(used))
    return (
        select(literal(kind).label("kind"), model.name.label("words"), key.label("value"), model.archived)
        .where(model.org_id == org_id, ~model.archived | chosen)
        .order_by(case((chosen, 0), else_=1), func.lower(model.name))
        .limit(MOST)
    )

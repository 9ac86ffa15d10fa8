"""What an agent's editor offers to choose from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, case, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from app.agents.models import Agent, Persona
from app.agents.repo.agents import distinct_values
from app.db.base import db
from app.knowledge.models.sources import KnowledgeBase
from app.tools.models import Tool
from app.tools.parts import BUILT_IN

MOST = 500


@dataclass(frozen=True)
class Option:
    """Something to choose; `archived` only where it is chosen already. The note of a tool is its approval mode."""

    id: str
    name: str
    archived: bool
    note: str | None = None


@dataclass(frozen=True)
class Options:
    """The personas, knowledge bases and tools that an agent can use: at most 500 of each, those it uses first of all.

    `providers` and `models` are suggestions: those that agents have.
    """

    personas: Sequence[Option]
    bases: Sequence[Option]
    tools: Sequence[Option]
    providers: Sequence[str]
    models: Sequence[str]


class OptionRepo:
    """Personas, knowledge bases and tools of one organisation, as options."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def options(self, org_id: UUID, used: Collection[str] = ()) -> Options:
        """What is not archived, and what is in `used` (ids); one statement."""
        parts = [_of("personas", Persona, org_id, used), _of("bases", KnowledgeBase, org_id, used)]
        parts.append(_of("tools", Tool, org_id, used, Tool.approval))
        for kind, column in (("providers", Agent.primary_model_provider), ("models", Agent.primary_model)):
            values = distinct_values(kind, column, column).add_columns(
                literal(False).label("archived"), null().label("note")
            )
            parts.append(values.where(Agent.org_id == org_id, column.is_not(None)))
        rows = self._session.execute(union_all(*(select(part.subquery()) for part in parts))).all()
        rows = sorted(rows, key=lambda row: (row.words.lower(), row.value))
        things: dict[str, list[Option]] = {"personas": [], "bases": [], "tools": _built_in()}
        texts: dict[str, list[str]] = {"providers": [], "models": []}
        for row in rows:
            if row.kind in things:
                things[row.kind].append(Option(row.value, row.words, row.archived, row.note))
            else:
                texts[row.kind].append(row.value)
        return Options(
            things["personas"], things["bases"], things["tools"], texts["providers"], texts["models"]
        )

    def there(self, org_id: UUID, ids: Collection[UUID]) -> dict[str, set[str]]:
        """Those of these ids that personas, bases and tools have which are not archived; one statement."""
        found: dict[str, set[str]] = {"personas": set(), "bases": set(), "tools": set()}
        models: dict[str, Any] = {"personas": Persona, "bases": KnowledgeBase, "tools": Tool}
        parts = [
            select(literal(kind), cast(model.id, Text)).where(
                model.org_id == org_id, model.id.in_(list(ids)), ~model.archived
            )
            for kind, model in models.items()
        ]
        for kind, value in self._session.execute(union_all(*parts)):
            found[kind].add(value)
        return found


def _built_in() -> list[Option]:
    return [Option(name, name, archived=False, note="builtin") for name in BUILT_IN]


def _of(kind: str, model: Any, org_id: UUID, used: Collection[str], note: Any = None) -> Select[Any]:
    key = cast(model.id, Text)
    chosen = key.in_(list(used))
    return (
        select(literal(kind).label("kind"), model.name.label("words"), key.label("value"), model.archived)
        .add_columns(cast(note, Text).label("note"))
        .where(model.org_id == org_id, ~model.archived | chosen)
        .order_by(case((chosen, 0), else_=1), func.lower(model.name))
        .limit(MOST)
    )

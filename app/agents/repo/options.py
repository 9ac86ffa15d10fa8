"""What an agent's editor offers to choose from."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, case, cast, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from app.agents.models import Persona
from app.connections.models import ConnectionModel, ModelConnection
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

    `providers` and `models` are those of the connections that are switched on, the models for chats, each named after
    its connection.
    """

    personas: Sequence[Option]
    bases: Sequence[Option]
    tools: Sequence[Option]
    providers: Sequence[Option]
    models: Sequence[Option]


class OptionRepo:
    """Personas, knowledge bases and tools of one organisation, as options."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def options(self, org_id: UUID, used: Collection[str] = ()) -> Options:
        """What is not archived, and what is in `used` (ids); one statement."""
        parts = [_of("personas", Persona, org_id, used), _of("bases", KnowledgeBase, org_id, used)]
        parts.append(_of("tools", Tool, org_id, used, Tool.approval))
        parts += [_providers(org_id), _models(org_id)]
        rows = self._session.execute(union_all(*(select(part.subquery()) for part in parts))).all()
        rows = sorted(rows, key=lambda row: (row.words.lower(), row.value))
        things: dict[str, list[Option]] = {"personas": [], "bases": [], "tools": _built_in()}
        things |= {"providers": [], "models": []}
        for row in rows:
            things[row.kind].append(Option(row.value, row.words, row.archived, row.note))
        return Options(**things)

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


def _providers(org_id: UUID) -> Select[Any]:
    return (
        select(literal("providers").label("kind"), ModelConnection.name.label("words"))
        .add_columns(
            ModelConnection.slug.label("value"), literal(False).label("archived"), null().label("note")
        )
        .where(ModelConnection.org_id == org_id, ModelConnection.enabled)
        .order_by(func.lower(ModelConnection.name))
        .limit(MOST)
    )


def _models(org_id: UUID) -> Select[Any]:
    mine = (ModelConnection.org_id == org_id) & (ModelConnection.id == ConnectionModel.model_connection_id)
    return (
        select(literal("models").label("kind"), ModelConnection.name.label("words"))
        .add_columns(
            ConnectionModel.name.label("value"), literal(False).label("archived"), null().label("note")
        )
        .join(ModelConnection, mine)
        .where(ConnectionModel.org_id == org_id, ConnectionModel.purpose == "chat", ModelConnection.enabled)
        .order_by(func.lower(ModelConnection.name), func.lower(ConnectionModel.name))
        .limit(MOST)
    )


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

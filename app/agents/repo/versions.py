"""Published versions of agents, and the draft as it would be published now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Text, cast, func, literal, null, select, true, union_all
from sqlalchemy.dialects.postgresql import JSONPATH
from sqlalchemy.orm import Session

from app.agents.models import Agent, AgentVersion, Persona
from app.agents.snapshot import (
    Snapshot,
    SnapshotBase,
    SnapshotPersona,
    SnapshotTool,
    read_settings,
    read_snapshot,
)
from app.auth.models import User
from app.db.base import db
from app.db.cursor import Order, Page, paginate
from app.knowledge.models.sources import Generation, KnowledgeBase
from app.orgs.repo.members import FULL_NAME
from app.tools.models import Tool
from app.tools.parts import BUILT_IN
from app.web.conditions import searched
from app.web.listing import ListState

_OF_AGENT = (AgentVersion.org_id == Agent.org_id) & (AgentVersion.agent_id == Agent.id)


@dataclass(frozen=True)
class VersionRow:
    """A published version with what it holds; `author` is a name, None for a person who is gone."""

    id: UUID
    agent_id: UUID
    number: int
    name: str | None
    note: str | None
    content_hash: bytes
    created_at: datetime
    author: str | None
    snapshot: Snapshot


@dataclass(frozen=True)
class Draft:
    """An agent as it is edited, and as it would be published now; `latest` is the version published last."""

    agent: Agent
    snapshot: Snapshot
    latest: VersionRow | None

    @property
    def changed(self) -> bool:
        """Whether publishing would make a version."""
        return self.latest is None or self.latest.snapshot != self.snapshot


@dataclass(frozen=True)
class ListedVersion:
    """A version in a list. `characters` counts those of its prompt, `bases` its knowledge bases."""

    id: UUID
    number: int
    name: str | None
    note: str | None
    author: str | None
    created_at: datetime
    provider: str | None
    model: str | None
    persona: str | None
    characters: int
    bases: int


@dataclass(frozen=True)
class Present:
    """What of a snapshot is still there: the text of its persona, None without it, its knowledge bases and tools.

    Bases and tools that are archived are not there: no draft holds them.
    `bases` are ids, `tools` what drafts name each tool by: its id, or the name of one that is built in.
    """

    persona: str | None
    bases: frozenset[UUID]
    tools: Mapping[UUID, str]


_READ = (
    AgentVersion.id,
    AgentVersion.agent_id,
    AgentVersion.number,
    AgentVersion.name,
    AgentVersion.note,
    AgentVersion.content_hash,
    AgentVersion.created_at,
    FULL_NAME.label("author"),
    AgentVersion.snapshot,
)
_KEPT = AgentVersion.snapshot
_BASES = func.jsonb_path_query_array(_KEPT, cast("$.knowledge_bases[*]", JSONPATH))
_LISTED: Mapping[str, Any] = {
    "id": AgentVersion.id,
    "number": AgentVersion.number,
    "name": AgentVersion.name,
    "note": AgentVersion.note,
    "author": FULL_NAME,
    "created_at": AgentVersion.created_at,
    "provider": func.coalesce(_KEPT["provider"].astext, _KEPT["primary_model_provider"].astext),
    "model": func.coalesce(_KEPT["model"].astext, _KEPT["primary_model"].astext),
    "persona": _KEPT[("persona", "name")].astext,
    "characters": func.coalesce(func.length(_KEPT["prompt"].astext), 0),
    "bases": func.jsonb_array_length(_BASES),
}


class VersionRepo:
    """Versions of the agents of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, agent_id: UUID, state: ListState) -> Page[ListedVersion]:
        """The rows of a list page; two statements."""
        statement = (
            select(*(column.label(name) for name, column in _LISTED.items()))
            .outerjoin(User, User.id == AgentVersion.created_by)
            .where(
                AgentVersion.org_id == org_id,
                AgentVersion.agent_id == agent_id,
                *searched(state, AgentVersion.name, AgentVersion.note),
            )
        )
        order = Order(AgentVersion.number.expression, AgentVersion.id.expression, state.descending)
        return paginate(
            self._session, statement, order, state.request, lambda row: ListedVersion(*row[: len(_LISTED)])
        )

    def get(self, org_id: UUID, version_id: UUID) -> VersionRow | None:
        """A version by its id."""
        return self._one(_versions(org_id).where(AgentVersion.id == version_id))

    def place(self, org_id: UUID, version_id: UUID) -> tuple[UUID, int] | None:
        """The agent and the number of a version."""
        statement = select(AgentVersion.agent_id, AgentVersion.number).where(
            AgentVersion.org_id == org_id, AgentVersion.id == version_id
        )
        row = self._session.execute(statement).one_or_none()
        return None if row is None else (row.agent_id, row.number)

    def numbered(self, org_id: UUID, agent_id: UUID, numbers: Sequence[int]) -> dict[int, VersionRow]:
        """Those of the agent's versions with these numbers that exist."""
        known = [number for number in numbers if 0 < number < 2**31]
        statement = _versions(org_id).where(AgentVersion.agent_id == agent_id, AgentVersion.number.in_(known))
        return {row.number: version_row(row) for row in self._session.execute(statement)}

    def latest(self, org_id: UUID, agent_id: UUID) -> VersionRow | None:
        """The version that was published last."""
        return self._one(_newest_first(_versions(org_id).where(AgentVersion.agent_id == agent_id)))

    def same(self, org_id: UUID, agent_id: UUID, content_hash: bytes) -> VersionRow | None:
        """The newest version with this content."""
        of_agent = _versions(org_id).where(AgentVersion.agent_id == agent_id)
        return self._one(_newest_first(of_agent.where(AgentVersion.content_hash == content_hash)))

    def numbers(self, org_id: UUID, agent_id: UUID, limit: int) -> Sequence[tuple[int, str | None]]:
        """The numbers and names of an agent's versions, newest first."""
        statement = (
            select(AgentVersion.number, AgentVersion.name)
            .where(AgentVersion.org_id == org_id, AgentVersion.agent_id == agent_id)
            .order_by(AgentVersion.number.desc())
            .limit(limit)
        )
        return [(row.number, row.name) for row in self._session.execute(statement)]

    def present(self, org_id: UUID, snapshot: Snapshot) -> Present:
        """What a snapshot refers to and what is still there; one statement."""
        base_ids = [base.id for base in snapshot.knowledge_bases]
        persona_id = snapshot.persona and snapshot.persona.id
        personas = select(Persona.id, Persona.prompt, literal("persona").label("kind")).where(
            Persona.org_id == org_id, Persona.id == persona_id
        )
        bases = select(KnowledgeBase.id, null(), literal("base")).where(
            KnowledgeBase.org_id == org_id, KnowledgeBase.id.in_(base_ids), ~KnowledgeBase.archived
        )
        tool_ids = [tool.id for tool in snapshot.tools]
        tools = select(Tool.id, null(), literal("tool")).where(
            Tool.org_id == org_id, Tool.id.in_(tool_ids), ~Tool.archived
        )
        rows: Any = self._session.execute(union_all(personas, bases, tools)).all()
        texts = [row.prompt for row in rows if row.kind == "persona"]
        found = frozenset(row.id for row in rows if row.kind == "base")
        named = {tool.id: tool.name for tool in BUILT_IN.values() if tool.id in tool_ids}
        named |= {row.id: str(row.id) for row in rows if row.kind == "tool"}
        return Present(texts[0] if texts else None, found, named)

    def draft(self, org_id: UUID, agent_id: UUID, *, hold: bool = False) -> Draft | None:
        """An agent, deleted or not, with what publishing it would keep and its latest version; one statement.

        With `hold` nobody else changes or publishes the agent until the transaction ends, which takes a second one.
        """
        if hold:
            held = select(Agent.id).where(Agent.org_id == org_id, Agent.id == agent_id)
            self._session.execute(held.with_for_update(key_share=True))
        row = self._session.execute(
            _draft(org_id, agent_id), execution_options={"populate_existing": True}
        ).one_or_none()
        if row is None:
            return None
        latest = None if row.number is None else version_row(row)
        return Draft(row.Agent, _snapshot(row), latest)

    def add(self, org_id: UUID, values: Mapping[str, Any]) -> AgentVersion:
        """Store a version under the number after the agent's last one. The caller holds the agent."""
        last = select(func.coalesce(func.max(AgentVersion.number), 0) + 1).where(
            AgentVersion.org_id == org_id, AgentVersion.agent_id == values["agent_id"]
        )
        number = self._session.scalar(last)
        version = AgentVersion(org_id=org_id, number=number, **values)
        self._session.add(version)
        self._session.flush()
        return version

    def _one(self, statement: Select[Any]) -> VersionRow | None:
        row = self._session.execute(statement).one_or_none()
        return None if row is None else version_row(row)


def version_row(row: Row[Any]) -> VersionRow:
    """What a statement read of a version."""
    kept = {name: getattr(row, name) for name in VersionRow.__dataclass_fields__}
    return VersionRow(**{**kept, "snapshot": read_snapshot(row.snapshot)})


def _versions(org_id: UUID) -> Select[Any]:
    people = User.id == AgentVersion.created_by
    return select(*_READ).outerjoin(User, people).where(AgentVersion.org_id == org_id)


def _newest_first(statement: Select[Any]) -> Select[Any]:
    return statement.order_by(AgentVersion.number.desc()).limit(1)


def _draft(org_id: UUID, agent_id: UUID) -> Select[Any]:
    of_org = (Generation.org_id == KnowledgeBase.org_id) & (Generation.knowledge_base_id == KnowledgeBase.id)
    bases = (
        select(func.jsonb_agg(func.jsonb_build_array(KnowledgeBase.id, KnowledgeBase.name, Generation.id)))
        .select_from(KnowledgeBase)
        .join(Generation, of_org & (Generation.number == KnowledgeBase.live_generation))
        .where(
            KnowledgeBase.org_id == Agent.org_id,
            ~KnowledgeBase.archived,
            Agent.rag_enabled.op("?")(cast(KnowledgeBase.id, Text)),
        )
        .correlate(Agent)
        .scalar_subquery()
    )
    tools = (
        select(
            func.jsonb_agg(
                func.jsonb_build_array(Tool.id, Tool.name, Tool.description, Tool.input_schema, Tool.approval)
            )
        )
        .where(
            Tool.org_id == Agent.org_id,
            ~Tool.archived,
            Tool.enabled,
            Agent.tools_enabled.op("?")(cast(Tool.id, Text)),
        )
        .correlate(Agent)
        .scalar_subquery()
    )
    latest = _newest_first(
        select(*_READ).outerjoin(User, User.id == AgentVersion.created_by).where(_OF_AGENT).correlate(Agent)
    ).lateral()
    persona = (Persona.org_id == Agent.org_id) & (Persona.id == Agent.persona_id)
    return (
        select(Agent, Persona.id.label("persona_id"), Persona.name.label("persona_name"))
        .add_columns(Persona.prompt.label("persona_prompt"), bases.label("bases"), tools.label("tools"))
        .add_columns(*latest.c)
        .outerjoin(Persona, persona)
        .outerjoin(latest, true())
        .where(Agent.org_id == org_id, Agent.id == agent_id)
    )


def _snapshot(row: Row[Any]) -> Snapshot:
    agent: Agent = row.Agent
    warmth = agent.primary_model_temperature
    persona = row.persona_id and SnapshotPersona(
        id=row.persona_id, name=row.persona_name, prompt=row.persona_prompt
    )
    bases = [
        SnapshotBase(id=UUID(base_id), name=name, generation_id=UUID(generation_id))
        for base_id, name, generation_id in row.bases or ()
    ]
    tools = [*_built_in(agent.tools_enabled), *(_tool(values) for values in row.tools or ())]
    return Snapshot(
        name=agent.name,
        description=agent.description or "",
        prompt=agent.prompt or "",
        provider=agent.primary_model_provider,
        model=agent.primary_model,
        temperature=None if warmth is None else round(warmth, 2),
        reasoning_effort=agent.reasoning_effort,
        settings=read_settings(agent.settings),
        persona=persona,
        tools=tuple(sorted(tools, key=lambda tool: (tool.name.lower(), tool.id))),
        knowledge_bases=tuple(sorted(bases, key=lambda base: (base.name.lower(), base.id))),
    )


def _built_in(chosen: Sequence[str]) -> list[SnapshotTool]:
    """The tools without a row that an agent chose by name; their calls need nobody's approval."""
    return [
        SnapshotTool(
            id=tool.id,
            name=tool.name,
            description=tool.description,
            input_schema=tool.input_schema,
            approval="allow",
        )
        for name, tool in BUILT_IN.items()
        if name in chosen
    ]


def _tool(values: Sequence[Any]) -> SnapshotTool:
    tool_id, name, description, schema, approval = values
    return SnapshotTool(
        id=UUID(tool_id), name=name, description=description, input_schema=schema, approval=approval
    )

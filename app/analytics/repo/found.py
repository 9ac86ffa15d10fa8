"""What the search page finds by name or by id: things of every kind, with one statement."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from app.agents.models import Agent, Persona
from app.auth.models import User
from app.connections.models import Credential, McpServer, ModelConnection
from app.db import terms
from app.db.base import db
from app.db.tables import Task
from app.knowledge.models.sources import SOURCES, FreeformText, KnowledgeBase, WebUrl
from app.orgs.models import ApiKey, OrgMember
from app.orgs.repo.members import FULL_NAME
from app.tasks.models import Schedule
from app.threads.models import Message, Thread
from app.threads.repo.threads import Viewer, visible_to
from app.tools.models import Tool

NOTE_LENGTH = 300


@dataclass(frozen=True)
class Found:
    """A thing that was found; `parent_id` is what its address needs beside its own id."""

    kind: str
    id: UUID
    parent_id: UUID | None
    name: str
    note: str


@dataclass(frozen=True)
class _Table:
    """Where things of a kind lie; `searched` columns are those that words are looked for in."""

    model: Any
    name: Any
    note: Any = None
    parent: Any = None
    joined: tuple[Any, ColumnElement[bool]] | None = None
    searched: Sequence[Any] = ()
    while_searched: Sequence[ColumnElement[bool]] = ()


def _plain(model: Any) -> tuple[_Table, ...]:
    return (_Table(model, model.name, searched=(model.name,)),)


def _described(model: Any, *conditions: ColumnElement[bool]) -> tuple[_Table, ...]:
    both = (model.name, model.description)
    return (_Table(model, model.name, model.description, searched=both, while_searched=conditions),)


def _source(model: Any) -> _Table:
    name = model.title if model is FreeformText else model.url if model is WebUrl else model.name
    return _Table(model, name, parent=model.knowledge_base_id)


_OF_MESSAGE = and_(Thread.org_id == Message.org_id, Thread.id == Message.thread_id)
_TABLES: Mapping[str, Sequence[_Table]] = {
    "agent": _described(Agent, Agent.deleted_at.is_(None)),
    "persona": _described(Persona),
    "tool": _described(Tool),
    "base": _described(KnowledgeBase),
    "source": tuple(_source(model) for model in SOURCES.values()),
    "connection": _plain(ModelConnection),
    "server": _plain(McpServer),
    "credential": _plain(Credential),
    "schedule": _plain(Schedule),
    "member": (
        _Table(
            OrgMember,
            FULL_NAME,
            User.email,
            joined=(User, User.id == OrgMember.user_id),
            searched=(FULL_NAME, User.email),
        ),
    ),
    "key": _plain(ApiKey),
    "task": (_Table(Task, Task.kind),),
    "message": (_Table(Message, Thread.name, parent=Thread.id, joined=(Thread, _OF_MESSAGE)),),
}


class FoundRepo:
    """Things of one organisation, of the kinds that are asked for."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def named(self, org_id: UUID, kinds: Collection[str], words: Sequence[str], limit: int) -> list[Found]:
        """Those of the kinds in whose name or description all words occur, at most `limit` of each, by name."""
        return self._all(
            [
                _select(org_id, kind, table)
                .where(*table.while_searched, *(_says(table.searched, word) for word in words))
                .order_by(func.lower(table.name), table.model.id)
                .limit(limit)
                for kind in kinds
                for table in _TABLES[kind]
                if table.searched
            ]
        )

    def with_id(self, org_id: UUID, viewer: Viewer, kinds: Collection[str], found_id: UUID) -> list[Found]:
        """What of the kinds has this id, a message only in a thread that the viewer may see."""
        return self._all(
            [
                _select(org_id, kind, table).where(
                    table.model.id == found_id, *([visible_to(viewer)] if kind == "message" else [])
                )
                for kind in kinds
                for table in _TABLES[kind]
            ]
        )

    def _all(self, statements: Sequence[Select[Any]]) -> list[Found]:
        if not statements:
            return []
        return [Found(*row) for row in self._session.execute(union_all(*statements))]


def _select(org_id: UUID, kind: str, table: _Table) -> Select[Any]:
    note = null() if table.note is None else table.note
    parent = null() if table.parent is None else table.parent
    columns = (
        literal(kind),
        table.model.id,
        cast(parent, Uuid),
        cast(table.name, Text),
        func.left(func.coalesce(cast(note, Text), ""), NOTE_LENGTH),
    )
    statement = select(*columns).select_from(table.model).where(table.model.org_id == org_id)
    return statement if table.joined is None else statement.join(*table.joined)


def _says(columns: Sequence[Any], word: str) -> ColumnElement[bool]:
    return or_(*(column.ilike(terms.contains(word), escape="\\") for column in columns))

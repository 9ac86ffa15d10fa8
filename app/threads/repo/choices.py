"""What the list of threads can be narrowed to: agents and people by id, and tags."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, and_, cast, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from app.agents.models import Agent
from app.auth.models import User
from app.db.base import db
from app.orgs.models import OrgMember
from app.threads.models import Thread
from app.threads.repo.threads import Viewer, person_name, visible_to

MOST = 200
RECENT = 1_000
"""Threads whose tags are offered: those with the newest messages."""


class ThreadChoiceRepo:
    """The values of the filters of an organisation's list of threads."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def choices(
        self, org_id: UUID, viewer: Viewer, agents: Sequence[UUID], people: Sequence[UUID]
    ) -> Mapping[str, dict[str, str]]:
        """Under `agent`, `user` and `tag` each value with its words, at most 200, and what was asked for by id.

        People asked for are members, or have a thread that the viewer sees; of others nothing is said.
        """
        parts = [*_agents(org_id, agents), *_people(org_id, viewer, people), _tags(org_id, viewer)]
        found: dict[str, dict[str, str]] = {"agent": {}, "user": {}, "tag": {}}
        for kind, value, words in self._session.execute(
            union_all(*(part.subquery().select() for part in parts))
        ):
            found[kind].setdefault(value, words)
        return {
            kind: dict(sorted(of.items(), key=lambda pair: pair[1].lower())) for kind, of in found.items()
        }


def _choice(kind: str, value: Any, words: Any) -> Select[Any]:
    return select(literal(kind).label("kind"), cast(value, Text).label("value"), words.label("words"))


def _agents(org_id: UUID, asked: Sequence[UUID]) -> list[Select[Any]]:
    every = _choice("agent", Agent.id, Agent.name).where(Agent.org_id == org_id)
    usual = every.where(Agent.deleted_at.is_(None)).order_by(func.lower(Agent.name)).limit(MOST)
    return [usual, every.where(Agent.id.in_(asked))] if asked else [usual]


def _people(org_id: UUID, viewer: Viewer, asked: Sequence[UUID]) -> list[Select[Any]]:
    words = person_name()
    person = _choice("user", User.id, words)
    of_org = and_(OrgMember.org_id == org_id, OrgMember.user_id == User.id)
    usual = person.join(OrgMember, of_org).order_by(func.lower(words)).limit(MOST)
    if not asked:
        return [usual]
    member = select(OrgMember.id).where(of_org).exists()
    seen = (
        select(Thread.id)
        .where(Thread.org_id == org_id, Thread.user_id == User.id, visible_to(viewer))
        .exists()
    )
    return [usual, person.where(User.id.in_(asked), or_(member, seen))]


def _tags(org_id: UUID, viewer: Viewer) -> Select[Any]:
    recent = (
        select(Thread)
        .where(Thread.org_id == org_id, Thread.deleted_at.is_(None), ~Thread.archived)
        .order_by(Thread.last_message_at.desc(), Thread.id.desc())
        .limit(RECENT)
        .subquery()
    )
    thread = aliased(Thread, recent)
    tags = (
        select(func.unnest(thread.tags).label("tag")).where(visible_to(viewer, thread)).distinct().subquery()
    )
    return _choice("tag", tags.c.tag, tags.c.tag).order_by(tags.c.tag).limit(MOST)

"""Threads in lists: filtered, sorted, paged by position, searched by name or by what was written in them.

Names are searched in steps that cost the same however many threads there are: few threads are read through; of many,
the next ones of the list are; only where those do not fill the page, the index of names is asked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Row,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from app.agents.models import Agent
from app.auth.models import User
from app.db.base import db
from app.db.cursor import Found, Order, Page, PageRequest, capped_count, neighbour, paginate, turn, window
from app.db.rows import Rows
from app.threads.models import Thread
from app.threads.repo.conditions import (
    MOST_MATCHES,
    asks_for_all,
    asks_more,
    in_scope,
    indexed_names,
    named,
    narrowed,
    searches_messages,
    written,
)
from app.threads.repo.kept import kept_number
from app.threads.repo.threads import Viewer, person_name, visible_to
from app.web.listing import ListState

NEAR = 1_000
"""Threads that are read through for a name before the index of names is asked."""

_SORTS: Mapping[str, str] = {
    "last": "last_message_at",
    "created": "created_at",
    "messages": "message_count",
    "tokens": "tokens",
    "cost": "cost_micros",
}


@dataclass(frozen=True)
class ThreadRow:
    """A thread in a list; `external_user` is the name of a person outside the organisation."""

    id: UUID
    name: str
    status: str
    agent_id: UUID | None
    agent_name: str | None
    user_id: UUID | None
    user_name: str | None
    external_user: str | None
    origin: str
    tags: Sequence[str]
    message_count: int
    error_count: int
    up_count: int
    down_count: int
    tokens: int
    cost_micros: int
    created_at: datetime
    last_message_at: datetime


@dataclass(frozen=True)
class Looked:
    """A page of threads, and whether a search in messages left out the older ones that match."""

    page: Page[ThreadRow]
    cut_off: bool = False


class ThreadListRepo:
    """The threads of one organisation as lists; the state says which."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def page(self, org_id: UUID, viewer: Viewer, state: ListState) -> Looked:
        """The rows of a list page; two statements at most, while rows are left beyond its position."""
        if searches_messages(state):
            return self._written(org_id, viewer, state)
        if state.terms:
            return Looked(
                turn(state.request, lambda wanted: self._named(org_id, viewer, state, wanted), _row)
            )
        wanted = (*in_scope(org_id, state), *narrowed(viewer, state))
        page = paginate(
            self._session,
            _LISTED.where(*wanted),
            _order(state),
            state.request,
            _row,
            number=kept_number(org_id, viewer)
            if asks_for_all(state)
            else capped_count(select(Thread.id).where(*wanted)),
        )
        return Looked(page)

    def matching(self, org_id: UUID, viewer: Viewer, state: ListState, limit: int) -> Sequence[UUID]:
        """The ids of all matching rows, at most `limit`."""
        found = matching(org_id, viewer, state, select(Thread.id))
        return self._session.scalars(found.limit(limit)).all()

    def stream(self, org_id: UUID, viewer: Viewer, state: ListState) -> Rows:
        """Every matching thread in list order."""
        statement = listed_threads(org_id, viewer, state)
        return Rows(self._session, statement.order_by(*ordering(state)))

    def beside(
        self, org_id: UUID, viewer: Viewer, state: ListState, thread_id: UUID, *, backward: bool
    ) -> UUID | None:
        """The thread beside another one in a list; at its end the same. None for one that the viewer does not see."""
        order = _order(state)
        place = select(Thread.id, order.column).where(
            Thread.org_id == org_id, Thread.id == thread_id, visible_to(viewer)
        )
        statement = matching(org_id, viewer, state, select(Thread.id))
        return neighbour(self._session, statement, order, place, backward=backward)

    def any(self, org_id: UUID, viewer: Viewer) -> bool:
        """Whether the viewer sees a thread at all, archived ones included and deleted ones left out."""
        found = select(Thread.id).where(
            Thread.org_id == org_id, Thread.deleted_at.is_(None), visible_to(viewer)
        )
        return bool(self._session.scalar(select(found.exists())))

    def _named(self, org_id: UUID, viewer: Viewer, state: ListState, wanted: PageRequest) -> Found:
        """Threads whose names hold all words. Where there are many threads, their number may stay unknown."""
        if not wanted.offset:
            found = self._near(org_id, viewer, state, wanted)
            if found.total is not None or len(found.rows) > wanted.per:
                return found
        index = indexed_names(state)
        if index is None:
            everything = _LISTED.where(*in_scope(org_id, state), *narrowed(viewer, state), *named(state))
            ordered = window(everything, _order(state), wanted)
            return Found(self._session.execute(ordered.limit(wanted.per + 1)).all(), None)
        rows = self._read_hits(org_id, self._indexed(org_id, viewer, state, index), state, wanted)
        return Found(_real(rows), rows[0].total)

    def _near(self, org_id: UUID, viewer: Viewer, state: ListState, wanted: PageRequest) -> Found:
        """Those among the next threads of the list; all of them, counted, where there are few threads at all.

        They are walked once. Names and places come from an index alone where it holds them; only the page's rows are
        read whole. The limit is not a parameter: a plan for all limits would be thought dear, and made each time.
        """
        scope, order = in_scope(org_id, state), _order(state)
        walk: ColumnElement[int] = literal_column(str(NEAR + 1))
        near = window(_candidates(viewer, state).where(*scope), order, wanted).limit(walk).subquery("near")
        ids = func.array_agg(aggregate_order_by(near.c.id, *_places(near, state, wanted)))
        asked = and_(true(), *narrowed(viewer, state, near.c), *named(state, near.c))
        walked = (
            select((func.count() <= NEAR).label("few"), ids.filter(asked).label("ids"))
            .cte("walked")
            .prefix_with("MATERIALIZED")
        )
        few: Any = walked.c.few
        count: Any = func.coalesce(func.cardinality(walked.c.ids), 0)
        if wanted.position is not None:
            probe = select(literal_column("1")).where(*scope).limit(walk).subquery("probe")
            few = select(func.count() <= NEAR).select_from(probe).scalar_subquery()
            everything = select(func.count()).where(*scope, *narrowed(viewer, state), *named(state))
            count = everything.scalar_subquery()
        listed = func.unnest(walked.c.ids).table_valued("id", with_ordinality="place")
        hit = listed.render_derived(name="hit")
        page = select(hit.c.id, hit.c.place).select_from(walked.join(hit, true()))
        first = page.order_by(hit.c.place).limit(wanted.per + 1).subquery("page")
        facts = select(case((few, count)).label("total")).select_from(walked)
        rows = self._read_page(org_id, facts, first, state, first.c.place)
        return Found(_real(rows), rows[0].total)

    def _written(self, org_id: UUID, viewer: Viewer, state: ListState) -> Looked:
        """Threads with messages in which the words occur."""
        cut_off = False
        messages = written(viewer, state)
        matches = select(func.count()).select_from(messages).scalar_subquery().label("matches")

        def read(wanted: PageRequest) -> Found:
            nonlocal cut_off
            found = self._indexed(org_id, viewer, state, messages)
            rows = self._read_hits(org_id, found, state, wanted, matches)
            cut_off = rows[0].matches >= MOST_MATCHES
            return Found(_real(rows), rows[0].total)

        return Looked(turn(state.request, read, _row), cut_off)

    def _indexed(self, org_id: UUID, viewer: Viewer, state: ListState, found: CTE) -> CTE:
        """The ids and places of the listed threads that an index found.

        Each is looked up by its key: left to the planner, all threads of a person may be read to find them.
        """
        ids = select(found.c.thread_id).distinct().subquery("ids")
        key = (Thread.org_id == org_id, Thread.id == ids.c.thread_id)
        one = select(Thread).where(*key).offset(literal_column("0")).lateral("one")
        place: Select[Any] = select(one.c.id, getattr(one.c, _SORTS[state.sort_key]).label("sort_value"))
        asked = [*in_scope(org_id, state, one.c), *narrowed(viewer, state, one.c)]
        if not searches_messages(state):
            asked += named(state, one.c)
        joined = place.select_from(ids.join(one, true())).where(*asked)
        return joined.cte("hits").prefix_with("MATERIALIZED")

    def _read_hits(
        self, org_id: UUID, hits: CTE, state: ListState, wanted: PageRequest, *facts: ColumnElement[Any]
    ) -> Sequence[Row[Any]]:
        """A page of these threads, each beside the number of all and other facts; one row at least."""
        total = select(func.count()).select_from(hits).scalar_subquery().label("total")
        order = Order(hits.c.sort_value, hits.c.id, state.descending)
        page = window(select(hits.c.id), order, wanted).limit(wanted.per + 1).subquery("page")
        places = _places(page, state, wanted)
        return self._read_page(org_id, select(total, *facts), page, state, *places)

    def _read_page(
        self, org_id: UUID, facts: Select[Any], page: Subquery, state: ListState, *places: ColumnElement[Any]
    ) -> Sequence[Row[Any]]:
        """These threads in order as lists show them, each beside the facts; these alone if there is none."""
        known, whole = facts.subquery("facts"), and_(Thread.org_id == org_id, Thread.id == page.c.id)
        shown = _named_too(known.outerjoin(page, true()).outerjoin(Thread, whole))
        rows = select(known, *_COLUMNS, _order(state).column.label("sort_value")).select_from(shown)
        return self._session.execute(rows.order_by(*places)).all()


def ordering(state: ListState, thread: Any = Thread) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The order of the list."""
    column = getattr(thread, _SORTS[state.sort_key])
    return (column.desc(), thread.id.desc()) if state.descending else (column.asc(), thread.id.asc())


def listed_threads(org_id: UUID, viewer: Viewer, state: ListState) -> Select[Any]:
    """All threads that the list holds, as its rows show them."""
    return matching(org_id, viewer, state, _LISTED)


def matching(org_id: UUID, viewer: Viewer, state: ListState, statement: Select[Any]) -> Select[Any]:
    """The rows of a statement on threads that the list holds, on all its pages."""
    found = written(viewer, state) if searches_messages(state) else indexed_names(state)
    return _matching(org_id, viewer, state, statement, found)


def _matching(
    org_id: UUID, viewer: Viewer, state: ListState, statement: Select[Any], found: CTE | None
) -> Select[Any]:
    """Those of the threads that `found` names, or of all, that the list holds."""
    wanted = statement.where(*in_scope(org_id, state), *narrowed(viewer, state))
    if not searches_messages(state):
        wanted = wanted.where(*named(state))
    return wanted if found is None else wanted.where(Thread.id.in_(select(found.c.thread_id)))


def _candidates(viewer: Viewer, state: ListState) -> Select[Any]:
    """What is asked of threads that may be in a list; where nothing but names is, an index holds all of it."""
    asked: tuple[Any, ...] = (Thread,) if asks_more(viewer, state) else (Thread.id, Thread.name)
    return select(*asked)


def _columns() -> Iterator[ColumnElement[Any]]:
    special = {
        "status": case(
            (Thread.deleted_at.is_not(None), "deleted"), (Thread.archived, "archived"), else_="live"
        ),
        "agent_name": Agent.name,
        "user_name": person_name(),
    }
    for name in ThreadRow.__dataclass_fields__:
        yield special[name].label(name) if name in special else getattr(Thread, name)


_COLUMNS = tuple(_columns())


def _named_too(threads: Any) -> Any:
    """Threads beside the agents and people whose names are shown."""
    agent = and_(Agent.org_id == Thread.org_id, Agent.id == Thread.agent_id)
    return threads.outerjoin(Agent, agent).outerjoin(User, User.id == Thread.user_id)


_LISTED: Select[Any] = _named_too(select(*_COLUMNS).select_from(Thread))
"""Threads as lists show them."""


def _order(state: ListState, thread: Any = Thread) -> Order:
    return Order(getattr(thread, _SORTS[state.sort_key]), thread.id, state.descending)


def _places(part: Subquery, state: ListState, wanted: PageRequest) -> list[ColumnElement[Any]]:
    """The order in which a part of the list is read."""
    descending = state.descending != wanted.backward
    ends = (part.c.sort_value, part.c.id)
    return [end.desc() if descending else end.asc() for end in ends]


def _real(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    return [row for row in rows if row.id is not None]


def _row(row: Row[Any]) -> ThreadRow:
    return ThreadRow(**{name: getattr(row, name) for name in ThreadRow.__dataclass_fields__})

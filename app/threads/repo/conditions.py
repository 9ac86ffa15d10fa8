"""What a list of threads is asked for, as SQL conditions on threads, or on a part of them under another name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    Text,
    Uuid,
    and_,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.db import terms
from app.orgs.models import OrgMember
from app.threads.models import Thread
from app.threads.repo.threads import Viewer, visible_to
from app.web.conditions import between, chosen, within
from app.web.listing import ListState

SHOWN_BY_DEFAULT = frozenset({"live"})
MICROS = 1_000_000
GRAM = 3
"""Characters of the shortest word that the index of names can find."""
MOST_MATCHES = 5_000
"""Messages whose threads a search in messages lists: the newest that match."""


def in_scope(org_id: UUID, state: ListState, thread: Any = Thread) -> list[ColumnElement[bool]]:
    """What an index of threads can find by itself: the organisation, the status, one person, one agent."""
    return [
        thread.org_id == org_id,
        _statuses(state, thread),
        *_ids(state, "user", thread.user_id),
        *_ids(state, "agent", thread.agent_id),
    ]


def asks_more(viewer: Viewer, state: ListState) -> bool:
    """Whether a list asks for anything that `narrowed` says."""
    asked = {*state.chosen, *state.excluded} - {"status", "user", "agent", "in"}
    return bool(asked or state.spans or state.bounds) or not viewer.sees_all


def asks_for_all(state: ListState) -> bool:
    """Whether a list holds every live thread that its viewer sees."""
    chosen = {key: set(values) for key, values in state.chosen.items() if key != "in"}
    filtered = state.excluded or state.spans or state.bounds or state.terms
    return not filtered and chosen in ({}, {"status": set(SHOWN_BY_DEFAULT)})


def narrowed(viewer: Viewer, state: ListState, thread: Any = Thread) -> list[ColumnElement[bool]]:
    """What else a list asks for: what the viewer may see, and the other filters."""
    if not asks_more(viewer, state):
        return []
    return [
        visible_to(viewer, thread),
        *chosen(state, "origin", thread.origin),
        *_options(state, "feedback", _feedback(thread)),
        *_options(state, "error", {"yes": thread.error_count > 0, "no": thread.error_count == 0}),
        *_options(state, "people", {"members": _of_members(thread)}),
        *_options(state, "tag", {tag: _tagged(thread, tag) for tag in _values(state, "tag")}),
        *within(state, "created", thread.created_at),
        *within(state, "last", thread.last_message_at),
        *between(state, "messages", thread.message_count),
        *between(state, "tokens", thread.tokens),
        *between(state, "cost", thread.cost_micros, MICROS),
    ]


def named(state: ListState, thread: Any = Thread) -> list[ColumnElement[bool]]:
    """Each word searched for occurs in the name, whatever its case."""
    return [thread.name.ilike(terms.contains(term), escape="\\") for term in state.terms]


def searches_messages(state: ListState) -> bool:
    """Whether the words are looked for in messages, not in names."""
    return bool(state.q) and "messages" in state.chosen.get("in", ())


def indexed_names(state: ListState) -> CTE | None:
    """Threads, as `thread_id`, whose names may hold the words; None where no word is long enough for the index."""
    long = [term for term in state.terms if len(term) >= GRAM]
    if not long:
        return None
    call = func.threads_named(cast(long, ARRAY(Text))).table_valued("thread_id").render_derived()
    return select(call.c.thread_id).cte("found").prefix_with("MATERIALIZED")


def written(viewer: Viewer, state: ListState) -> CTE:
    """The newest messages, as `thread_id`, that hold the words, "phrases" and none of those after a minus.

    Words that occur in every text are no question; nothing is found then.
    """
    query = func.websearch_to_tsquery(literal_column("'english'::regconfig"), terms.websearch(state.q))
    agents, origins = state.chosen.get("agent"), state.chosen.get("origin")
    call = func.newest_matches(
        func.nullif(query, literal_column("''::tsquery")),
        null(),
        literal_column(str(MOST_MATCHES)),
        cast(None if viewer.sees_all else viewer.user_id, Uuid),
        cast(agents and [UUID(agent) for agent in agents], ARRAY(Uuid)),
        cast(origins and list(origins), ARRAY(Text)),
        null(),
        null(),
    ).table_valued("thread_id")
    return select(call.c.thread_id).cte("found").prefix_with("MATERIALIZED")


def _statuses(state: ListState, thread: Any) -> ColumnElement[bool]:
    wanted = set(state.chosen.get("status", SHOWN_BY_DEFAULT)) - set(state.excluded.get("status", ()))
    conditions: Mapping[str, ColumnElement[bool]] = {
        "live": and_(thread.deleted_at.is_(None), ~thread.archived),
        "archived": and_(thread.deleted_at.is_(None), thread.archived),
        "deleted": thread.deleted_at.is_not(None),
    }
    return or_(false(), *(condition for status, condition in conditions.items() if status in wanted))


def _ids(state: ListState, key: str, column: Any) -> Iterator[ColumnElement[bool]]:
    if key in state.chosen:
        yield column.in_([UUID(value) for value in state.chosen[key]])
    if key in state.excluded:
        yield or_(column.is_(None), column.not_in([UUID(value) for value in state.excluded[key]]))


def _options(
    state: ListState, key: str, conditions: Mapping[str, ColumnElement[bool]]
) -> Iterator[ColumnElement[bool]]:
    """One of the conditions chosen for a filter holds, and none of those excluded."""
    if key in state.chosen:
        yield or_(*(conditions[value] for value in state.chosen[key]))
    if key in state.excluded:
        yield not_(or_(*(conditions[value] for value in state.excluded[key])))


def _values(state: ListState, key: str) -> Sequence[str]:
    return [*state.chosen.get(key, ()), *state.excluded.get(key, ())]


def _feedback(thread: Any) -> Mapping[str, ColumnElement[bool]]:
    return {
        "up": thread.up_count > 0,
        "down": thread.down_count > 0,
        "none": and_(thread.up_count == 0, thread.down_count == 0),
    }


def _of_members(thread: Any) -> ColumnElement[bool]:
    """The thread belongs to a member, and to nobody outside."""
    member = select(OrgMember.id).where(
        OrgMember.org_id == thread.org_id, OrgMember.user_id == thread.user_id
    )
    return and_(thread.external_user.is_(None), exists(member))


def _tagged(thread: Any, tag: str) -> ColumnElement[bool]:
    return thread.tags.contains(literal([tag], ARRAY(Text)))  # type: ignore[no-any-return]

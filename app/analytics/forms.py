"""What the searches can be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.threads.forms import ORIGINS
from app.web.listing import Facet, ListSpec, ListState
from app.web.spans import read_span

THREAD_NAMES = ListSpec(sorts={"last": "last activity"}, default_sort="-last")
"""Threads by their names, those of late first."""


@dataclass(frozen=True)
class FoundKind:
    """A kind of thing that the search page finds: its group, the prefix of its ids, the right to see it, its page.

    `argument` is the page's for the id, `parent` the one for what the thing belongs to.
    """

    group: str
    prefix: str
    right: str
    endpoint: str
    argument: str
    parent: str | None = None


KINDS: Mapping[str, FoundKind] = {
    "agent": FoundKind("Agents", "agt", "agents.read", "agents.show", "agent_id"),
    "persona": FoundKind("Personas", "per", "agents.read", "personas.show", "persona_id"),
    "tool": FoundKind("Tools", "tool", "tools.view", "tools.show", "tool_id"),
    "base": FoundKind("Knowledge", "kb", "knowledge.view", "knowledge.show", "base_id"),
    "source": FoundKind(
        "Sources", "src", "knowledge.view", "knowledge_sources.show", "source_id", parent="base_id"
    ),
    "schedule": FoundKind("Schedules", "sch", "tasks.read", "schedules.show", "schedule_id"),
    "member": FoundKind("Members", "mem", "members.read", "members.show", "member_id"),
    "connection": FoundKind(
        "Model connections", "conn", "connections.view", "connections.show", "connection_id"
    ),
    "server": FoundKind("MCP servers", "mcp", "connections.view", "connections_servers.show", "server_id"),
    "credential": FoundKind(
        "Credentials", "cred", "connections.view", "connections_credentials.show", "credential_id"
    ),
    "key": FoundKind("Keys", "key", "keys.manage", "keys.show", "key_id"),
    "task": FoundKind("Tasks", "tsk", "tasks.read", "tasks.show", "task_id"),
    "message": FoundKind("Messages", "msg", "threads.read", "thread.show", "at", parent="thread_id"),
}
"""What is found beside threads, in the order of its groups; sources, tasks and messages by their ids only."""


def message_search(agents: Mapping[str, str]) -> ListSpec:
    """The search in messages of an organisation with these agents, by id."""
    return ListSpec(
        sorts={"score": "relevance"},
        default_sort="-score",
        facets={
            "agent": Facet("Agent", agents),
            "origin": Facet("Origin", ORIGINS),
        },
        dates={"at": "Written"},
        ranked=True,
    )


def earlier_url(state: ListState, since: datetime, zone: ZoneInfo) -> str | None:
    """The address of the same search in messages up to the day of `since`; None where its days do not go on."""
    asked = state.spans.get("at")
    last = since.astimezone(zone).date()
    if asked and asked.end:
        last = min(last, asked.end.astimezone(zone).date() - timedelta(days=2))
    first = asked.start.astimezone(zone).date() if asked and asked.start else ""
    span = read_span(f"{first}..{last}", zone.key)
    return replace(state, spans={**state.spans, "at": span}).url() if span else None

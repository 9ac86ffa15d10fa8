"""What the API does in more than one step."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.agents.models import Agent
from app.agents.repo.agents import AgentRepo
from app.agents.repo.options import OptionRepo
from app.agents.services.agents import change_agent, create_agent, editable_agent
from app.agents.snapshot import Settings, read_settings
from app.threads.parts import Part
from app.threads.repo.feedback import FeedbackRepo, FeedbackRow, Rater
from app.threads.repo.messages import MessageRow
from app.threads.repo.threads import ThreadHead, ThreadRepo, Viewer
from app.threads.services.changing import change_status
from app.threads.services.feedback import Rating, give_feedback
from app.threads.services.writing import UNNAMED, append_message, create_thread, name_after, name_from
from app.tools.parts import BUILT_IN
from app.web.access import role_has
from app.web.errors import FieldError, NotFound, Refusal
from app.web.identity import Caller

_CHOSEN = {
    "persona_id": ("personas", "persona_id", "persona"),
    "rag_enabled": ("bases", "knowledge_bases", "knowledge base"),
    "tools_enabled": ("tools", "tools", "tool"),
}
"""For each column that names other records: their kind, the field of the API, the word for one."""
Said = tuple[str, Sequence[Part], Mapping[str, Any]]
"""Role, parts and further facts of a message."""


def viewer_of(caller: Caller) -> Viewer:
    """What the person of a key may see."""
    return Viewer(caller.user_id, sees_all=role_has(caller.org.role, "threads.read_all"))


def thread_of(caller: Caller, thread_id: UUID) -> ThreadHead:
    """A thread that the person of the key sees. Raises NotFound."""
    head = ThreadRepo().head(caller.org.org_id, viewer_of(caller), thread_id)
    if head is None:
        raise NotFound
    return head


def new_agent(org_id: UUID, values: Mapping[str, Any]) -> Agent:
    """Store a new agent. Raises as `create_agent`, and Refusal 422 as `edit_agent`."""
    return create_agent(
        org_id, _settled(org_id, values, Agent(rag_enabled=[], tools_enabled=[], settings={}))
    )


def edit_agent(org_id: UUID, agent_id: UUID, lock_version: int, values: Mapping[str, Any]) -> Agent:
    """Save what changes of an agent. Raises as `change_agent`.

    Refusal 422 for a persona, knowledge base or tool that is unknown or archived, unless the agent has it already.
    """
    if values.keys() & {*_CHOSEN, "settings"}:
        values = _settled(org_id, values, editable_agent(org_id, agent_id))
    return change_agent(org_id, agent_id, lock_version, values)


def _settled(org_id: UUID, values: Mapping[str, Any], agent: Agent) -> dict[str, Any]:
    """The columns as the editor writes them: each id once, settings without what is usual."""
    lists = {name: sorted(set(values[name])) for name in ("rag_enabled", "tools_enabled") if name in values}
    settled = {**values, **lists}
    _check_chosen(org_id, settled, agent)
    if "settings" in values:
        settings = Settings(**{**read_settings(agent.settings).model_dump(), **values["settings"]})
        settled["settings"] = settings.model_dump(exclude_defaults=True)
    return settled


def _check_chosen(org_id: UUID, values: Mapping[str, Any], agent: Agent) -> None:
    new = {
        name: _ids(values[name]) - _ids(getattr(agent, name)) - BUILT_IN.keys()
        for name in _CHOSEN.keys() & values.keys()
    }
    if not any(new.values()):
        return
    there = OptionRepo().there(org_id, [UUID(each) for ids in new.values() for each in ids])
    errors = [
        FieldError(field, f"There is no {word} {each}, or it is archived.")
        for name, (kind, field, word) in _CHOSEN.items()
        for each in sorted(new.get(name, set()) - there[kind])
    ]
    if errors:
        raise Refusal(422, "Some values are wrong.", errors=errors)


def _ids(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else {str(value)} if value else set()


def begin_thread(caller: Caller, values: Mapping[str, Any], messages: Sequence[Said]) -> ThreadHead:
    """Store a thread of origin `api` with its first messages. Refusal 422 for an agent that does not exist."""
    org_id, viewer = caller.org.org_id, viewer_of(caller)
    agent_id = values.get("agent_id")
    if agent_id is not None:
        agent = AgentRepo().get(org_id, agent_id)
        if agent is None or agent.deleted_at is not None:
            words = "There is no such agent."
            raise Refusal(422, words, errors=[FieldError("agent_id", words)])
    asked = next((parts for role, parts, _ in messages if role == "user"), ())
    name = values.get("name") or (name_from(asked) if asked else UNNAMED)
    thread = create_thread(org_id, {**values, "name": name, "origin": "api"})
    for role, parts, facts in messages:
        append_message(org_id, viewer, thread.id, role, parts, **facts)
    return thread_of(caller, thread.id)


def rater_of(caller: Caller, external_user: str | None) -> Rater:
    """Who rates: somebody outside by name, else the person of the key."""
    return Rater(external_user=external_user) if external_user else Rater(user_id=caller.user_id)


def rate(caller: Caller, thread_id: UUID, message_id: UUID, rater: Rater, given: Rating) -> FeedbackRow:
    """Say what `rater` thinks of a message, or change it. Raises NotFound."""
    org_id = caller.org.org_id
    stored = give_feedback(thread_of(caller, thread_id), org_id, message_id, rater, given)
    found = FeedbackRepo().for_messages(org_id, [message_id])
    return next(row for row in found if row.id == stored.id)


def say(
    caller: Caller, thread_id: UUID, role: str, parts: Sequence[Part], facts: Mapping[str, Any]
) -> MessageRow:
    """Add a message; a thread without a name is called after what a user says first. Raises NotFound."""
    row = append_message(caller.org.org_id, viewer_of(caller), thread_id, role, parts, **facts)
    if role == "user":
        name_after(caller.org.org_id, thread_id, parts)
    return row


def change_thread(caller: Caller, thread_id: UUID, act: str) -> None:
    """Archive, restore or delete a thread. Raises NotFound, and Refusal 409 where that does not apply."""
    outcome = change_status(caller.org.org_id, viewer_of(caller), [thread_id], act)
    if outcome.skipped:
        raise Refusal(409, f"This thread {outcome.skipped[0].reason}.")

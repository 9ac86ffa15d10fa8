"""Beginning runs, stopping them, trying again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.agents.models import Agent
from app.agents.repo.versions import Draft, VersionRepo
from app.db.queue import enqueue
from app.runtime.repo import RunRow, RunsRepo
from app.runtime.services.queueing import RUN, RunInput
from app.runtime.services.transcript import TOLD
from app.tasks.services.tasks import cancel_tasks, retry_tasks
from app.threads.parts import Part, read_parts
from app.threads.repo.messages import MessageRepo, MessageRow
from app.threads.repo.threads import Viewer
from app.threads.services.writing import append_message, create_thread, name_after
from app.web.errors import NotFound, Refusal

BUSY = "This thread is being answered. Wait for the answer, or stop it."
BUSY_SECONDS = 5
"""When to ask again in a thread that is being answered."""


@dataclass(frozen=True)
class Asked:
    """Who is asked: an agent, as a version of it answers or, without one, as its draft does.

    `api_key_id` names the key whose limit it counts to.
    """

    agent_id: UUID
    version_id: UUID | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    api_key_id: UUID | None = None


@dataclass(frozen=True)
class Begun:
    """A run that waits for a worker: its task, and the message that it will write."""

    task_id: UUID
    thread_id: UUID
    message_id: UUID
    branch: int = 0


@dataclass(frozen=True)
class Place:
    """Where in a thread something is said: at the end of a branch, or instead of a message, on a branch of its own."""

    branch: int = 0
    instead_of: MessageRow | None = None


MAIN = Place()


def begin_thread(
    org_id: UUID, viewer: Viewer, asked: Asked, parts: Sequence[Part], origin: str, **facts: object
) -> Begun:
    """Begin a thread with a message and have the agent answer it. Raises NotFound and Refusal 409 as `say` does."""
    thread = create_thread(
        org_id, {"origin": origin, "agent_id": asked.agent_id, "user_id": viewer.user_id, **facts}
    )
    return say(org_id, viewer, thread.id, asked, parts)


def say(
    org_id: UUID,
    viewer: Viewer,
    thread_id: UUID,
    asked: Asked,
    parts: Sequence[Part],
    place: Place = MAIN,
) -> Begun:
    """Add a message to a thread and have the agent answer it, in one transaction.

    Raises NotFound for a thread the viewer does not see and for an unknown branch, agent or version, Refusal 409 for an
    agent that does not answer now and while the thread is being answered.
    """
    given, branch = put(org_id, viewer, thread_id, asked, parts, place)
    trigger = "program" if asked.api_key_id else "person"
    task_id = enqueue(RUN, given, agent_id=asked.agent_id, thread_id=thread_id, trigger=trigger)
    return Begun(task_id, thread_id, given.message_id, branch)


def put(
    org_id: UUID,
    viewer: Viewer,
    thread_id: UUID,
    asked: Asked,
    parts: Sequence[Part],
    place: Place = MAIN,
) -> tuple[RunInput, int]:
    """Add a message and the empty answer to a thread: what the run that writes it is given, and the branch.

    Raises as `say` does.
    """
    check_asked(org_id, asked)
    RunsRepo().hold_thread(org_id, thread_id)
    if RunsRepo().live(org_id, thread_id):
        raise Refusal(409, BUSY, retry_after=BUSY_SECONDS)
    RunsRepo().forget_told(org_id, thread_id, TOLD)
    parent_id, branch = _placed(org_id, thread_id, place)
    facts = {"branch": branch}
    append_message(org_id, viewer, thread_id, "user", parts, parent_id=parent_id, **facts)
    answer = append_message(
        org_id,
        viewer,
        thread_id,
        "assistant",
        (),
        status="pending",
        agent_version_id=asked.version_id,
        **facts,
    )
    name_after(org_id, thread_id, parts)
    given = RunInput(
        thread_id=thread_id,
        message_id=answer.id,
        agent_id=asked.agent_id,
        version_id=asked.version_id,
        variables=dict(asked.variables),
        api_key_id=asked.api_key_id,
    )
    return given, branch


def _placed(org_id: UUID, thread_id: UUID, place: Place) -> tuple[UUID | None, int]:
    """The message that the new one follows on another branch, if any, and its branch. Raises NotFound without it."""
    if place.instead_of is None:
        if place.branch and not RunsRepo().has_branch(org_id, thread_id, place.branch):
            raise NotFound
        return None, place.branch
    before = MessageRepo().before(org_id, thread_id, place.instead_of.id, 1).rows
    parent_id = before[-1].id if before else place.instead_of.parent_id
    return parent_id, RunsRepo().next_branch(org_id, thread_id)


def check_asked(org_id: UUID, asked: Asked) -> Draft:
    """The agent, if it answers. Raises NotFound for an unknown agent or version, Refusal 409 for one that does not."""
    draft = VersionRepo().draft(org_id, asked.agent_id)
    if draft is None:
        raise NotFound
    if words := silence_of(draft.agent):
        raise Refusal(409, words)
    if asked.version_id is not None:
        version = VersionRepo().get(org_id, asked.version_id)
        if version is None or version.agent_id != asked.agent_id:
            raise NotFound
    return draft


def silence_of(agent: Agent) -> str:
    """Why an agent does not answer now; empty if it does."""
    if not agent.deleted_at and not agent.archived and agent.enabled:
        return ""
    state = "deleted" if agent.deleted_at else "archived" if agent.archived else "switched off"
    return f"{agent.name} is {state} and does not answer."


def stop(org_id: UUID, *thread_ids: UUID) -> None:
    """Stop the answers that are being written in threads; what was said stays. Raises Refusal 409 if there are none."""
    runs = [run for thread_id in thread_ids if (run := RunsRepo().live(org_id, thread_id))]
    if not runs:
        raise Refusal(409, "The answer has already ended.")
    cancel_tasks(org_id, [run.id for run in runs])


def stop_run(org_id: UUID, thread_id: UUID, task_id: UUID) -> None:
    """Stop this run; what was said stays. Raises Refusal 409 if it has ended."""
    run = RunsRepo().live(org_id, thread_id)
    if run is None or run.id != task_id:
        raise Refusal(409, "The answer has already ended.")
    cancel_tasks(org_id, [task_id])


def ask_again(org_id: UUID, viewer: Viewer, thread_id: UUID, agent_id: UUID, message_id: UUID) -> Begun:
    """Have the question before an answer answered once more, by who answered it, on a branch of its own.

    Raises NotFound for anything but an answer, and Refusal 409 without a question and as `say` does.
    """
    answer = MessageRepo().get(org_id, thread_id, message_id)
    if answer is None or answer.role != "assistant":
        raise NotFound
    before = MessageRepo().before(org_id, thread_id, message_id, 1).rows
    if not before or before[-1].role != "user":
        raise Refusal(409, "There is no question before this answer.")
    question, run = before[-1], RunsRepo().of_message(org_id, thread_id, message_id)
    asked = Asked(agent_id, answer.agent_version_id, run.payload.get("variables", {}) if run else {})
    return say(org_id, viewer, thread_id, asked, read_parts(question.parts), Place(instead_of=question))


def try_again(org_id: UUID, thread_id: UUID, message_id: UUID) -> RunRow:
    """Have an answer that failed or was stopped written anew. Raises NotFound, and Refusal 409 for any other."""
    RunsRepo().hold_thread(org_id, thread_id)
    run = RunsRepo().of_message(org_id, thread_id, message_id)
    if run is None:
        raise NotFound
    if RunsRepo().live(org_id, thread_id):
        raise Refusal(409, BUSY, retry_after=BUSY_SECONDS)
    RunsRepo().reopen(org_id, run.id, message_id)
    if not retry_tasks(org_id, [run.id]).changed:
        raise Refusal(409, "This answer is complete.")
    return run

"""Agents that are asked by the clock: the task puts the message into a thread, then is the run that answers it.

Nobody waits in front of a page for it, so it is taken like any other task, not from the queue of answers.
From the step that stores the message on it is a task of kind `agent.run`, with the schedule and the slot it had: it is
stopped, tried again and paid for like every answer, and the next slot waits for it, or not, as the schedule says.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from app.agents.repo.published import PublishedRepo, Wanted
from app.agents.repo.versions import VersionRepo, VersionRow
from app.db.tables import Task
from app.db.work import Choices, GiveUp, Kind, TaskInput, Work
from app.late import load
from app.runtime.repo import RunsRepo
from app.runtime.services.queueing import RUN, RunInput
from app.runtime.services.runs import Asked, check_asked, put
from app.runtime.services.variables import filled_in, is_variable, variables_of
from app.tasks.models import Schedule
from app.tasks.repo.schedules import ScheduleRepo
from app.tasks.repo.tasks import TasksRepo
from app.threads.parts import TextPart
from app.threads.repo.threads import ThreadRepo, Viewer
from app.threads.services.writing import NAME_LENGTH, create_thread
from app.web.errors import NotFound, Refusal
from app.web.inputs import ASSIGNMENTS, CHOICE, LONG_TEXT, worded
from app.web.params import read_id

BEGIN = "begin"
"""The step that puts the message into its thread."""
MESSAGE_LENGTH = 100_000
VALUE_LENGTH = 10_000
MOST_VARIABLES = 50
MOST_AGENTS = 50
MOST_VERSIONS = 20
NEWEST = "The newest, at each run"
GONE = "The agent or its version is gone."
ANSWERED = "The answer before is still being written in the thread of this schedule."
DELETED = "The thread that it went on with is deleted. A new one begins."
UNPUBLISHED = "{name} has no published version yet. Publish it first."


_MOMENT = ("date", "time")
"""The variables of the run itself."""


def _name(text: str) -> str:
    if not is_variable(text):
        raise ValueError(
            "Names of variables have letters, digits, dots and underscores, and begin with a letter or an underscore."
        )
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("Enter a message.")
    return text


def _chosen(agent_id: object) -> object:
    if agent_id is None:
        raise ValueError("Choose an agent.")
    return agent_id


AgentID = Annotated[UUID, BeforeValidator(_chosen)]
Name = Annotated[str, AfterValidator(_name)]
Message = Annotated[str, AfterValidator(_said)]
Value = Annotated[str, StringConstraints(max_length=VALUE_LENGTH)]


class PromptInput(TaskInput):
    """Who is asked, what, and in which thread."""

    agent_id: AgentID = Field(
        title="Agent",
        description=f"The {MOST_AGENTS} published agents that were changed last. For any other, begin at its page.",
        json_schema_extra=CHOICE,
    )
    version_id: UUID | None = Field(None, title="Version", json_schema_extra=CHOICE)
    prompt: Message = Field(
        max_length=MESSAGE_LENGTH,
        title="Message",
        description="What it is asked each time. {{date}} and {{time}} are the run's, in the zone of the schedule.",
        json_schema_extra=LONG_TEXT,
    )
    variables: dict[Name, Value] = Field(
        {},
        max_length=MOST_VARIABLES,
        title="Variables",
        description="For the message and the prompt of the agent, one on each line, as name: value.",
        json_schema_extra=ASSIGNMENTS,
    )
    thread: Literal["new", "continue"] = Field(
        "new",
        title="Thread",
        description="In one that goes on the agent is told what was said before, and answers one run at a time.",
        json_schema_extra=worded({"new": "A new one each time", "continue": "One that goes on"}),
    )


def run_prompt(work: Work, given: PromptInput) -> Mapping[str, Any]:
    """Put the message into its thread, once, and answer it. Raises GiveUp with the reason if nobody answers."""
    begun = work.step(BEGIN, lambda: _begin(work, given))
    done: Mapping[str, Any] = load("app.runtime.services.answering:answer")(work, RUN.read(begun))
    return done


def _begin(work: Work, given: PromptInput) -> dict[str, Any]:
    task = TasksRepo().get(work.org_id, work.task_id)
    assert task is not None
    schedule = ScheduleRepo().get(work.org_id, task.schedule_id) if task.schedule_id else None
    try:
        run = _put(work, given, schedule, _moment(task, schedule))
    except NotFound as error:
        raise GiveUp(GONE) from error
    except Refusal as error:
        raise GiveUp(str(error)) from error
    payload = run.model_dump(mode="json")
    facts = {
        "kind": RUN.name,
        "payload": payload,
        "thread_id": run.thread_id,
        "agent_id": run.agent_id,
        "agent_version_id": run.version_id,
    }
    RunsRepo().become(work.org_id, work.task_id, facts)
    return payload


def _moment(task: Task, schedule: Schedule | None) -> dict[str, str]:
    """Date and time of the run as the clock of the schedule shows them."""
    zone = ZoneInfo(schedule.time_zone if schedule else "UTC")
    due = (task.slot_at or task.created_at).astimezone(zone)
    return {"date": f"{due:%Y-%m-%d}", "time": f"{due:%H:%M}"}


def _put(work: Work, given: PromptInput, schedule: Schedule | None, moment: Mapping[str, str]) -> RunInput:
    assert work.user_id is not None
    variables = {**moment, **{name: filled_in(text, moment) for name, text in given.variables.items()}}
    draft = check_asked(work.org_id, Asked(given.agent_id, given.version_id))
    if draft.latest is None:
        raise GiveUp(UNPUBLISHED.format(name=draft.agent.name))
    for name in _lacking(work.org_id, given, draft.latest):
        work.log(f"{name} has no value: the model reads it as it is written.")
    asked = Asked(given.agent_id, given.version_id or draft.latest.id, variables)
    parts = (TextPart(text=filled_in(given.prompt, variables)),)
    viewer = Viewer(work.user_id, sees_all=False)
    thread_id = _going_on(work, given, schedule) or _new_thread(work, given, schedule, moment)
    return put(work.org_id, viewer, thread_id, asked, parts)[0]


def _going_on(work: Work, given: PromptInput, schedule: Schedule | None) -> UUID | None:
    """The thread that goes on, held; None if there is none. Raises GiveUp while it is being answered."""
    if given.thread != "continue" or schedule is None:
        return None
    last = ThreadRepo().last_of_schedule(work.org_id, schedule.id, given.agent_id)
    if last is None or last.deleted_at:
        if last:
            work.log(DELETED)
        return None
    RunsRepo().hold_thread(work.org_id, last.id)
    if RunsRepo().live(work.org_id, last.id):
        raise GiveUp(ANSWERED)
    found: UUID = last.id
    return found


def _new_thread(work: Work, given: PromptInput, schedule: Schedule | None, moment: Mapping[str, str]) -> UUID:
    """A thread of everybody, called after its schedule."""
    facts: dict[str, Any] = {"origin": "schedule", "agent_id": given.agent_id, "user_id": work.user_id}
    if schedule:
        begun = "" if given.thread == "continue" else f", {moment['date']} {moment['time']}"
        facts |= {"schedule_id": schedule.id, "name": f"{schedule.name}{begun}"[:NAME_LENGTH]}
    return create_thread(work.org_id, facts).id


def choices(org_id: UUID, given: Mapping[str, Any]) -> dict[str, Choices]:
    """Agents with a version, and the versions of each; what is chosen already stays."""
    chosen = [read_id(str(given.get(name) or "")) for name in ("agent_id", "version_id")]
    rows = PublishedRepo().offered(org_id, Wanted(MOST_AGENTS, MOST_VERSIONS, *chosen))
    versions: dict[str, list[tuple[str, str]]] = {"": [("", NEWEST)]}
    for row in rows:
        words = f"{row.name}, version {row.number}"
        versions.setdefault(row.name, []).append((str(row.version_id), words))
    agents = {str(row.id): row.name for row in rows}
    return {"agent_id": {"": [("", "Choose an agent"), *agents.items()]}, "version_id": versions}


def _lacking(org_id: UUID, given: PromptInput, latest: VersionRow) -> list[str]:
    """The variables of the message and of whoever answers it now that have no value."""
    version = VersionRepo().get(org_id, given.version_id) if given.version_id else latest
    told = version.snapshot if version else latest.snapshot
    names = variables_of(given.prompt, *told.texts)
    return [name for name in names if name not in {*_MOMENT, *given.variables}]


def check(org_id: UUID, given: PromptInput) -> dict[str, str]:
    """What is wrong with an input in this organisation, by field."""
    try:
        draft = check_asked(org_id, Asked(given.agent_id))
    except NotFound:
        return {"agent_id": "Choose an agent of the list."}
    except Refusal as error:
        return {"agent_id": str(error)}
    if draft.latest is None:
        return {"agent_id": UNPUBLISHED.format(name=draft.agent.name)}
    try:
        check_asked(org_id, Asked(given.agent_id, given.version_id))
    except NotFound:
        return {"version_id": "Choose a version of this agent."}
    lacking = _lacking(org_id, given, draft.latest)
    return {"variables": f"Give a value to {', '.join(lacking)}."} if lacking else {}


PROMPT = Kind(
    name="agent.run.prompt",
    title="Ask an agent",
    given=PromptInput,
    run=run_prompt,
    right=RUN.right,
    seconds=RUN.seconds,
    schedulable=True,
    choices=choices,
    check=check,
)

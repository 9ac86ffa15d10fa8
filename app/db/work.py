"""What a task can do: its kind, the typed input, and what the running task offers to the function that does the work.

A domain declares its kinds; `app/handlers.py` names each by its dotted path, loaded on first use, so that a worker
without work stays small.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, Protocol, TypeVar
from uuid import UUID

import orjson
from flask import Flask, current_app
from pydantic import BaseModel, ConfigDict, ValidationError

from app.late import load

Answer = TypeVar("Answer")
Choices = Mapping[str, Sequence[tuple[str, str]]]
"""What a field can be chosen from: values with what they are called, in named groups; those of "" stand first."""


class GiveUp(Exception):
    """Raised by a task that cannot do it: it ends as failed, for this reason, without another attempt."""


SEALED = "sealed"
"""The field of inputs and results that people do not see; `app.db.sealed.seal_json` makes its value."""


class TaskInput(BaseModel):
    """The input of a kind: strict, and nothing beside its fields. Never a secret; people see all but SEALED."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


Given = TypeVar("Given", bound=TaskInput)


class Work(Protocol):
    """A running task, as its function sees it.

    Every method raises when the task is no longer this worker's, was cancelled, or its creator may no longer do it;
    the function lets that pass.
    """

    org_id: UUID
    task_id: UUID
    user_id: UUID | None

    def step(self, name: str, act: Callable[[], Answer]) -> Answer:
        """Call `act` in one transaction with the note that this step is done, and answer what it returned.

        A step that an earlier attempt finished is not repeated: its answer is returned. It must be JSON.
        """

    def change(self, act: Callable[[], Answer]) -> Answer:
        """Call `act` in one transaction, without a note: another attempt does it again. What it returned."""

    def answered(self, name: str) -> Any:
        """The answer of a step that an earlier attempt finished; None if none has."""

    def key(self, step: str) -> str:
        """The idempotency key of a step for effects outside the database: the same in every attempt."""

    def progress(self, done: int, total: int | None = None, words: str = "") -> None:
        """Say how far it is; stored at most once a second."""

    def log(self, words: str) -> None:
        """Add a line to the task's log."""

    def tell(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
        """Store events, each a kind and its data, for those who follow the task, and wake them; the last one's number.

        Without events it only checks that the task may go on.
        """


class Pausable(Work, Protocol):
    """A running task that can be left until somebody has decided; what workers give to every kind."""

    def note(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Store events that nobody follows, also of a task that is to end. It raises only if it is another's by now."""

    def wait(self, name: str, act: Callable[[], None]) -> NoReturn:
        """Call `act` in one transaction with the end of this attempt: the task waits until it is resumed.

        It leaves the function of the task, which is called again then. `name` begins that of the step it notes.
        """


ANSWERS = "answers"
"""The queue of what people wait for in front of a page: it has places of its own in every worker."""


@dataclass(frozen=True)
class Kind(Generic[Given]):
    """A kind of task. `run` answers with the task's result; `right` is asked for before each step.

    `ended` is called in the transaction in which a task ends other than well, with its organisation, its id, its input
    and the reason: what the task has begun elsewhere must not be left as if it still went on.

    `again` is called in the transaction in which ended tasks are to be queued anew, with their organisation and their
    inputs by id. It holds what nobody else may change until then, and answers with those that must not be, each with
    why: the end of a sentence that begins with the task.

    `lacking` takes the same and says, also for pages, which of them cannot be run again, as what they need is gone. It
    holds nothing.

    For forms, `choices` says what fields can be chosen from in an organisation, given what is in the form. For whoever
    stores an input, `check` says what is wrong with it there, by field, beyond what its type says.

    The file that a task leaves is for its person, and for others with `file_right`, which is `right` unless named. A
    right that the file itself names is asked of that person too.

    A task that raises is tried again, three times in all; one that runs longer than `seconds` counts as failed. The
    name of a queue has at most seven letters.
    """

    name: str
    title: str
    given: type[Given]
    run: Callable[[Work, Given], Mapping[str, Any] | None]
    right: str
    queue: str = "default"
    priority: int = 0
    seconds: int = 600
    schedulable: bool = False
    ended: Callable[[UUID, UUID, Given, str], None] | None = None
    again: Callable[[UUID, Mapping[UUID, Given]], Mapping[UUID, str]] | None = None
    lacking: Callable[[UUID, Mapping[UUID, Given]], Mapping[UUID, str]] | None = None
    choices: Callable[[UUID, Mapping[str, Any]], Mapping[str, Choices]] | None = None
    check: Callable[[UUID, Given], Mapping[str, str]] | None = None
    file_right: str | None = None

    def read(self, payload: Mapping[str, Any]) -> Given:
        """The stored input. ValidationError (pydantic) if it does not fit."""
        return self.given.model_validate_json(orjson.dumps(payload))


class UnknownKind(Exception):
    """No handler has this name."""


class Kinds:
    """The kinds of an application, by name; each is loaded when it is first asked for."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths

    def get(self, name: str) -> Kind[Any]:
        """The kind. Raises UnknownKind."""
        if name not in self._paths:
            raise UnknownKind(name)
        kind = load(self._paths[name])
        assert isinstance(kind, Kind)
        return kind

    def all(self) -> list[Kind[Any]]:
        """Every kind, by name."""
        return [self.get(name) for name in sorted(self._paths)]


def tell_ended(org_id: UUID, task_id: UUID, kind: str, payload: Mapping[str, Any], reason: str) -> None:
    """Call a kind's `ended`, if it has one, inside the running transaction."""
    try:
        found = kinds().get(kind)
        if found.ended:
            found.ended(org_id, task_id, found.read(payload), reason)
    except (UnknownKind, ValidationError):
        return  # nothing was begun: it never ran


def reasons_against(
    org_id: UUID, kind: str, payloads: Mapping[UUID, Mapping[str, Any]]
) -> Mapping[UUID, str]:
    """Which of these ended tasks of a kind must not be queued anew, and why, inside the running transaction."""
    found, given = _read(kind, payloads)
    asked = (found.again, found.lacking) if found else ()
    return {task_id: why for ask in asked if ask for task_id, why in ask(org_id, given).items()}


def lacking(org_id: UUID, kind: str, payloads: Mapping[UUID, Mapping[str, Any]]) -> Mapping[UUID, str]:
    """Which of these ended tasks of a kind cannot be run again, and what they lack."""
    found, given = _read(kind, payloads)
    return found.lacking(org_id, given) if found and found.lacking else {}


def _read(
    name: str, payloads: Mapping[UUID, Mapping[str, Any]]
) -> tuple[Kind[Any] | None, Mapping[UUID, Any]]:
    """A kind, if this version knows it, and the inputs that fit it; a task with another fails at once."""
    given: dict[UUID, Any] = {}
    try:
        kind = kinds().get(name)
    except UnknownKind:
        return None, given
    for task_id, payload in payloads.items():
        with suppress(ValidationError):
            given[task_id] = kind.read(payload)
    return kind, given


def kinds() -> Kinds:
    """The running application's kinds."""
    found = current_app.extensions["kinds"]
    assert isinstance(found, Kinds)
    return found


def register(app: Flask, paths: Mapping[str, str]) -> None:
    """Tell the application where its kinds are declared: name to `module:attribute`."""
    app.extensions["kinds"] = Kinds(paths)


def register_duties(app: Flask, paths: Mapping[str, str]) -> None:
    """Tell the application what each worker looks after now and then: name to `module:function`."""
    app.extensions["duties"] = paths

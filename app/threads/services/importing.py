"""Storing the threads of an export: in batches, each one transaction; each thread once, however often it comes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.audit.services import record
from app.threads.parts import ErrorPart, first_error
from app.threads.readers.items import Refused
from app.threads.readers.parsed import MOST_BRANCHES, ParsedMessage, ParsedThread
from app.threads.repo.imports import ORIGIN, ImportRepo, StoredMessage
from app.threads.services.changing import tags_of
from app.threads.services.writing import UNNAMED, message_values, name_from

MOST_THREADS = 200
MOST_MESSAGES = 2_000
MOST_CHARACTERS = 4_000_000


@dataclass(frozen=True)
class Destination:
    """Whose the imported threads are, if somebody's, which agent they are listed under, and what the file is called."""

    user_id: UUID | None
    agent_id: UUID | None
    source: str


@dataclass(frozen=True)
class Written:
    """What came of threads: how many are new, got further messages, were there as they are; and the messages stored."""

    added: int = 0
    extended: int = 0
    unchanged: int = 0
    messages: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            self.added + other.added,
            self.extended + other.extended,
            self.unchanged + other.unchanged,
            self.messages + other.messages,
        )

    @property
    def threads(self) -> int:
        """How many threads came, whatever became of them."""
        return self.added + self.extended + self.unchanged


@dataclass
class Batch:
    """Threads to store together, and what was left out on the way to them."""

    threads: list[ParsedThread] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _messages: int = 0
    _characters: int = 0

    @property
    def full(self) -> bool:
        """Whether no more fits into the memory and into a short transaction."""
        return (
            len(self.threads) + len(self.refused) >= MOST_THREADS
            or self._messages >= MOST_MESSAGES
            or self._characters >= MOST_CHARACTERS
        )

    def holds(self, entry: ParsedThread | Refused) -> bool:
        """Whether there is a thread of the same id already, which has to be stored before this one."""
        return not isinstance(entry, Refused) and entry.external_id in self._ids

    def add(self, entry: ParsedThread | Refused) -> None:
        """Put an entry in."""
        if isinstance(entry, Refused):
            self.refused.append(entry)
        else:
            self.threads.append(entry)
            self._ids.add(entry.external_id)
            self._messages += len(entry.messages)
            self._characters += entry.characters


def batches(entries: Iterable[ParsedThread | Refused]) -> Iterator[Batch]:
    """The entries in batches. An id that the reader did not remember does not come twice in one."""
    batch = Batch()
    for entry in entries:
        if batch.holds(entry):
            yield batch
            batch = Batch()
        batch.add(entry)
        if batch.full:
            yield batch
            batch = Batch()
    if batch.threads or batch.refused:
        yield batch


def write_batch(org_id: UUID, threads: Sequence[ParsedThread], to: Destination) -> Written:
    """Store what is not there yet, in the running transaction, with one audit row.

    A thread that an earlier import stored gets the messages it lacks, and those that stand on another branch by now
    are moved there; its name, and what the export no longer holds, stay. A deleted one stays deleted.
    """
    repo = ImportRepo()
    repo.lock(org_id, patiently=True)
    known = repo.threads(org_id, [thread.external_id for thread in threads])
    stored = repo.messages(org_id, [thread.id for thread in known.values() if not thread.deleted])
    rows = _Rows()
    for thread in threads:
        there = known.get(thread.external_id)
        if there is None:
            rows.add(thread, to)
        else:
            rows.extend(thread, there.id, None if there.deleted else stored[there.id])
    repo.add_threads(org_id, rows.threads)
    repo.add_messages(org_id, rows.messages)
    repo.move_messages(org_id, rows.moves)
    if rows.written.threads > rows.written.unchanged:
        after = {
            "threads": rows.written.added,
            "extended": rows.written.extended,
            "messages": len(rows.messages),
        }
        record("thread.import", "thread_list", target_label=to.source, after=after)
    return rows.written


@dataclass
class _Rows:
    """What a batch adds to the tables."""

    threads: list[Mapping[str, Any]] = field(default_factory=list)
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    moves: list[Mapping[str, Any]] = field(default_factory=list)
    written: Written = Written()

    def add(self, thread: ParsedThread, to: Destination) -> None:
        """A thread that is new."""
        thread_id = uuid7()
        self.threads.append(
            {
                "id": thread_id,
                "user_id": to.user_id,
                "agent_id": to.agent_id,
                "name": thread.name or _made_name(thread.messages),
                "origin": ORIGIN,
                "external_id": thread.external_id,
                "tags": tags_of(thread.tags),
                "archived": thread.archived,
                "created_at": thread.created_at,
                "last_message_at": max(message.created_at for message in thread.messages),
            }
        )
        self._fill(thread.messages, thread_id, {})
        self.written += Written(added=1, messages=len(thread.messages))

    def extend(
        self, thread: ParsedThread, thread_id: UUID, stored: Mapping[str, StoredMessage] | None
    ) -> None:
        """A thread that is there, with its messages; None for one that is deleted."""
        before = len(self.messages), len(self.moves)
        if stored is not None:
            self._fill(thread.messages, thread_id, stored)
        new = len(self.messages) - before[0]
        same = (len(self.messages), len(self.moves)) == before
        self.written += Written(extended=not same, unchanged=same, messages=new)

    def _fill(
        self, messages: Sequence[ParsedMessage], thread_id: UUID, stored: Mapping[str, StoredMessage]
    ) -> None:
        """The messages that are not stored, and moves of those that are; others in the database keep their branch.

        Nothing of a thread that would get more branches than there may be.
        """
        ids = {message.external_id: uuid7() for message in messages if message.external_id not in stored}
        ids |= {external_id: message.id for external_id, message in stored.items()}
        here = {message.external_id for message in messages}
        taken = max((message.branch for id_, message in stored.items() if id_ not in here), default=0)
        if taken + max(message.branch for message in messages) > MOST_BRANCHES:
            return
        for message in messages:
            branch = message.branch and message.branch + taken
            parent_id = ids[message.parent] if message.parent else None
            place = {"id": ids[message.external_id], "branch": branch, "parent_id": parent_id}
            there = stored.get(message.external_id)
            if there is None:
                self.messages.append({**place, "thread_id": thread_id, **_values(message)})
            elif (there.branch, there.parent_id) != (branch, parent_id):
                self.moves.append(place)


def _values(message: ParsedMessage) -> dict[str, Any]:
    failed = all(isinstance(part, ErrorPart) for part in message.parts)
    return {
        "external_id": message.external_id,
        "role": message.role,
        "status": "failed" if failed else "complete",
        **message_values(message.parts),
        "model": message.model,
        "input_tokens": message.input_tokens,
        "output_tokens": message.output_tokens,
        "error": first_error(message.parts),
        "created_at": message.created_at,
    }


def _made_name(messages: Sequence[ParsedMessage]) -> str:
    """A name made of what the person said first."""
    names = (name_from(message.parts) for message in messages if message.role == "user")
    return next((name for name in names if name != UNNAMED), UNNAMED)

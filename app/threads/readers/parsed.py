"""Threads as readers hand them over, and how a tree of messages becomes lines that people read."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.threads.parts import InvalidParts, Part, read_parts
from app.threads.readers.items import Unreadable
from app.threads.readers.values import RawPart

MOST_BRANCHES = 32_767
MOST_MESSAGES = 50_000
"""Those of one thread are stored in one transaction."""


@dataclass(frozen=True)
class ParsedMessage:
    """A message; `parent` names the one that another branch than the read one (0) begins after."""

    external_id: str
    role: str
    parts: tuple[Part, ...]
    created_at: datetime
    branch: int
    parent: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class ParsedThread:
    """A thread with its messages: the line people read first, then the other branches, each in order."""

    external_id: str
    name: str | None
    created_at: datetime
    messages: tuple[ParsedMessage, ...]
    archived: bool = False
    tags: tuple[str, ...] = ()

    @property
    def characters(self) -> int:
        """About how much text it holds."""
        return sum(_size(part) for message in self.messages for part in message.parts)


@dataclass(frozen=True)
class Node:
    """A message as the export has it, with the one before it; without parts it only links the others."""

    id: str
    parent: str | None
    role: str = "system"
    parts: Sequence[RawPart] = ()
    created_at: datetime | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


def thread(
    external_id: str,
    name: str | None,
    created_at: datetime | None,
    nodes: Sequence[Node],
    leaf: str | None = None,
    **more: Any,
) -> ParsedThread:
    """A thread whose messages stand in lines: branch 0 leads to `leaf` (else to what came last).

    Raises Unreadable for an id that occurs twice, a circle, parts that are none, and for too many messages, or none.
    """
    if len(nodes) > MOST_MESSAGES:
        raise Unreadable(f"It holds more than {MOST_MESSAGES:,} messages.")
    times = [node.created_at for node in nodes if node.created_at]
    start = created_at or min(times, default=None) or datetime.now(UTC)
    messages = tuple(_arrange(nodes, leaf, start))
    if not messages:
        raise Unreadable("It holds no messages.")
    return ParsedThread(external_id, name, start, messages, **more)


def _arrange(nodes: Sequence[Node], leaf: str | None, start: datetime) -> Iterator[ParsedMessage]:
    """The messages in lines, never earlier than the one before: the order by time is the order of the line.

    One without time has that of the one before it, the first that of the thread.
    """
    by_id: dict[str | None, Node] = {node.id: node for node in nodes}
    if len(by_id) != len(nodes):
        raise Unreadable("Two of its messages have the same id.")
    before = _before(by_id)
    times: dict[str | None, datetime] = {None: start}
    for branch, line in enumerate(_lines(by_id, before, _way_to(by_id, leaf))):
        if branch > MOST_BRANCHES:
            raise Unreadable("It has more than 32,767 branches.")
        for position, node in enumerate(line):
            earlier = before[node.id]
            times[node.id] = max(node.created_at or times[earlier], times[earlier])
            parent = earlier if branch and not position else None
            yield _message(node, times[node.id], branch, parent)


def _way_to(by_id: Mapping[str | None, Node], leaf: str | None) -> set[str]:
    """The ids on the way to the leaf."""
    way: set[str] = set()
    while (node := by_id.get(leaf)) and node.id not in way:
        way.add(node.id)
        leaf = node.parent
    return way


def _before(by_id: Mapping[str | None, Node]) -> dict[str, str | None]:
    """For each node the nearest one before it that says something. Unreadable for a circle."""
    before: dict[str, str | None] = {}
    for start in by_id.values():
        path: dict[str, Node] = {}
        node: Node | None = start
        while node and node.id not in before:
            if node.id in path:
                raise Unreadable("Its messages follow each other in a circle.")
            path[node.id] = node
            node = by_id.get(node.parent)
        for step in reversed(path.values()):
            earlier = by_id.get(step.parent)
            if earlier is None:
                before[step.id] = None
            else:
                before[step.id] = earlier.id if earlier.parts else before[earlier.id]
    return before


def _lines(
    by_id: Mapping[str | None, Node], before: Mapping[str, str | None], way: set[str]
) -> Iterator[list[Node]]:
    """The line along `way`, and on along what came last; then each line that parts from one before it."""
    after: dict[str | None, list[Node]] = defaultdict(list)
    for node in by_id.values():
        if node.parts:
            after[before[node.id]].append(node)
    waiting: deque[Node] = deque()

    def chosen(nodes: list[Node]) -> Node:
        """The one that continues the line; the others begin lines of their own."""
        best = next((node for node in nodes if node.id in way), nodes[-1])
        waiting.extend(node for node in nodes if node is not best)
        return best

    if after[None]:
        waiting.appendleft(chosen(after[None]))
    while waiting:
        line = [waiting.popleft()]
        while followers := after.get(line[-1].id):
            line.append(chosen(followers))
        yield line


def _size(part: Part) -> int:
    texts = (getattr(part, name, None) for name in ("text", "arguments", "result"))
    return 200 + sum(len(text) for text in texts if isinstance(text, str))


def _message(node: Node, created_at: datetime, branch: int, parent: str | None) -> ParsedMessage:
    try:
        parts = read_parts(node.parts)
    except InvalidParts as error:
        raise Unreadable(f"Message {node.id} cannot be stored: {error}.") from error
    return ParsedMessage(
        external_id=node.id,
        role=node.role,
        parts=parts,
        created_at=created_at,
        branch=branch,
        parent=parent,
        model=node.model,
        input_tokens=node.input_tokens,
        output_tokens=node.output_tokens,
    )

"""An answer as it comes: its parts, and the events by which others follow it.

Events are `begin` (what an attempt said before is void), `part` (`index`, `part`: new, or in place of the former) and
`delta` (`index`, `text`: more of that part's text). `decided` (`call_id`, `status`) says what a person decided about a
call that waits; what follows begins anew with all that was there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from app.threads.parts import Part, read_parts

Event = tuple[str, Mapping[str, Any]]
DECIDED = "decided"
FOLLOWED = ("begin", "part", "delta", DECIDED)
CALLING = "calling"
"""What is told before a call that may change something outside, with its `call_id`; followers do not hear it."""
USED = "used"
"""What the answer has used so far, as columns of its message, and if that is `estimated`; followers do not hear it."""
TOLD = (*FOLLOWED, CALLING, USED)


class Transcript:
    """The parts so far; `taken` hands out the events since the last call, deltas of one part as one."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._events: list[tuple[str, dict[str, Any]]] = []
        self.begun: set[str] = set()
        """The ids of the calls that may have changed something outside."""
        self.used: Mapping[str, Any] = {}
        """What was noted last of what the answer has used."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Transcript":
        """What these events say."""
        made = cls()
        for kind, data in events:
            if kind == "begin":
                made._parts = []
                made.begun, made.used = set(), {}
            elif kind == CALLING:
                made.begun.add(data["call_id"])
            elif kind == USED:
                made.used = data
            elif kind == "part":
                made._parts[data["index"] : data["index"] + 1] = [dict(data["part"])]
            elif kind == "delta":
                made._parts[data["index"]]["text"] += data["text"]
        return made

    @classmethod
    def holding(cls, parts: Iterable[Mapping[str, Any]]) -> "Transcript":
        """One that begins with these parts."""
        made = cls()
        made.begin()
        for part in parts:
            made.add(part)
        return made

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts, checked; empty texts are left out."""
        return read_parts([part for part in self._parts if part.get("text", "_").strip()])

    @property
    def calls(self) -> tuple[set[str], set[str]]:
        """The ids of its tool calls, and of those with a result."""
        ids: tuple[set[str], set[str]] = set(), set()
        for part in self._parts:
            if part["kind"] in {"tool_call", "tool_result"}:
                ids[part["kind"] == "tool_result"].add(part["call_id"])
        return ids

    @property
    def length(self) -> int:
        """Characters of all texts."""
        return sum(len(part.get("text", "")) for part in self._parts)

    @property
    def spoken(self) -> bool:
        """Whether there is any text beside thoughts."""
        return any(part["kind"] == "text" and part["text"].strip() for part in self._parts)

    def begin(self) -> None:
        """Say that an attempt begins."""
        self._events.append(("begin", {}))

    def say(self, kind: Literal["text", "reasoning"], text: str) -> None:
        """Add text to the last part, or begin one of this kind."""
        if not self._parts or self._parts[-1]["kind"] != kind:
            self.add({"kind": kind, "text": ""})
        index = len(self._parts) - 1
        self._parts[index]["text"] += text
        last = self._events[-1] if self._events else None
        if last and last[0] == "delta":
            last[1]["text"] += text
        else:
            self._events.append(("delta", {"index": index, "text": text}))

    def add(self, part: Mapping[str, Any]) -> None:
        """Add a whole part."""
        self._parts.append(dict(part))
        self._events.append(("part", {"index": len(self._parts) - 1, "part": dict(part)}))

    def notice(self, text: str) -> None:
        """Say something about how the answer was made, once."""
        part = {"kind": "notice", "text": text}
        if part not in self._parts:
            self.add(part)

    def taken(self) -> list[Event]:
        """The events since the last call."""
        events, self._events = self._events, []
        return list(events)

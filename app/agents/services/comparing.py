"""Two snapshots side by side: texts word by word, everything else value by value, and one sentence about it all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.agents.services.differing import TextDifference, text_difference
from app.agents.snapshot import Settings, Snapshot
from app.web.filters import grouped

SETTING_WORDS = {
    "max_output_tokens": "Longest answer",
    "max_tool_calls": "Tool calls",
    "timeout_seconds": "Time limit",
}
UNITS = {"max_output_tokens": " tokens", "timeout_seconds": " seconds"}
NOTHING = "Nothing differs."
_SHOWN = 60


@dataclass(frozen=True)
class TextChange:
    """A text that differs."""

    label: str
    difference: TextDifference


@dataclass(frozen=True)
class ValueChange:
    """A value that differs, in words; None where there is none. `phrase` says the same within a sentence."""

    label: str
    before: str | None
    after: str | None
    phrase: str


@dataclass(frozen=True)
class Comparison:
    """What differs between two snapshots."""

    texts: Sequence[TextChange]
    values: Sequence[ValueChange]
    summary: str


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """What has to change in the first snapshot to get the second."""
    texts = [
        TextChange(label, text_difference(old, new))
        for label, old, new in _texts(before, after)
        if old != new
    ]
    values = [
        *_plain(before, after),
        *_persona(before, after),
        *_things("Tool", _tools(before), _tools(after)),
        *_things("Knowledge base", _bases(before), _bases(after)),
        *_generations(before, after),
    ]
    phrases = [*(_text_phrase(change) for change in texts), *(change.phrase for change in values)]
    summary = ", ".join(phrases)
    return Comparison(texts, values, f"{summary[0].upper()}{summary[1:]}." if summary else NOTHING)


def setting_words(settings: Settings) -> list[tuple[str, str]]:
    """The limits in words."""
    return [(label, _limit(name, getattr(settings, name)) or "–") for name, label in SETTING_WORDS.items()]


def _texts(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, str, str]]:
    yield "Prompt", before.prompt, after.prompt
    yield "Description", before.description, after.description
    if before.persona and after.persona:
        yield "Text of the persona", before.persona.prompt, after.persona.prompt


def _text_phrase(change: TextChange) -> str:
    kinds = {piece.kind for piece in change.difference.pieces}
    label = change.label.lower()
    if len(kinds) == 1:
        return f"{label} {kinds.pop()}"
    counts = (("+", change.difference.added), ("\N{MINUS SIGN}", change.difference.removed))
    words = " ".join(f"{sign}{grouped(count)}" for sign, count in counts if count)
    one = change.difference.added + change.difference.removed == 1
    return f"{label} changed ({words} word{'' if one else 's'})" if words else f"{label} changed"


def _plain(before: Snapshot, after: Snapshot) -> Iterator[ValueChange]:
    for label, name in (("Name", "name"), ("Provider", "provider"), ("Model", "model")):
        yield from _value(label, getattr(before, name) or None, getattr(after, name) or None)
    yield from _value("Temperature", _number(before.temperature), _number(after.temperature))
    yield from _value("Reasoning", before.reasoning_effort, after.reasoning_effort)
    for name, label in SETTING_WORDS.items():
        old, new = (_limit(name, getattr(snapshot.settings, name)) for snapshot in (before, after))
        yield from _value(label, old, new)


def _value(label: str, old: str | None, new: str | None) -> Iterator[ValueChange]:
    if old == new:
        return
    name = label.lower()
    if old is None or new is None:
        phrase = f"{name} {_brief(old or new or '')} {'added' if old is None else 'removed'}"
    else:
        phrase = f"{name} {_brief(old)} → {_brief(new)}"
    yield ValueChange(label, old, new, phrase)


def _persona(before: Snapshot, after: Snapshot) -> Iterator[ValueChange]:
    old, new = before.persona, after.persona
    if old and new and old.name == new.name:
        if old.id != new.id:
            phrase = f"another persona named {_brief(new.name)}"
            yield ValueChange("Persona", old.name, f"{new.name} (another one)", phrase)
        return
    yield from _value("Persona", old.name if old else None, new.name if new else None)


def _things(
    label: str, old: Mapping[UUID, tuple[str, str]], new: Mapping[UUID, tuple[str, str]]
) -> Iterator[ValueChange]:
    """What came, went or changed among things with a name and, for tools, what else is said of them."""
    word = label.lower()
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if was is None and now is not None:
            yield ValueChange(label, None, now[0], f"{word} added: {_brief(now[0])}")
        elif now is None and was is not None:
            yield ValueChange(label, was[0], None, f"{word} removed: {_brief(was[0])}")
        elif was and now:
            same = was[0] == now[0]
            before, after = (f"{name}: {said}" if same else name for name, said in (was, now))
            phrase = f"{word} {'changed' if same else 'renamed'}: {_brief(now[0])}"
            yield ValueChange(label, before, after, phrase)


def _tools(snapshot: Snapshot) -> dict[UUID, tuple[str, str]]:
    return {
        tool.id: (tool.name, f"{tool.approval}. {tool.description} {_json(tool.input_schema)}")
        for tool in snapshot.tools
    }


def _bases(snapshot: Snapshot) -> dict[UUID, tuple[str, str]]:
    return {base.id: (base.name, "") for base in snapshot.knowledge_bases}


def _generations(before: Snapshot, after: Snapshot) -> Iterator[ValueChange]:
    old = {base.id: base.generation_id for base in before.knowledge_bases}
    for base in after.knowledge_bases:
        if old.get(base.id, base.generation_id) != base.generation_id:
            phrase = f"knowledge base {_brief(base.name)} rebuilt"
            yield ValueChange("Knowledge base", base.name, f"{base.name}, another generation", phrase)


def _limit(name: str, value: int | None) -> str | None:
    return None if value is None else f"{grouped(value)}{UNITS.get(name, '')}"


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:g}"


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _brief(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"

"""Two snapshots side by side: texts word by word, everything else value by value, and one sentence about it all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.agents.services.differing import TextDifference, text_difference
from app.agents.snapshot import Settings, Snapshot, SnapshotTool
from app.tools.services.tabular import Argument, arguments_of
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
        *_tools(before, after),
        *_bases(before, after),
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
    yield from _tool_texts(before, after)


def _text_phrase(change: TextChange) -> str:
    kinds = {piece.kind for piece in change.difference.pieces}
    label = _brief(f"{change.label[0].lower()}{change.label[1:]}")
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


def _tools(before: Snapshot, after: Snapshot) -> Iterator[ValueChange]:
    """Tools that came or went, and of those that stayed each thing that differs, whatever else does."""
    old, new = _by_id(before), _by_id(after)
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        if was and now:
            yield from _tool(was, now)
        elif now:
            words = f"{now.name}, approval {now.approval}"
            yield ValueChange("Tool", None, words, f"tool added: {_brief(now.name)}")
        elif was:
            words = f"{was.name}, approval {was.approval}"
            yield ValueChange("Tool", words, None, f"tool removed: {_brief(was.name)}")


def _by_id(snapshot: Snapshot) -> dict[UUID, SnapshotTool]:
    return {tool.id: tool for tool in snapshot.tools}


def _tool(was: SnapshotTool, now: SnapshotTool) -> Iterator[ValueChange]:
    name, label = _brief(now.name), f"Tool {now.name}"
    if was.name != now.name:
        yield ValueChange("Tool", was.name, now.name, f"tool renamed: {_brief(was.name)} → {name}")
    if was.approval != now.approval:
        phrase = f"tool {name}: approval {was.approval} → {now.approval}"
        yield ValueChange(f"{label}, approval", was.approval, now.approval, phrase)
    old, new = ({part.name: part for part in arguments_of(tool.input_schema)[0]} for tool in (was, now))
    for key in [*old, *(key for key in new if key not in old)]:
        for part, before, after, verb in _argument(old.get(key), new.get(key)):
            phrase = f"tool {name}: argument {_brief(key)} {verb}"
            yield ValueChange(f"{label}, argument {key}{part}", before, after, phrase)


def _argument(
    was: Argument | None, now: Argument | None
) -> Iterator[tuple[str, str | None, str | None, str]]:
    """What differs of an argument: which part, the words before and after, and what happened to it."""
    if was is None or now is None:
        words = [
            f"{part.type}, {_need(part)}. {part.description}".strip() if part else None for part in (was, now)
        ]
        yield "", words[0], words[1], "removed" if now is None else "added"
        return
    if was.type != now.type:
        yield ", type", was.type, now.type, f"{was.type} → {now.type}"
    if was.required != now.required:
        yield ", need", _need(was), _need(now), f"now {_need(now)}"
    if was.description != now.description:
        yield ", description", was.description or None, now.description or None, "described otherwise"


def _need(argument: Argument) -> str:
    return "required" if argument.required else "optional"


def _tool_texts(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, str, str]]:
    """What is said of tools that stayed: descriptions, and what their schemas say beside names, types and needs."""
    old = _by_id(before)
    for now in after.tools:
        was = old.get(now.id, now)
        yield f"Description of tool {now.name}", was.description, now.description
        sides = [arguments_of(tool.input_schema) for tool in (was, now)]
        rests = [{part.name: part.rest for part in parts} for parts, _ in sides]
        for key in dict.fromkeys([*rests[0], *rests[1]]):
            yield f"Rules of argument {key} of tool {now.name}", rests[0].get(key, ""), rests[1].get(key, "")
        yield f"Rules of tool {now.name}", sides[0][1], sides[1][1]


def _bases(before: Snapshot, after: Snapshot) -> Iterator[ValueChange]:
    """Knowledge bases that came, went or have another name."""
    old, new = ({base.id: base.name for base in snapshot.knowledge_bases} for snapshot in (before, after))
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        verb = "added" if was is None else "removed" if now is None else "renamed"
        if was != now:
            phrase = f"knowledge base {verb}: {_brief(now or was or '')}"
            yield ValueChange("Knowledge base", was, now, phrase)


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


def _brief(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"

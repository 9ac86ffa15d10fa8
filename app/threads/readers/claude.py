"""Claude's data export: `conversations.json`, an array of objects with `chat_messages`.

Nobody publishes the format. This follows the field reference of whychose.com and what withLinda/
claude-conversation-exporter and Sinity/polylogue read of it: messages with `sender`, `text` and typed blocks in
`content`; newer ones name `parent_message_uuid`, older ones stand in order.
"""

from collections.abc import Mapping
from typing import Any

from app.threads.readers.parsed import Node, ParsedThread, thread
from app.threads.readers.values import (
    RawPart,
    absent,
    attached,
    call,
    citation,
    entries,
    fenced,
    fields,
    identity,
    image,
    kept_as_json,
    line,
    moment,
    outcome,
    text,
    thought,
    written,
)

_IGNORED = {"token_budget", "flag", "compaction"}


def fits(value: Mapping[str, Any]) -> bool:
    """Whether an entry is of this format."""
    return isinstance(value.get("chat_messages"), list)


def read(value: Mapping[str, Any]) -> ParsedThread:
    """A thread out of an entry. Raises Unreadable."""
    messages = [fields(entry) for entry in entries(value.get("chat_messages"))]
    linked = any(text(message.get("parent_message_uuid")) for message in messages)
    nodes: list[Node] = []
    for message in messages:
        before = nodes[-1].id if nodes else None
        parent = text(message.get("parent_message_uuid")) if linked else before
        nodes.append(_node(message, parent, line(value.get("model"))))
    return thread(
        identity(value.get("uuid"), "uuid"),
        line(value.get("name")),
        moment(value.get("created_at"), "created_at"),
        nodes,
        text(value.get("current_leaf_message_uuid")) or None,
    )


def _node(message: Mapping[str, Any], parent: str | None, model: str | None) -> Node:
    id_ = identity(message.get("uuid"), "message uuid")
    role = "user" if text(message.get("sender")) in {"human", "user"} else "assistant"
    parts = _blocks(id_, entries(message.get("content"))) or written(text(message.get("text")))
    created_at = moment(message.get("created_at"), f"created_at of message {id_}")
    return Node(
        id_,
        parent,
        role,
        [*parts, *_attachments(message)],
        created_at,
        model if role == "assistant" else None,
    )


def _blocks(id_: str, blocks: list[Any]) -> list[RawPart]:
    parts: list[RawPart] = []
    called, cited = f"{id_}-0", 0
    for number, block in enumerate(map(fields, blocks), 1):
        kind = text(block.get("type"))
        if kind == "text":
            sources = _sources(block, cited)
            cited += len(sources)
            parts += [*written(text(block.get("text"))), *sources]
        elif kind == "tool_use":
            called = text(block.get("id")) or f"{id_}-{number}"
            parts.append(call(called, block.get("name"), block.get("input")))
        elif kind == "tool_result":
            answered = text(block.get("tool_use_id")) or called
            result = _result(block.get("content"))
            parts.append(outcome(answered, result, failed=block.get("is_error") is True))
        else:
            parts += _other(kind, block)
    return parts


def _other(kind: str, block: Mapping[str, Any]) -> list[RawPart]:
    match kind:
        case "thinking":
            return thought(text(block.get("thinking")), _duration(block))
        case "redacted_thinking":
            return absent("Reasoning")
        case "image":
            return image(fields(block.get("source")).get("url"), block.get("file_name"))
        case "voice_note":
            return written(text(block.get("text")) or text(block.get("title")))
        case _ if kind in _IGNORED or not block:
            return []
    return kept_as_json(block)


def _duration(block: Mapping[str, Any]) -> int | None:
    start = moment(block.get("start_timestamp"), "start_timestamp")
    stop = moment(block.get("stop_timestamp"), "stop_timestamp")
    return int((stop - start).total_seconds() * 1000) if start and stop and stop >= start else None


def _result(content: Any) -> Any:
    """The texts of a result as one; anything else as it is."""
    blocks = [fields(block) for block in entries(content)]
    if blocks and all(block.get("type") == "text" for block in blocks):
        return "\n\n".join(text(block.get("text")) for block in blocks)
    return content


def _sources(block: Mapping[str, Any], cited: int) -> list[RawPart]:
    found: dict[str, Mapping[str, Any]] = {}
    for source in map(fields, entries(block.get("citations"))):
        url = text(source.get("url")) or text(fields(source.get("details")).get("url"))
        if url:
            found.setdefault(url, source)
    return [
        citation(cited + number, source.get("title"), url, source.get("cited_text"))
        for number, (url, source) in enumerate(found.items(), 1)
    ]


def _attachments(message: Mapping[str, Any]) -> list[RawPart]:
    """Attached files: what was read out of them if the export has it, else their names."""
    parts: list[RawPart] = []
    for entry in map(fields, entries(message.get("attachments"))):
        content, name = text(entry.get("extracted_content")), line(entry.get("file_name"))
        if content:
            shown = (name or "unnamed").replace("`", "'")
            parts += written(f"File `{shown}`\n\n{fenced(content)}")
        else:
            parts += attached(name, None, entry.get("file_type"))
    for entry in map(fields, entries(message.get("files"))):
        parts += attached(entry.get("file_name"), None, entry.get("file_kind"))
    return parts

"""LibreChat's export of one thread as JSON; several of them in an array are read as well.

As its own code writes and reads it (`client/src/hooks/Conversations/useExportConversation.ts`,
`api/server/utils/import/importers.js`): `conversationId`, `title`, and `messages` with `parentMessageId`, or
`messagesTree` with `children` in each message.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app.threads.readers.parsed import Node, ParsedThread, thread
from app.threads.readers.values import (
    RawPart,
    attached,
    call,
    count,
    entries,
    failure,
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


def fits(value: Mapping[str, Any]) -> bool:
    """Whether an entry is of this format."""
    return "conversationId" in value and bool({"messages", "messagesTree"} & value.keys())


def read(value: Mapping[str, Any]) -> ParsedThread:
    """A thread out of an entry. Raises Unreadable."""
    options = fields(value.get("options"))
    model = line(options.get("model")) or line(value.get("model"))
    messages = value.get("messagesTree") or value.get("messages")
    return thread(
        identity(value.get("conversationId"), "conversationId"),
        line(value.get("title")),
        moment(value.get("createdAt"), "createdAt"),
        [_node(message, parent, model) for message, parent in _flat(messages)],
        archived=value.get("isArchived") is True,
    )


def _flat(messages: Any) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    """Each message with the id of the one before it; `children` in place of that id count as well."""
    listed = entries(messages) or entries(fields(messages).get("children"))
    waiting: list[tuple[Mapping[str, Any], str | None]] = [
        (fields(message), None) for message in reversed(listed)
    ]
    while waiting:
        message, parent = waiting.pop()
        yield message, text(message.get("parentMessageId")) or parent
        id_ = text(message.get("messageId"))
        waiting += [(fields(child), id_) for child in reversed(entries(message.get("children")))]


def _node(message: Mapping[str, Any], parent: str | None, model: str | None) -> Node:
    id_ = identity(message.get("messageId"), "messageId")
    role = "user" if message.get("isCreatedByUser") is True else "assistant"
    said = text(message.get("text"))
    if message.get("error") is True:
        parts: list[RawPart] = [failure(said)]
    else:
        parts = _blocks(id_, entries(message.get("content"))) or written(said)
    tokens = count(message.get("tokenCount"))
    return Node(
        id_,
        parent,
        role,
        [*parts, *_files(message)],
        moment(message.get("createdAt"), f"createdAt of message {id_}"),
        (line(message.get("model")) or model) if role == "assistant" else None,
        tokens if role == "user" else None,
        tokens if role == "assistant" else None,
    )


def _blocks(id_: str, blocks: list[Any]) -> list[RawPart]:
    parts: list[RawPart] = []
    for number, block in enumerate(map(fields, blocks), 1):
        parts += _block(f"{id_}-{number}", block)
    return parts


def _block(call_id: str, block: Mapping[str, Any]) -> list[RawPart]:
    kind = text(block.get("type"))
    content = block.get(kind)
    match kind:
        case "text":
            return written(_value(content))
        case "think":
            return thought(_value(content))
        case "tool_call":
            return _call(call_id, fields(content))
        case "image_file" | "image_url":
            shown = fields(content)
            return image(shown.get("url") or shown.get("filepath"), shown.get("filename"))
        case "error":
            return [failure(_value(content) or _value(block.get("text")))]
    return kept_as_json(block) if block else []


def _value(content: Any) -> str:
    """A text, or the value of an object that holds one."""
    return text(content) or text(fields(content).get("value"))


def _call(call_id: str, content: Mapping[str, Any]) -> list[RawPart]:
    function = fields(content.get("function"))
    called = text(content.get("id")) or call_id
    arguments = content.get("args") if "args" in content else function.get("arguments")
    result = content.get("output") or function.get("output")
    name = content.get("name") or function.get("name") or content.get("type")
    made = [call(called, name, arguments)]
    return [*made, outcome(called, result)] if result else made


def _files(message: Mapping[str, Any]) -> list[RawPart]:
    parts: list[RawPart] = []
    listed = entries(message.get("files")) + entries(message.get("attachments"))
    for entry in map(fields, listed):
        name, media_type = entry.get("filename"), text(entry.get("type"))
        if media_type.startswith("image/"):
            parts += image(entry.get("filepath"), name)
        elif name:
            parts += attached(name, entry.get("filepath"), media_type, entry.get("bytes"))
    return parts

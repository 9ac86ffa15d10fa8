"""JSON Lines of `{"messages": […]}` as OpenAI's chat API takes and its fine-tuning files hold.

After OpenAI's API reference: `content` is a text or typed parts; `tool_calls`, `refusal` and the roles `developer` and
`tool` occur. A line may say `id`, `title` (or `name`), `model` and `created_at` (or `created`); without `id` its
messages are its identity.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from app.threads.readers.items import Unreadable
from app.threads.readers.parsed import Node, ParsedThread, thread
from app.threads.readers.values import (
    RawPart,
    absent,
    attached,
    call,
    count,
    entries,
    fields,
    identity,
    image,
    kept_as_json,
    line,
    moment,
    outcome,
    plain,
    text,
    thought,
    written,
)

_ROLES = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}


def fits(value: Mapping[str, Any]) -> bool:
    """Whether an entry is of this format."""
    messages = value.get("messages")
    return isinstance(messages, list) and "conversationId" not in value


def read(value: Mapping[str, Any]) -> ParsedThread:
    """A thread out of an entry. Raises Unreadable."""
    nodes: list[Node] = []
    for number, message in enumerate(map(fields, entries(value.get("messages"))), 1):
        before = nodes[-1].id if nodes else None
        nodes.append(_node(number, message, before, line(value.get("model"))))
    return thread(
        _identity(value),
        line(value.get("title")) or line(value.get("name")),
        moment(value.get("created_at") or value.get("created"), "created_at"),
        nodes,
    )


def _identity(value: Mapping[str, Any]) -> str:
    """What tells this thread from others: such ids are often just numbers, so the first message counts as well."""
    messages, given = entries(value.get("messages")), value.get("id") or value.get("external_id")
    if not given:
        return _fingerprint(messages)
    return identity(f"{identity(given, 'id')}:{_fingerprint(messages[:1])[:16]}", "id")


def _fingerprint(messages: list[Any]) -> str:
    return hashlib.sha256(orjson.dumps(plain(messages), option=orjson.OPT_SORT_KEYS)).hexdigest()


def _node(number: int, message: Mapping[str, Any], before: str | None, model: str | None) -> Node:
    role = _ROLES.get(text(message.get("role")))
    if role is None:
        raise Unreadable(
            f"The role of message {number} is none of user, assistant, system, developer and tool."
        )
    usage = fields(message.get("usage"))
    created_at = message.get("created_at") or message.get("created")
    return Node(
        text(message.get("id")) or str(number),
        before,
        role,
        _parts(number, role, message),
        moment(created_at, f"created_at of message {number}"),
        (line(message.get("model")) or model) if role == "assistant" else None,
        count(usage.get("prompt_tokens")),
        count(usage.get("completion_tokens")),
    )


def _parts(number: int, role: str, message: Mapping[str, Any]) -> list[RawPart]:
    content = message.get("content")
    if role == "tool":
        call_id = text(message.get("tool_call_id")) or line(message.get("name")) or f"call-{number}"
        return [outcome(call_id, _joined(content))]
    parts = thought(text(message.get("reasoning_content")) or text(message.get("reasoning")))
    parts += written(text(content))
    for block in map(fields, entries(content)):
        parts += _block(block)
    return [*parts, *written(text(message.get("refusal"))), *_calls(number, message)]


def _joined(content: Any) -> Any:
    """The texts of a tool's answer as one; anything else as it is."""
    blocks = [fields(block) for block in entries(content)]
    if blocks and all(block.get("type") == "text" for block in blocks):
        return "\n".join(text(block.get("text")) for block in blocks)
    return content


def _block(block: Mapping[str, Any]) -> list[RawPart]:
    match text(block.get("type")):
        case "text" | "input_text" | "output_text":
            return written(text(block.get("text")))
        case "image_url" | "input_image":
            address = block.get("image_url")
            return image(fields(address).get("url") or address)
        case "input_audio":
            return absent("Recording", fields(block.get("input_audio")).get("format"))
        case "file" | "input_file":
            stored = fields(block.get("file")) or block
            return attached(stored.get("filename"), stored.get("file_url"))
        case "refusal":
            return written(text(block.get("refusal")))
    return kept_as_json(block) if block else []


def _calls(number: int, message: Mapping[str, Any]) -> list[RawPart]:
    found = []
    for position, made in enumerate(map(fields, entries(message.get("tool_calls"))), 1):
        function = fields(made.get("function")) or fields(made.get("custom"))
        arguments = function.get("arguments") or function.get("input")
        found.append(
            call(text(made.get("id")) or f"call-{number}-{position}", function.get("name"), arguments)
        )
    old = fields(message.get("function_call"))
    if old:
        found.append(call(line(old.get("name")) or f"call-{number}", old.get("name"), old.get("arguments")))
    return found

"""Open WebUI's export of chats: an array of `{id, title, chat: {history: {messages, currentId}}, …}`.

As its own code writes it (`src/lib/utils/index.ts`, `backend/open_webui/models/chats.py`, and the blocks that
`backend/open_webui/utils/middleware.py` writes into the text): messages by id with `parentId`, times in seconds,
reasoning and tool calls as `<details>` in the text of an answer.
"""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.threads.readers.parsed import Node, ParsedThread, thread
from app.threads.readers.values import (
    RawPart,
    attached,
    call,
    citation,
    count,
    entries,
    failure,
    fields,
    identity,
    image,
    line,
    milliseconds,
    moment,
    opened,
    outcome,
    text,
    thought,
    written,
)

_ATTRIBUTE = re.compile(r'([a-z_]{1,30})="([^"]*)"')
_SUMMARY = re.compile(r"\s*<summary>[^<]*</summary>")
_QUOTED = re.compile(r"^> ?", re.MULTILINE)
_OPEN, _CLOSE = "<details", "</details>"
_ROLES = ("user", "assistant", "system", "tool")


def fits(value: Mapping[str, Any]) -> bool:
    """Whether an entry is of this format."""
    chat = fields(value.get("chat"))
    return isinstance(chat.get("history"), dict) or isinstance(chat.get("messages"), list)


def read(value: Mapping[str, Any]) -> ParsedThread:
    """A thread out of an entry. Raises Unreadable."""
    chat = fields(value.get("chat"))
    history = fields(chat.get("history"))
    stored = fields(history.get("messages"))
    if stored:
        nodes = [
            _node(key, fields(message), text(fields(message).get("parentId")))
            for key, message in stored.items()
        ]
    else:
        nodes = list(_in_order(entries(chat.get("messages"))))
    return thread(
        identity(value.get("id") or chat.get("id"), "id"),
        line(value.get("title")) or line(chat.get("title")),
        moment(value.get("created_at") or chat.get("timestamp"), "created_at"),
        nodes,
        text(history.get("currentId")) or None,
        archived=value.get("archived") is True,
        tags=_tags(fields(value.get("meta")).get("tags") or chat.get("tags")),
    )


def _in_order(messages: list[Any]) -> Iterator[Node]:
    """Messages of an old export, which has no tree."""
    before = None
    for number, message in enumerate(map(fields, messages), 1):
        node = _node(text(message.get("id")) or str(number), message, before)
        before = node.id
        yield node


def _node(key: str, message: Mapping[str, Any], parent: str | None) -> Node:
    id_ = identity(key, "message id")
    role = text(message.get("role"))
    usage = {**fields(message.get("info")), **fields(message.get("usage"))}
    content = text(message.get("content"))
    parts = [
        *(_unfolded(id_, content) if role == "assistant" else written(content)),
        *_files(message),
        *_sources(message),
        *_error(message.get("error")),
    ]
    return Node(
        id_,
        parent,
        role if role in _ROLES else "assistant",
        parts,
        moment(message.get("timestamp"), f"timestamp of message {id_}"),
        line(message.get("model")),
        _first(usage, "prompt_tokens", "input_tokens", "prompt_eval_count"),
        _first(usage, "completion_tokens", "output_tokens", "eval_count"),
    )


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    return next((number for name in names if (number := count(usage.get(name))) is not None), None)


def _tags(value: Any) -> tuple[str, ...]:
    names = (line(tag) or line(fields(tag).get("name")) for tag in entries(value))
    return tuple(name for name in names if name)


def _unfolded(id_: str, content: str) -> list[RawPart]:
    """The text of an answer, and what stands folded in it."""
    parts: list[RawPart] = []
    position = 0
    while (start := content.find(_OPEN, position)) >= 0 and (end := content.find(_CLOSE, start)) >= 0:
        tag_end = content.find(">", start, end) + 1
        attributes = {
            name: html.unescape(found) for name, found in _ATTRIBUTE.findall(content, start, tag_end)
        }
        folded = _folded(f"{id_}-{len(parts)}", attributes, content[tag_end:end])
        if folded is None:
            parts += written(content[position : end + len(_CLOSE)].strip())
        else:
            parts += [*written(content[position:start].strip()), *folded]
        position = end + len(_CLOSE)
    return parts + written(content[position:].strip())


def _folded(call_id: str, attributes: Mapping[str, str], body: str) -> list[RawPart] | None:
    """What a disclosure of its own kinds holds; None for any other."""
    summary = _SUMMARY.match(body)
    said = body[summary.end() if summary else 0 :].strip()
    match attributes.get("type"):
        case "reasoning":
            seconds = attributes.get("duration", "")
            duration = milliseconds(int(seconds)) if seconds.isascii() and seconds.isdigit() else None
            return thought(html.unescape(_QUOTED.sub("", said)), duration)
        case "tool_calls":
            called = attributes.get("id") or call_id
            return _call(
                called, attributes.get("name"), attributes.get("arguments"), attributes.get("result")
            )
        case "code_interpreter":
            return _call(call_id, "code_interpreter", said, attributes.get("output"))
    return None


def _call(call_id: str, name: str | None, arguments: str | None, result: str | None) -> list[RawPart]:
    made = [call(call_id, name, _twice(arguments))]
    return [*made, outcome(call_id, _twice(result))] if result else made


def _twice(value: str | None) -> Any:
    """JSON that was written into a JSON text."""
    if value and value.startswith('"'):
        value = fields(opened(f'{{"value":{value}}}')).get("value") or value
    return opened(value)


def _files(message: Mapping[str, Any]) -> list[RawPart]:
    parts: list[RawPart] = []
    for entry in map(fields, entries(message.get("files"))):
        if entry.get("type") == "image":
            parts += image(entry.get("url"), entry.get("name"))
        elif entry:
            stored = fields(fields(entry.get("file")).get("meta"))
            media_type = stored.get("content_type") or entry.get("content_type")
            parts += attached(entry.get("name"), entry.get("url"), media_type, entry.get("size"))
    return parts


def _sources(message: Mapping[str, Any]) -> list[RawPart]:
    """Passages that an answer relies on."""
    parts: list[RawPart] = []
    for entry in map(fields, entries(message.get("sources")) or entries(message.get("citations"))):
        source, facts = fields(entry.get("source")), entries(entry.get("metadata"))
        for position, passage in enumerate(entries(entry.get("document"))):
            about = fields(facts[position]) if position < len(facts) else {}
            url = source.get("url") or about.get("source")
            title = about.get("name") or source.get("name")
            parts.append(citation(len(parts) + 1, title, url, passage))
    return parts


def _error(error: Any) -> list[RawPart]:
    if not error:
        return []
    content = fields(error).get("content") or fields(error).get("detail") or error
    return [failure(content if isinstance(content, str) else "The answer failed")]

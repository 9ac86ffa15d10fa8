"""ChatGPT's data export: `conversations.json`, newer ones in pieces `conversations-000.json`.

Nobody publishes the format. This follows what LibreChat's importer (`api/server/utils/import/importers.js`) and the
field references of mitkury/chatgpt-export-parser, difegam/chatgpt-to-markdown and whychose.com say of it: an array of
objects, each with `mapping`, a tree of nodes by id (`parent`, `message` or null), and `current_node`, its leaf.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.threads.readers.items import Unreadable
from app.threads.readers.parsed import Node, ParsedThread, thread
from app.threads.readers.values import (
    RawPart,
    absent,
    attached,
    call,
    citation,
    entries,
    failure,
    fenced,
    fields,
    identity,
    image,
    kept_as_json,
    line,
    milliseconds,
    moment,
    outcome,
    text,
    thought,
    written,
)

_ROLES = ("user", "assistant", "system", "tool")
_MARKS = re.compile("\ue200[^\ue200\ue201]{0,200}\ue201")  # where its own page puts numbers of citations
_MOST_CITATIONS = 100


def fits(value: Mapping[str, Any]) -> bool:
    """Whether an entry is of this format."""
    return isinstance(value.get("mapping"), dict)


def read(value: Mapping[str, Any]) -> ParsedThread:
    """A thread out of an entry. Raises Unreadable."""
    mapping = {key: fields(node) for key, node in fields(value.get("mapping")).items()}
    said = [fields(node.get("message")).get("id") for node in mapping.values()]
    ids = [id_ for id_ in said if isinstance(id_, str)]
    if len(set(ids)) != len(ids):
        raise Unreadable("Two of its messages have the same id.")
    return thread(
        identity(value.get("conversation_id") or value.get("id"), "conversation_id"),
        line(value.get("title")),
        moment(value.get("create_time"), "create_time"),
        [_node(key, mapping) for key in mapping],
        text(value.get("current_node")) or None,
        archived=value.get("is_archived") is True,
    )


def _node(key: str, mapping: Mapping[str, Mapping[str, Any]]) -> Node:
    node = mapping[key]
    message, parent = fields(node.get("message")), text(node.get("parent")) or None
    identity(key, "message id")
    if not message:
        return Node(key, parent)
    metadata = fields(message.get("metadata"))
    role = text(fields(message.get("author")).get("role"))
    if role == "user" and metadata.get("is_visually_hidden_from_conversation") is True:
        role = "system"
    parts = _parts(key, message, _calling(parent, mapping) if role == "tool" else "")
    return Node(
        key,
        parent,
        role if role in _ROLES else "tool",
        [*parts, *_attachments(metadata, parts), *_citations(metadata, parts)],
        moment(message.get("create_time"), f"create_time of message {key}"),
        line(metadata.get("model_slug")) if role == "assistant" else None,
    )


def _calling(parent: str | None, mapping: Mapping[str, Mapping[str, Any]]) -> str:
    """The id of the message that called the tool whose answer follows `parent`, other answers between them skipped."""
    at = parent
    for _ in range(100):
        node = mapping.get(at or "")
        if node is None:
            break
        if _called(fields(node.get("message"))):
            return at or ""
        at = text(node.get("parent"))
    return parent or "call"


def _called(message: Mapping[str, Any]) -> str | None:
    """The tool that a message of the model is meant for."""
    recipient = line(message.get("recipient"))
    by_model = fields(message.get("author")).get("role") == "assistant"
    return recipient if by_model and recipient != "all" else None


def _parts(key: str, message: Mapping[str, Any], calling: str) -> list[RawPart]:
    content = fields(message.get("content"))
    kind = text(content.get("content_type"))
    tool = _called(message)
    if tool and kind in {"text", "code"}:
        said = text(content.get("text")) or "".join(map(text, entries(content.get("parts"))))
        return [call(key, tool, said)] if said else []
    if fields(message.get("author")).get("role") == "tool" and kind in {"text", "code", *_RESULTS}:
        return _result(content, message, calling)
    return _READERS.get(kind, _unknown)(content, message)


def _result(content: Mapping[str, Any], message: Mapping[str, Any], calling: str) -> list[RawPart]:
    said = (
        text(content.get("text"))
        or text(content.get("result"))
        or text(content.get("summary"))
        or "\n".join(filter(None, map(text, entries(content.get("parts")))))
    )
    ran = fields(fields(message.get("metadata")).get("aggregate_result"))
    failed = bool(ran.get("in_kernel_exception")) or ran.get("status") == "failed_with_in_kernel_exception"
    return [outcome(calling, said, failed=failed)] if said.strip() else []


def _text(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    return written(_MARKS.sub("", "\n\n".join(filter(None, map(text, entries(content.get("parts")))))))


def _multimodal(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    parts: list[RawPart] = []
    for entry in entries(content.get("parts")):
        kind = text(fields(entry).get("content_type"))
        if isinstance(entry, str):
            parts += written(_MARKS.sub("", entry))
        elif kind in {"audio_transcription", "text"}:
            parts += written(text(entry.get("text")))
        elif kind == "image_asset_pointer":
            drawn = fields(fields(entry.get("metadata")).get("dalle"))
            parts += image(entry.get("asset_pointer"), drawn.get("prompt"))
        elif "audio" in kind or "video" in kind:
            parts += absent("Recording", entry.get("format"))
        elif entry:
            parts += kept_as_json(entry)
    return parts


def _code(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    said, language = text(content.get("text")), line(content.get("language"), 30) or ""
    return (
        written(fenced(said, language if language.isalnum() and language != "unknown" else None))
        if said
        else []
    )


def _output(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    said = text(content.get("text")) or text(content.get("result")) or text(content.get("summary"))
    return written(fenced(said)) if said.strip() else []


def _quote(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    passage = text(content.get("text")) or text(content.get("snippet"))
    title = content.get("title") or content.get("domain")
    return [citation(1, title, content.get("url"), passage)] if passage or title else []


def _thoughts(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    parts: list[RawPart] = []
    for entry in map(fields, entries(content.get("thoughts"))):
        summary, body = text(entry.get("summary")).strip(), text(entry.get("content"))
        parts += thought("\n\n".join(filter(None, (f"**{summary}**" if summary else "", body))))
    return parts


def _recap(content: Mapping[str, Any], message: Mapping[str, Any]) -> list[RawPart]:
    seconds = fields(message.get("metadata")).get("finished_duration_sec")
    return thought(text(content.get("content")) or text(content.get("text")), milliseconds(seconds))


def _instructions(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    keys = ("user_profile", "user_instructions", "model_set_context")
    return written("\n\n".join(said for key in keys if (said := text(content.get(key)).strip())))


def _system_error(content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    return [failure(content.get("name") or content.get("text"), content.get("text"))]


def _screen(_content: Mapping[str, Any], _message: Mapping[str, Any]) -> list[RawPart]:
    return absent("Picture of a screen")


def _unknown(content: Mapping[str, Any], message: Mapping[str, Any]) -> list[RawPart]:
    if any(isinstance(entry, str) for entry in entries(content.get("parts"))):
        return _multimodal(content, message)
    said = text(content.get("text"))
    more = any(value for key, value in content.items() if key != "content_type")
    return written(said) or (kept_as_json(content) if more else [])


_RESULTS = ("execution_output", "tether_browsing_display", "tether_browsing_code")
_READERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], list[RawPart]]] = {
    "text": _text,
    "multimodal_text": _multimodal,
    "code": _code,
    "execution_output": _output,
    "tether_browsing_display": _output,
    "tether_browsing_code": _output,
    "tether_quote": _quote,
    "sonic_webpage": _quote,
    "thoughts": _thoughts,
    "reasoning_recap": _recap,
    "user_editable_context": _instructions,
    "model_editable_context": _instructions,
    "system_error": _system_error,
    "computer_output": _screen,
}


def _attachments(metadata: Mapping[str, Any], parts: list[RawPart]) -> list[RawPart]:
    """Files that came with a message; pictures stand among its parts already."""
    shown = any("Image" in text(part.get("text")) or part["kind"] == "image" for part in parts)
    found: list[RawPart] = []
    for entry in map(fields, entries(metadata.get("attachments"))):
        media_type = text(entry.get("mime_type")) or text(entry.get("mimeType"))
        if not (shown and media_type.startswith("image/")):
            found += attached(entry.get("name"), None, media_type)
    return found


def _citations(metadata: Mapping[str, Any], parts: list[RawPart]) -> list[RawPart]:
    """What an answer refers to, each address once, numbered in order."""
    sources = [fields(fields(entry).get("metadata")) for entry in entries(metadata.get("citations"))]
    for reference in map(fields, entries(metadata.get("content_references"))):
        sources += [reference, *map(fields, entries(reference.get("items")))]
    found: dict[str, Mapping[str, Any]] = {}
    for source in sources:
        url = text(source.get("url"))
        if url and parts and source.get("title"):
            found.setdefault(url, source)
    return [
        citation(number, source.get("title"), url, source.get("text") or source.get("snippet"))
        for number, (url, source) in enumerate(list(found.items())[:_MOST_CITATIONS], 1)
    ]

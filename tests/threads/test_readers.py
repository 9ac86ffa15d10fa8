"""Each format, read from a small export with every kind of content it knows."""

from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import pytest

from app.threads.parts import text_content
from app.threads.readers.formats import FORMATS, read_export

EXPORTS = Path(__file__).parent / "exports"
FILES = {
    "chatgpt.json": "chatgpt",
    "claude.json": "claude",
    "open_webui.json": "open-webui",
    "librechat.json": "librechat",
    "librechat_tree.json": "librechat",
    "openai.jsonl": "openai",
}


def threads(name, as_format=None):
    with (EXPORTS / name).open("rb") as file:
        return list(read_export(file, as_format))


def said(message):
    """Return the parts of a message, each with what matters about it."""
    return [part.model_dump(exclude_none=True) for part in message.parts]


def line(thread, branch=0):
    return [message for message in thread.messages if message.branch == branch]


@pytest.mark.parametrize(("file", "name"), FILES.items())
def test_the_format_is_known_by_its_content(file, name):
    assert [thread.external_id for thread in threads(file)] == [
        thread.external_id for thread in threads(file, name)
    ]


@pytest.mark.parametrize(("file", "name"), FILES.items())
def test_another_format_refuses_each_entry(file, name):
    other = next(key for key in FORMATS if key != name)
    label = FORMATS[other].label
    assert {refused.reason for refused in threads(file, other)} == {f"It is not of the format {label}."}


@pytest.mark.parametrize("file", FILES)
def test_every_line_is_in_order_of_time(file):
    for thread in threads(file):
        for branch in {message.branch for message in thread.messages}:
            times = [message.created_at for message in line(thread, branch)]
            assert times == sorted(times)


def test_chatgpt_follows_the_current_branch():
    thread = threads("chatgpt.json")[0]
    assert thread.name == "Refund rules in two countries"
    assert thread.created_at == datetime(2025, 1, 7, 0, 23, 20, 125000, UTC)
    assert [message.external_id for message in line(thread)] == [
        *("ctx", "q1", "t1", "recap", "call", "page", "quote", "py", "out", "oops", "code", "a1", "new")
    ]


def test_chatgpt_keeps_other_branches_where_they_part():
    thread = threads("chatgpt.json")[0]
    assert [(message.external_id, message.parent) for message in line(thread, 1)] == [
        ("q1-old", "ctx"),
        ("a1-old", None),
    ]


def test_chatgpt_contents():
    messages = {message.external_id: message for message in threads("chatgpt.json")[0].messages}
    assert (messages["ctx"].role, text_content(messages["ctx"].parts)) == (
        "system",
        "I sell bicycles.\n\nAnswer briefly.",
    )
    assert [part["text"] for part in said(messages["q1"])] == [
        "Image that was not part of the import",
        "Spoken: it is about a bicycle.",
        "Recording that was not part of the import: `wav`",
        "What are the refund rules in Germany and Austria?",
        "File that was not part of the import: `terms.pdf, application/pdf`",
    ]
    assert said(messages["t1"]) == [
        {"kind": "reasoning", "text": "**Comparing two laws**\n\nBoth follow the directive."}
    ]
    assert said(messages["recap"])[0]["duration_ms"] == 8000
    assert said(messages["call"])[0]["arguments"] == {"query": "refund rules Austria"}
    assert said(messages["page"])[0]["call_id"] == said(messages["call"])[0]["call_id"]
    assert said(messages["quote"])[0]["title"] == "Refunds"
    assert said(messages["out"]) == [
        {"kind": "tool_result", "call_id": "py", "status": "succeeded", "result": "14"}
    ]
    assert said(messages["oops"])[0]["message"] == "ChatGPTAgentToolException"
    assert said(messages["code"])[0]["text"] == "```python\ndays = 14\n```"
    assert said(messages["a1"])[0]["text"] == "Fourteen days in both countries ."
    assert [part.get("url") for part in said(messages["a1"])[1:]] == [
        "https://example.com/refunds",
        "https://example.com/at",
    ]
    assert "hologram_of_2027" in said(messages["new"])[0]["text"]
    assert messages["a1"].model == "o3"


def test_chatgpt_without_a_title_and_archived():
    thread = threads("chatgpt.json")[1]
    assert (thread.name, thread.archived) == (None, True)
    assert [message.external_id for message in line(thread)] == ["u", "a"]
    assert [(message.external_id, message.parent) for message in line(thread, 1)] == [("b", "u")]


def test_claude_contents():
    thread = threads("claude.json")[0]
    question, answer = line(thread)
    assert [part["text"] for part in said(question)] == [
        "Write the letter.",
        "File `terms.txt`\n\n```\nFourteen days.\n```",
        "File that was not part of the import: `photo.heic, heic`",
        "File that was not part of the import: `receipt.pdf`",
    ]
    assert [part["kind"] for part in said(answer)] == [
        *("reasoning", "tool_call", "tool_result", "tool_call", "tool_result", "text", "citation", "text")
    ]
    assert said(answer)[0]["duration_ms"] == 2500
    assert said(answer)[2]["call_id"] == said(answer)[1]["call_id"]
    assert (said(answer)[4]["status"], said(answer)[4]["result"]) == ("failed", "Division by zero")
    assert [(message.external_id, message.parent) for message in line(thread, 1)] == [("m2b", "m1")]


def test_claude_of_old_stands_in_order():
    thread = threads("claude.json")[1]
    assert (thread.name, [message.external_id for message in line(thread)]) == (None, ["o1", "o2"])


def test_open_webui_contents():
    thread = threads("open_webui.json")[0]
    question, answer = line(thread)
    assert (thread.archived, thread.tags) == (True, ("bicycles", "maths"))
    assert [part["kind"] for part in said(question)] == ["text", "text", "image", "text"]
    assert [part["kind"] for part in said(answer)] == [
        *("reasoning", "tool_call", "tool_result", "text", "tool_call", "tool_result", "citation", "citation")
    ]
    assert said(answer)[0] == {"kind": "reasoning", "text": "Teeth divided > by teeth.", "duration_ms": 5000}
    assert said(answer)[1]["arguments"] == {"word": "ratio"}
    assert said(answer)[2]["result"] == "42 to 16"
    assert "<details><summary>More</summary>Own words.</details>" in said(answer)[3]["text"]
    assert (answer.model, answer.input_tokens, answer.output_tokens) == ("llama3.2:latest", 11, 22)
    assert said(line(thread, 1)[0]) == [{"kind": "error", "message": "Connection refused"}]


def test_open_webui_without_a_tree():
    thread = threads("open_webui.json")[1]
    assert [text_content(message.parts) for message in thread.messages] == ["Hello", "Hi <details> unclosed"]


def test_librechat_contents():
    thread = threads("librechat.json")[0]
    question, error = line(thread)
    assert [part["text"] for part in said(question)][1:] == [
        "Image that was not part of the import: `brake.png`",
        "File that was not part of the import: `list.csv, text/csv`",
    ]
    assert said(error)[0]["kind"] == "error"
    answer = line(thread, 1)[0]
    assert [part["kind"] for part in said(answer)] == [
        *("reasoning", "text", "tool_call", "tool_result", "image", "text")
    ]
    assert (answer.parent, answer.model, answer.output_tokens) == ("l1", "gpt-4o", 25)


def test_librechat_as_a_tree():
    thread = threads("librechat_tree.json")[0]
    assert [message.external_id for message in line(thread)] == ["r1", "r3", "r4"]
    assert [(message.external_id, message.parent) for message in line(thread, 1)] == [("r2", "r1")]


def test_openai_contents():
    first, refusing, old = threads("openai.jsonl")
    assert [message.role for message in first.messages] == [
        *("system", "user", "assistant", "tool", "assistant")
    ]
    assert [part["kind"] for part in said(first.messages[1])] == ["text", "image", "text", "text"]
    assert said(first.messages[2])[0]["arguments"] == {"size": 28}
    assert said(first.messages[3])[0] == {
        "kind": "tool_result",
        "call_id": "call_1",
        "status": "succeeded",
        "result": "3 left",
    }
    assert first.messages[2].input_tokens == 30
    assert text_content(refusing.messages[2].parts) == "I cannot help with that."
    assert said(old.messages[1])[0]["call_id"] == said(old.messages[2])[0]["call_id"]
    assert len(refusing.external_id) == 64


def test_an_archive_is_read_as_it_was_downloaded(tmp_path):
    with ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("chat.html", "<html></html>")
        archive.writestr("export/conversations-001.json", (EXPORTS / "claude.json").read_bytes())
        archive.writestr("export/conversations-000.json", b'[{"uuid": "x", "chat_messages": []}]')
        archive.writestr("users.json", b"[]")
    with (tmp_path / "export.zip").open("rb") as file:
        refused, *found = read_export(file)
    assert (refused.place, refused.reason) == (
        "export/conversations-000.json, item 1",
        "It holds no messages.",
    )
    assert [thread.name for thread in found] == ["Refund letter", None]

"""Bad input: each fault gets a sentence and its place, and everything around it is read."""

import io
import json
import random
import struct
import subprocess
import sys
import zlib
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from app.threads.readers import archive, items
from app.threads.readers.formats import read_export
from app.threads.readers.items import Refused
from tests.support.web import ROOT
from tests.threads.test_readers import EXPORTS, FILES

MIB = 1024 * 1024


def read(content, as_format=None):
    return list(read_export(io.BytesIO(content), as_format))


def claude(id_="t", said="Hello", **more):
    """Return an entry of Claude's export with one message."""
    message = {"uuid": "m1", "sender": "human", "text": said, "created_at": "2026-01-01T00:00:00Z"}
    return {"uuid": id_, "name": "Greeting", "chat_messages": [message], **more}


def broken(entry, between=b","):
    """Return an export whose second of three entries is `entry`, as bytes, and what is read of it."""
    first, last = (json.dumps(claude(id_)).encode() for id_ in ("first", "last"))
    return read(b"[" + first + between + entry + between + last + b"]")


def only_fault(found):
    """Return the one refusal, sure that the entries around it were read."""
    refused = [entry for entry in found if isinstance(entry, Refused)]
    threads = [entry.external_id for entry in found if not isinstance(entry, Refused)]
    assert threads == ["first", "last"]
    assert len(refused) == 1, refused
    return refused[0]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (b'{"uuid": "a\xff", "chat_messages": []}', "not UTF-8 (the first is byte 12 of it)"),
        (b'{"uuid": "a\\u0000", "chat_messages": []}', "a NUL character"),
        (b'{"uuid": "a\0", "chat_messages": []}', "a NUL byte"),
        (b'{"uuid": "\\ud800", "chat_messages": []}', "half of a character"),
        (b'{"uuid": NaN, "chat_messages": []}', "NaN or Infinity"),
        (b'{"uuid": "a", "number": -Infinity}', "NaN or Infinity"),
        (b'{"uuid": "a", "number": [1, Infinity]}', "NaN or Infinity"),
        (b'{"uuid": "a", chat_messages: []}', "not valid JSON"),
        (b'{"uuid": "a" "chat_messages": []}', "not valid JSON"),
        (b'{"a":' * 2000 + b"1" + b"}" * 2000, "nested too deeply"),
        (b'{"uuid": "a", "n": [' + b"1," * 1_000_001 + b"1]}", "more than 1,000,000 values"),
        (b"[1]", "not a JSON object"),
        (b'"text"', "no JSON object stands here"),
        (b"12", "no JSON object stands here"),
        (b'{"uuid": "a", "chat_messages": []}', "holds no messages"),
        (b'{"uuid": "", "chat_messages": []}', "has no uuid"),
        (b'{"uuid": "%s", "chat_messages": []}' % (b"a" * 300), "longer than 255"),
        (b'{"mapping": {}, "id": "a"}', "not of the format Claude data export"),
    ],
)
def test_a_broken_entry_leaves_the_others_readable(entry, reason):
    refused = only_fault(broken(entry))
    assert reason in refused.reason
    assert refused.place in {"item 2", "after item 1"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"created_at": "9999-01-01T00:00:00Z"}, "created_at is not between 1970 and 2100: 9999"),
        ({"created_at": "1969-12-31"}, "not between 1970 and 2100"),
        ({"created_at": "9999-12-31T23:59:59-23:59"}, "created_at is no"),
        ({"created_at": "yesterday"}, "created_at is no date: yesterday."),
        ({"created_at": 1e300}, "not between 1970 and 2100"),
        ({"created_at": -5}, "not between 1970 and 2100"),
        ({"created_at": True}, "created_at is no date"),
        ({"created_at": {"a": 1}}, "created_at is no date"),
    ],
)
def test_dates_out_of_range(changes, reason):
    assert reason in only_fault(broken(json.dumps(claude(**changes)).encode())).reason


def test_a_date_out_of_range_in_a_message():
    entry = claude()
    entry["chat_messages"][0]["created_at"] = "0001-01-01T00:00:00Z"
    refused = only_fault(broken(json.dumps(entry).encode()))
    assert refused.reason.startswith("created_at of message m1 is not between 1970 and 2100")


def test_the_same_id_twice():
    found = broken(json.dumps(claude("first", "Something else")).encode())
    assert only_fault(found).reason == "An entry before it has the same id, first."


def test_two_messages_with_the_same_id():
    entry = claude()
    entry["chat_messages"] *= 2
    assert only_fault(broken(json.dumps(entry).encode())).reason == "Two of its messages have the same id."


def test_a_circle_in_the_tree():
    nodes = {
        name: {
            "parent": parent,
            "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": [name]}},
        }
        for name, parent in {"a": None, "b": "d", "c": "b", "d": "c"}.items()
    }
    refused, ok = read(
        json.dumps(
            [
                {"conversation_id": "x", "mapping": nodes, "current_node": "a"},
                {"conversation_id": "y", "mapping": {"a": nodes["a"]}, "current_node": "gone"},
            ]
        ).encode()
    )
    assert refused == Refused("item 1", "Its messages follow each other in a circle.")
    assert [message.external_id for message in ok.messages] == ["a"]


def test_a_message_that_points_at_itself():
    messages = [{"messageId": "a", "parentMessageId": "a", "text": "Hello"}]
    refused = read(json.dumps({"conversationId": "x", "messages": messages}).encode())
    assert refused == [Refused("line 1", "Its messages follow each other in a circle.")]


def test_a_text_longer_than_a_part():
    assert (
        "Message m1 cannot be stored: 0.text.text"
        in only_fault(broken(json.dumps(claude(said="a" * 2_000_001)).encode())).reason
    )


def test_arguments_nested_too_deeply():
    arguments = "[" * 100 + "]" * 100
    calls = [{"id": "c", "function": {"name": "f", "arguments": arguments}}]
    line = {"messages": [{"role": "assistant", "content": None, "tool_calls": calls}]}
    assert read(json.dumps(line).encode()) == [Refused("line 1", "It is nested too deeply.")]


def test_a_nul_hidden_in_arguments():
    calls = [{"id": "c", "function": {"name": "f", "arguments": '{"a": "\\u0000"}'}}]
    line = {"messages": [{"role": "assistant", "content": None, "tool_calls": calls}]}
    assert "NUL" in read(json.dumps(line).encode())[0].reason


def test_a_message_of_100_megabytes():
    found = broken(b'{"uuid": "a", "text": "' + b"a" * (100 * MIB) + b'"}')
    assert only_fault(found).reason == items.TOO_LARGE
    long = b'{"messages": "' + b"a" * (100 * MIB) + b'"}\n'
    lines = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode() + b"\n"
    found = read(lines + long + lines)
    assert found[1] == Refused("line 2", items.TOO_LARGE)


def test_a_truncated_file():
    content = json.dumps([claude("first"), claude("second")]).encode()
    for end in (len(content) - 2, len(content) - 40):
        first, cut = read(content[:end])
        assert (first.external_id, cut) == ("first", Refused("item 2", items.INCOMPLETE))
    *found, cut = read(content[:-1])
    assert len(found) == 2
    assert cut == Refused("after item 2", "The file ends before its list does: it is incomplete.")


def test_truncated_lines():
    line = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
    assert read(line + b"\n" + line[:20])[1] == Refused("line 2", items.INCOMPLETE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty."),
        (b" \n\t ", "The file is empty."),
        (b"<!DOCTYPE html><html></html>", "This is an HTML page, not JSON."),
        (b"\n  <html>", "This is an HTML page, not JSON."),
        (b"%PDF-1.7", "This is neither JSON nor a ZIP archive."),
        (b"\x89PNG\r\n\x1a\n", "This is neither JSON nor a ZIP archive."),
        (b"id,title\n1,Hello", "This is neither JSON nor a ZIP archive."),
        ('[{"uuid": "a"}]'.encode("utf-16"), "The file is UTF-16."),
        (b"PK\x03\x04" + b"\0" * 100, "The ZIP archive is damaged."),
    ],
)
def test_a_wrong_kind_of_file(content, reason):
    (refused,) = read(content)
    assert refused.place == "the file"
    assert refused.reason.startswith(reason)


def test_a_byte_order_mark_is_no_fault():
    assert read(b"\xef\xbb\xbf \n" + json.dumps([claude()]).encode())[0].external_id == "t"


def test_json_of_another_kind():
    found = read(json.dumps([{"name": "Ana"}] * 1000).encode())
    assert len(found) == 20
    assert found[0] == Refused("item 1", "It is of no known format.")
    assert found[-1].reason == "The first 20 entries are of no known format, so the file was not read on."


def test_a_bracket_too_many_does_not_hide_what_follows():
    assert only_fault(broken(b'{"uuid": "a"}}')).reason == "It is not of the format Claude data export."


def test_a_bracket_too_few_takes_the_rest_along():
    first, entry, end = broken(b'{"uuid": "a", "chat_messages": [}')
    assert (first.external_id, entry.place, end.place) == ("first", "item 2", "after item 2")
    assert entry.reason.startswith("It is not valid JSON")
    assert "incomplete" in end.reason


def zipped(path, **files):
    with ZipFile(path, "w", ZIP_DEFLATED) as archive_:
        for name, content in files.items():
            archive_.writestr(f"{name}.json", content)
    return path.read_bytes()


def test_an_archive_without_threads(tmp_path):
    content = zipped(tmp_path / "a.zip", users="[]", projects="[]")
    assert read(content) == [
        Refused("the file", "The ZIP archive holds no conversations.json.", of_file=True)
    ]


def test_an_archive_that_unpacks_to_too_much(tmp_path):
    bomb = b"[" + json.dumps(claude()).encode() + b" " * (80 * MIB)
    first, refused = read(zipped(tmp_path / "a.zip", conversations=bomb))
    assert first.external_id == "t"
    assert refused == Refused(
        "conversations.json",
        "The ZIP archive unpacks to more than 100 times its size and was not read on.",
        of_file=True,
    )


def test_an_archive_with_a_huge_directory(tmp_path):
    content = bytearray(zipped(tmp_path / "a.zip", conversations="[]"))
    struct.pack_into("<L", content, content.rfind(b"PK\x05\x06") + 12, archive.LARGEST_DIRECTORY + 1)
    assert "holds too many files" in read(bytes(content))[0].reason


def test_a_damaged_archive(tmp_path):
    content = bytearray(
        zipped(tmp_path / "a.zip", conversations=json.dumps([claude(str(n)) for n in range(500)]))
    )
    content[200] ^= 0xFF
    assert read(bytes(content))[-1].reason == "The ZIP archive is damaged."


def test_a_locked_archive(tmp_path):
    content = bytearray(zipped(tmp_path / "a.zip", conversations="[]"))
    content[6] |= 1
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    assert read(bytes(content))[0].reason.startswith("The ZIP archive is locked")


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64])
def test_entries_are_found_however_the_file_arrives(monkeypatch, chunk):
    content = (EXPORTS / "chatgpt.json").read_bytes() + b'\n[{"a": "\\\\"}, {"b": "\\""}]'
    whole = list(items.read_items(io.BufferedReader(io.BytesIO(content))))
    monkeypatch.setattr(items, "CHUNK", chunk)
    assert list(items.read_items(io.BufferedReader(io.BytesIO(content)))) == whole
    assert [item.value for item in whole[2:]] == [{"a": "\\"}, {"b": '"'}]


@pytest.mark.parametrize("file", FILES)
def test_no_mutation_is_more_than_a_refusal(file):
    """Change bytes at random: everything that comes out is a thread or a sentence, whatever was hit."""
    original = (EXPORTS / file).read_bytes()
    source = random.Random(zlib.crc32(file.encode()))
    for _ in range(300):
        content = bytearray(original)
        for _ in range(source.randint(1, 8)):
            at = source.randrange(len(content))
            match source.randrange(4):
                case 0:
                    content[at] = source.randrange(256)
                case 1:
                    del content[at : at + source.randrange(40)]
                case 2:
                    content[at:at] = source.choice([b"null", b"[", b"{", b'"', b"\\u0000", b"-1e9", b"}]"])
                case 3:
                    content[at:at] = content[source.randrange(len(content)) :][: source.randrange(60)]
        for entry in read(bytes(content)):
            assert entry.reason if isinstance(entry, Refused) else entry.messages


VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    1e300,
    "",
    "x",
    "2026-01-01",
    [],
    [1],
    [[]],
    {},
    {"type": "text"},
    {"a": {}},
]


def _replaced(value, source, chance):
    """Return a copy of a JSON value in which some values are others."""
    if source.random() < chance:
        return source.choice(VALUES)
    if isinstance(value, dict):
        return {key: _replaced(entry, source, chance) for key, entry in value.items()}
    return [_replaced(entry, source, chance) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("file", FILES)
def test_no_value_of_another_type_is_more_than_a_refusal(file):
    content = (EXPORTS / file).read_text(encoding="utf-8")
    whole = (
        [json.loads(line) for line in content.splitlines() if line]
        if file.endswith("l")
        else json.loads(content)
    )
    whole = whole if isinstance(whole, list) else [whole]
    source = random.Random(zlib.crc32(file.encode()))
    for _ in range(400):
        entries = [_replaced(entry, source, 0.02) for entry in whole]
        for entry in read(json.dumps(entries).encode(), FILES[file]):
            assert entry.reason if isinstance(entry, Refused) else entry.messages


MEASURE = """
import resource, sys
from app.threads.readers.formats import read_export
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as file:
    found = [type(entry).__name__ for entry in read_export(file)]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(found.count("ParsedThread"), found.count("Refused"), (after - before) // 1024)
"""


def test_memory_does_not_grow_with_the_file(tmp_path):
    """300 MB of threads, one message of 100 MB among them: at most 100 MB more than at the start."""
    path = tmp_path / "large.json"
    said = "Gärten und Fahrräder \U0001f6b2 " * 2000
    with path.open("wb") as file:
        file.write(b"[")
        for number in range(4000):
            file.write(json.dumps(claude(str(number), said), ensure_ascii=False).encode() + b",\n")
            if number == 2000:
                file.write(b'{"uuid": "huge", "text": "')
                for _ in range(100):
                    file.write(b"a" * MIB)
                file.write(b'"},')
        file.write(json.dumps(claude("last")).encode() + b"]")
    assert path.stat().st_size > 300 * MIB
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    threads, refused, grown = map(int, ran.stdout.split())
    assert (threads, refused) == (4001, 1)
    assert grown < 100, f"{grown} MB"

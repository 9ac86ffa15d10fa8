"""Entries of an export beyond what can be stored, or looked at while somebody waits: the others are imported."""

import io
import json
import random
from datetime import UTC, datetime, timedelta
from threading import Timer
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile

import psycopg
import pytest

from app.threads.models import Message, Thread
from app.threads.readers import formats, parsed
from app.threads.readers.archive import TooFar
from app.threads.readers.formats import first_of, read_export
from app.threads.readers.items import Refused
from app.threads.repo import imports
from app.threads.services import importing
from app.threads.services.importing import Destination, Written
from app.threads.services.uploads import BEGINNING, problem_with
from tests.factories.rows import rows
from tests.support.postgres import in_database
from tests.support.queries import queries
from tests.threads.test_importing import chatgpt, do_import, lines


@pytest.fixture
def to(ana):
    return Destination(ana.id, None, "export.json")


def said(*texts, **more):
    """Return the line of a thread in which a person says these texts."""
    return json.dumps({"messages": [{"role": "user", "content": text, **more} for text in texts]}).encode()


@pytest.mark.parametrize("offset", ["+20:00", "-23:59", "+00:00:30"])
def test_a_zone_that_the_database_does_not_know_is_no_fault(inside, org, to, offset):
    written, refused = do_import(org, to, said("Hello", created_at=f"2024-01-02T00:00:00{offset}"))
    assert (written, refused) == (Written(added=1, messages=1), [])
    (message,) = rows(Message, org_id=org.id)
    assert message.created_at == datetime.fromisoformat(f"2024-01-02T00:00:00{offset}")
    assert abs(message.created_at - datetime(2024, 1, 2, tzinfo=UTC)) < timedelta(days=1)


def test_an_entry_of_too_many_messages_is_left_out_and_the_next_one_is_not(inside, org, to, monkeypatch):
    monkeypatch.setattr(parsed, "MOST_MESSAGES", 3)
    file = b"\n".join([said("a", "b", "c", "d"), said("e", "f", "g")])
    written, refused = do_import(org, to, file)
    assert written == Written(added=1, messages=3)
    assert [(one.place, one.reason) for one in refused] == [("line 1", "It holds more than 3 messages.")]


def test_many_messages_of_a_thread_are_stored_by_several_statements(inside, org, to, monkeypatch):
    monkeypatch.setattr(imports, "AT_ONCE", 2)
    tree = {"a": None, "b": "a", "c": "b", "d": "c", "e": "b"}
    with queries() as statements:
        do_import(org, to, json.dumps(chatgpt(tree, "d")).encode())
    assert len([one for one in statements if one.startswith("INSERT INTO messages")]) == 3
    (thread,) = rows(Thread, org_id=org.id)
    assert (thread.message_count, lines(thread)) == (
        5,
        {0: [("a", None), ("b", None), ("c", None), ("d", None)], 1: [("e", "b")]},
    )
    do_import(org, to, json.dumps(chatgpt(tree, "e")).encode())
    assert lines(thread) == {
        0: [("a", None), ("b", None), ("e", None)],
        1: [("c", "b"), ("d", None)],
    }


def test_a_thread_with_no_room_for_more_branches_stays_and_the_next_one_is_stored(
    inside, org, to, state, monkeypatch
):
    for place in (parsed, importing):
        monkeypatch.setattr(place, "MOST_BRANCHES", 3)
    do_import(org, to, json.dumps(chatgpt({"a": None, "b": "a", "c": "a", "d": "a"}, "b")).encode())
    before = lines(rows(Thread, org_id=org.id)[0])
    later = chatgpt({"a": None, "x": "a", "y": "a", "z": "a"}, "x")
    other = chatgpt({"m": None}, "m")[0] | {"conversation_id": "other"}
    written, refused = do_import(org, to, json.dumps([*later, other]).encode())
    assert (written, refused) == (Written(added=1, unchanged=1, messages=1), [])
    (thread,) = rows(Thread, org_id=org.id, external_id="x")
    assert lines(thread) == before


def test_an_id_that_the_reader_no_longer_remembers_is_stored_once(inside, org, to, monkeypatch):
    monkeypatch.setattr(formats, "MOST_REMEMBERED", 1)
    texts = ["a", "b", "c", "b", "a", "c"]
    written, refused = do_import(org, to, b"\n".join(map(said, texts)))
    assert (written, len(refused)) == (Written(added=3, unchanged=2, messages=3), 1)
    assert len(rows(Message, org_id=org.id)) == 3


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    taken = 0

    def read(self, size=-1):
        found = super().read(size)
        self.taken += len(found)
        return found


def blank(size):
    """Return a list of nothing but spaces."""
    return b"[" + b" " * size + b"]"


def test_only_the_beginning_of_a_file_is_looked_through_while_somebody_waits():
    file = Counted(blank(4 * BEGINNING))
    assert problem_with(file, None) is None
    assert file.taken < 1.2 * BEGINNING
    assert problem_with(io.BytesIO(blank(1000)), None) == "The file holds no threads."


def test_the_beginning_of_an_archive_is_what_its_files_unpack_to():
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"conversations-{number}.json", blank(BEGINNING // 2))
    assert len(packed.getvalue()) < BEGINNING // 100
    packed.seek(0)
    with pytest.raises(TooFar):
        first_of(packed, None, BEGINNING)
    assert problem_with(packed, None) is None
    packed.seek(0)
    assert list(read_export(packed)) == []


def test_an_import_waits_for_the_batches_of_several_others(inside, org, to, connection, cluster, worker_id):
    connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
    with psycopg.connect(in_database(cluster, f"agentpress_{worker_id}")) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"import {org.id}",))
        timer = Timer(1, other.rollback)
        timer.start()
        written, _ = do_import(org, to, said("Hello"))
        timer.join()
    assert written == Written(added=1, messages=1)


@pytest.mark.parametrize("packing", [ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2])
def test_no_damage_to_an_archive_is_more_than_a_refusal(packing):
    packed = io.BytesIO()
    with ZipFile(packed, "w", packing) as archive:
        archive.writestr("conversations.json", json.dumps(chatgpt({"a": None, "b": "a"}, "b")))
        archive.writestr("ü/conversations-1.json", b"[]")
    dice = random.Random(packing)
    for _ in range(400):
        damaged = bytearray(packed.getvalue())
        for _ in range(dice.randint(1, 3)):
            damaged[dice.randrange(len(damaged))] = dice.choice([0, 255, dice.randrange(256)])
        found = list(read_export(io.BytesIO(damaged)))
        assert all(isinstance(one, Refused | parsed.ParsedThread) for one in found)

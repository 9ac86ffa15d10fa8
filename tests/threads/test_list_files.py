"""Threads as files: the list's rows, and whole threads with their messages."""

import csv
import io
import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.db.engine import FILES_AT_ONCE
from app.db.rows import IN_PARTS
from app.web import export
from tests.factories import agents, orgs, threads
from tests.factories.rows import rows
from tests.support.queries import queries

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PARSE = {
    "csv": lambda data: list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))),
    "json": json.loads,
    "ndjson": lambda data: [json.loads(line) for line in data.splitlines()],
}


@pytest.fixture
def client(new_client, ana):
    return new_client(ana)


def read(client, path, kind):
    answer = client.get(path)
    assert answer.status_code == 200, path
    return PARSE[kind](answer.data)


@pytest.fixture
def held(org, ana):
    """Twenty-five threads with messages that a filter lets through, newest first, and others that it does not."""
    agent = agents.agent(org, name="=Agent")
    wanted = []
    for number in range(25):
        at = NOW - timedelta(hours=number)
        thread = threads.thread(org, ana, name=f"Alpha {number}", agent_id=agent.id, last_message_at=at)
        for step in range(number % 4):
            threads.message(thread, f"{number} says {step}", created_at=at - timedelta(minutes=9 - step))
        wanted.append(threads.fresh(thread))
    threads.thread(org, ana, name="Beta")
    threads.thread(org, ana, name="Alpha archived", archived=True)
    threads.message(threads.thread(org, orgs.member(org), name="Alpha private"), "hidden words")
    threads.message(threads.thread(orgs.org(), name="Alpha foreign", origin="api"), "hidden words")
    return wanted


@pytest.mark.parametrize("rows_a_part", [1, 500])
@pytest.mark.parametrize("kind", ["csv", "json", "ndjson"])
def test_ex_1_a_file_holds_the_filtered_list(client, held, monkeypatch, kind, rows_a_part):
    monkeypatch.setitem(IN_PARTS, "yield_per", rows_a_part)
    found = read(client, f"/o/acme/threads.{kind}?q=alpha&per=20", kind)
    assert [row["id"] for row in found] == [str(thread.id) for thread in held]
    assert list(found[0]) == [
        *("id", "status", "name", "agent_id", "agent_name", "user_id", "user_name", "external_user"),
        *("message_count", "error_count", "last_message_at"),
    ]
    event = rows(AuditEvent)[-1]
    assert (event.action, event.after) == ("thread.export", {"format": kind, "query": "q=alpha&per=20"})


def test_ex_1_cells_are_harmless_and_numbers_stay_numbers(client, org, ana):
    agent = agents.agent(org, name="+1")
    threads.thread(org, ana, name="=1+1", agent_id=agent.id, tags=["@x", "b"], cost_micros=-5)
    (row,) = read(client, "/o/acme/threads.csv?cols=name,agent,cost,tags", "csv")
    assert (row["name"], row["agent_name"], row["tags"], row["cost_micros"]) == (
        "'=1+1",
        "'+1",
        "'@x, b",
        "-5",
    )
    (row,) = read(client, "/o/acme/threads.json?cols=name,tags", "json")
    assert (row["name"], row["tags"]) == ("=1+1", ["@x", "b"])


def test_ex_1_lines_are_compact_and_moments_have_their_offset(client, org, ana):
    at = datetime(2026, 11, 20, 12, 0, 59, 250000, tzinfo=UTC)
    name = 'Tab\t, "quotes", \\, é and 🦊'
    thread = threads.thread(org, ana, name=name, created_at=at, tags=["x", "y"])
    threads.message(thread, "Hello", cost_micros=7)
    address = "cols=name,cost,tags,created"
    text = client.get(f"/o/acme/threads.ndjson?{address}").text
    assert text == (
        f'{{"id":"{thread.id}","status":"live","name":"Tab\\t, \\"quotes\\", \\\\, é and 🦊","cost_micros":7,'
        '"tags":["x","y"],"created_at":"2026-11-20T12:00:59.25+00:00"}\n'
    )
    assert client.get(f"/o/acme/threads.json?{address}").text == f"[\n{text}]\n"
    (row,) = read(client, f"/o/acme/threads.csv?{address}", "csv")
    assert (row["name"], row["tags"], row["created_at"]) == (name, "x, y", "2026-11-20T12:00:59+00:00")


@pytest.mark.parametrize("rows_a_part", [1, 500])
@pytest.mark.parametrize("kind", ["json", "ndjson"])
def test_ex_2_whole_threads_come_in_order_with_their_messages(client, held, monkeypatch, kind, rows_a_part):
    monkeypatch.setitem(IN_PARTS, "yield_per", rows_a_part)
    found = read(client, f"/o/acme/threads/messages.{kind}?q=alpha", kind)
    assert [thread["id"] for thread in found] == [str(thread.id) for thread in held]
    for number, thread in enumerate(found):
        texts = [message["parts"][0]["text"] for message in thread["messages"]]
        assert texts == [f"{number} says {step}" for step in range(number % 4)]
    assert found[1]["agent_name"] == "=Agent"
    assert found[1]["message_count"] == 1
    assert "org_id" not in found[1]["messages"][0]
    assert rows(AuditEvent)[-1].action == "thread.export_whole"


@pytest.mark.parametrize(("kind", "empty"), [("json", b"[]\n"), ("ndjson", b"")])
def test_ex_2_no_threads_are_an_empty_file(client, org, kind, empty):
    assert client.get(f"/o/acme/threads/messages.{kind}").data == empty


def test_ex_2_whole_threads_are_one_statement_however_many(client, held):
    with queries() as few:
        client.get("/o/acme/threads/messages.ndjson?q=alpha+1")
    with queries() as many:
        client.get("/o/acme/threads/messages.ndjson?q=alpha")
    assert len(few) == len(many)


def test_ex_2_threads_found_by_their_messages_are_exported_whole(client, held):
    found = read(client, "/o/acme/threads/messages.ndjson?q=says&in=messages&sort=messages", "ndjson")
    assert len(found) == sum(thread.message_count > 0 for thread in held)
    assert [len(thread["messages"]) for thread in found] == sorted(
        thread.message_count for thread in held if thread.message_count
    )


def test_oi_1_nobody_gets_what_the_list_hides(client, new_client, org, owner, held):
    for path in ("threads.json", "threads.ndjson", "threads/messages.json"):
        text = client.get(f"/o/acme/{path}").text
        assert "private" not in text
        assert "foreign" not in text
        assert "hidden words" not in text
    assert "hidden words" in new_client(owner).get("/o/acme/threads/messages.json").text
    other = orgs.org()
    for path in ("threads.csv", "threads/messages.ndjson"):
        assert client.get(f"/o/{other.slug}/{path}").status_code == 404
    assert client.get("/o/acme/threads.xlsx").status_code == 404


@pytest.mark.parametrize("name", ["threads.csv", "threads/messages.json", "threads/{id}.md"])
def test_a_file_too_many_is_refused_until_another_one_has_been_taken(client, acting, held, monkeypatch, name):
    monkeypatch.setattr(export, "POOL_WAIT_SECONDS", 0.1)
    path = f"/o/acme/{name.format(id=held[1].id)}"
    acting()
    with ExitStack() as taken:
        for _ in range(FILES_AT_ONCE):
            taken.enter_context(export.file_session())
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "Too many files are being sent" in answer.text
    for _ in range(2 * FILES_AT_ONCE):
        assert client.get(path).status_code == 200


def test_the_list_offers_its_files(client, held):
    menu = client.page("/o/acme/threads?q=alpha&sort=created").find(id="export")
    links = [link["href"] for link in menu.find_all("a")]
    assert "/o/acme/threads/messages.ndjson?q=alpha&sort=created" in links
    assert all(client.get(link).status_code == 200 for link in links)

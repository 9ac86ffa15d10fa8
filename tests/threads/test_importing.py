"""Imported threads in the database: once each, whole or not at all, with what a later export adds."""

import io
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from app.audit.models import AuditEvent
from app.db.session import transaction
from app.threads.models import Message, Thread
from app.threads.readers.formats import read_export
from app.threads.readers.items import Refused
from app.threads.repo.messages import MessageRepo
from app.threads.services import importing
from app.threads.services.importing import Destination, Written, batches, write_batch
from tests.factories import agents, orgs, threads
from tests.factories.rows import rows, stored
from tests.support.queries import queries
from tests.threads.test_readers import EXPORTS, FILES

EVERYTHING = sorted(EXPORTS.iterdir())


@pytest.fixture
def to(ana):
    return Destination(ana.id, None, "export.json")


def do_import(org, to, content):
    """Import bytes as the CLI does and return what came of it."""
    written, refused = Written(), []
    for batch in batches(read_export(io.BytesIO(content))):
        with transaction():
            written += write_batch(org.id, batch.threads, to)
        refused += batch.refused
    return written, refused


def chatgpt(tree, current, title="Gears"):
    """Return an export of one thread whose messages say their own ids; `tree` maps each to the one before it."""
    return [
        {
            "conversation_id": "x",
            "title": title,
            "create_time": 1736209400,
            "current_node": current,
            "mapping": {
                id_: {
                    "parent": parent,
                    "message": {
                        "author": {"role": "user"},
                        "create_time": 1736209400 + number,
                        "content": {"content_type": "text", "parts": [id_]},
                    },
                }
                for number, (id_, parent) in enumerate(tree.items())
            },
        }
    ]


def lines(thread):
    """Return what is said on each branch of a stored thread, and after which message the branch begins."""
    found = {}
    messages = rows(Message, thread_id=thread.id)
    by_id = {message.id: message for message in messages}
    for message in sorted(messages, key=lambda row: (row.branch, row.created_at, row.id)):
        parent = message.parent_id and by_id[message.parent_id].text_content
        found.setdefault(message.branch, []).append((message.text_content, parent))
    return found


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: path.name)
def test_an_export_becomes_threads_and_again_changes_nothing(path, inside, org, to, state):
    content = path.read_bytes()
    expected = list(read_export(io.BytesIO(content)))
    written, refused = do_import(org, to, content)
    assert refused == []
    assert (written.added, written.messages) == (
        len(expected),
        sum(len(thread.messages) for thread in expected),
    )
    before = state()
    again, refused = do_import(org, to, content)
    assert (again, refused) == (Written(unchanged=len(expected)), [])
    assert state() == before


@pytest.mark.parametrize("file", FILES)
def test_the_stored_thread_is_what_was_read(file, inside, org, to):
    content = (EXPORTS / file).read_bytes()
    (batch,) = batches(read_export(io.BytesIO(content)))
    with transaction():
        write_batch(org.id, batch.threads, to)
    for thread in batch.threads:
        (row,) = rows(Thread, org_id=org.id, external_id=thread.external_id)
        window = MessageRepo().latest(org.id, row.id, 100)
        line = [message for message in thread.messages if message.branch == 0]
        assert [message.external_id for message in window.rows] == [message.external_id for message in line]
        assert row.message_count == len(thread.messages)
        assert row.last_message_at == max(message.created_at for message in thread.messages)
        assert row.tokens == sum(
            (message.input_tokens or 0) + (message.output_tokens or 0) for message in thread.messages
        )
        assert (row.origin, row.archived, tuple(row.tags)) == ("import", thread.archived, thread.tags)


def test_names_are_given_or_made_of_the_first_question(inside, org, to):
    do_import(org, to, (EXPORTS / "chatgpt.json").read_bytes())
    assert {row.name for row in rows(Thread, org_id=org.id)} == {
        "Refund rules in two countries",
        "Name a",
    }


def test_tags_can_be_asked_for_and_taken_away_afterwards(inside, client, org, to):
    tags = ["t" * 60, "-late", " late ", "cafe\u0301", "--", {"name": "vip"}]
    message = {"role": "user", "content": "Hello"}
    chat = {"id": "x", "chat": {"messages": [message]}, "meta": {"tags": tags}}
    do_import(org, to, json.dumps([chat]).encode())
    (row,) = rows(Thread, org_id=org.id)
    assert row.tags == ["t" * 40, "late", "caf\u00e9", "vip"]
    for tag in list(row.tags):
        assert client.page("/o/acme/threads?" + urlencode({"tag": tag})).find("a", string=row.name)
        assert client.submit(f"/o/acme/threads/{row.id}/untag", {"tag": tag}).status_code == 303
    assert stored(row).tags == []


def test_errors_are_counted(inside, org, to):
    do_import(org, to, (EXPORTS / "librechat.json").read_bytes())
    (row,) = rows(Thread, org_id=org.id)
    assert row.error_count == 1
    (failed,) = rows(Message, thread_id=row.id, status="failed")
    assert failed.error == "Something went wrong. Rate limit reached."


def test_threads_are_the_persons_under_the_agent(inside, org, ana, to):
    agent = agents.agent(org)
    do_import(org, replace(to, agent_id=agent.id), (EXPORTS / "claude.json").read_bytes())
    assert {(row.user_id, row.agent_id) for row in rows(Thread, org_id=org.id)} == {(ana.id, agent.id)}


def test_other_branches_are_reachable(inside, org, to):
    do_import(org, to, (EXPORTS / "chatgpt.json").read_bytes())
    (row,) = rows(Thread, org_id=org.id, name="Refund rules in two countries")
    (branch,) = MessageRepo().branches(org.id, row.id)
    (parent,) = rows(Message, id=branch.parent_id)
    assert (branch.number, branch.messages, parent.external_id) == (1, 2, "ctx")


def test_a_later_export_adds_its_messages(inside, org, to):
    do_import(org, to, json.dumps(chatgpt({"a": None, "b": "a"}, "b")).encode())
    (row,) = rows(Thread, org_id=org.id)
    with transaction():
        stored(row)
    later = chatgpt({"a": None, "b": "a", "c": "b", "d": "c"}, "d", "Renamed there")
    written, _ = do_import(org, to, json.dumps(later).encode())
    assert written == Written(extended=1, messages=2)
    assert lines(row) == {0: [("a", None), ("b", None), ("c", None), ("d", None)]}
    assert (stored(row).name, stored(row).message_count) == ("Gears", 4)


def test_a_question_that_was_asked_anew_moves_the_old_line_aside(inside, org, to):
    do_import(org, to, json.dumps(chatgpt({"a": None, "b": "a", "c": "b"}, "c")).encode())
    (row,) = rows(Thread, org_id=org.id)
    written, _ = do_import(
        org, to, json.dumps(chatgpt({"a": None, "b": "a", "c": "b", "b2": "a", "c2": "b2"}, "c2")).encode()
    )
    assert written == Written(extended=1, messages=2)
    assert lines(row) == {
        0: [("a", None), ("b2", None), ("c2", None)],
        1: [("b", "a"), ("c", None)],
    }


def test_what_an_export_no_longer_holds_stays_on_its_branch(inside, org, to):
    do_import(org, to, json.dumps(chatgpt({"a": None, "b": "a", "x": "a"}, "b")).encode())
    (row,) = rows(Thread, org_id=org.id)
    later = json.dumps(chatgpt({"a": None, "b": "a", "y": "a"}, "b")).encode()
    do_import(org, to, later)
    assert lines(row) == {0: [("a", None), ("b", None)], 1: [("x", "a")], 2: [("y", "a")]}
    assert do_import(org, to, later)[0] == Written(unchanged=1)


def test_a_deleted_thread_stays_deleted(inside, org, to, ana, state):
    threads.thread(org, ana, origin="import", external_id="x", deleted_at="2026-01-01T00:00:00Z")
    before = state()
    written, _ = do_import(org, to, json.dumps(chatgpt({"a": None}, "a")).encode())
    assert (written, state()) == (Written(unchanged=1), before)


def test_a_thread_of_another_origin_with_the_same_id_is_another(inside, org, to, ana):
    threads.thread(org, ana, origin="api", external_id="x")
    written, _ = do_import(org, to, json.dumps(chatgpt({"a": None}, "a")).encode())
    assert written == Written(added=1, messages=1)


def test_the_same_export_in_two_organisations(acting, connection, org, ana, to):
    content = (EXPORTS / "claude.json").read_bytes()
    acting(org, ana)
    do_import(org, to, content)
    other = orgs.org(slug="other")
    acting(other, orgs.member(other, "member", ana))
    written, _ = do_import(other, to, content)
    assert (written.added, len(rows(Thread, org_id=org.id)), len(rows(Thread, org_id=other.id))) == (2, 2, 2)
    theirs = {row.id for row in rows(Thread, org_id=org.id)}
    assert not theirs & {row.thread_id for row in rows(Message, org_id=other.id)}


def test_each_batch_has_one_audit_row(inside, org, ana, to, monkeypatch):
    monkeypatch.setattr(importing, "MOST_THREADS", 1)
    do_import(org, to, (EXPORTS / "claude.json").read_bytes())
    events = rows(AuditEvent, org_id=org.id, action="thread.import")
    assert [(event.target_label, event.actor_id, event.after) for event in events] == [
        ("export.json", ana.id, {"threads": 1, "extended": 0, "messages": 3}),
        ("export.json", ana.id, {"threads": 1, "extended": 0, "messages": 2}),
    ]


def test_a_batch_takes_the_same_statements_however_many_threads(inside, org, to):
    def threads_of(count):
        return [
            {**chatgpt({"a": None, "b": "a"}, "b")[0], "conversation_id": f"{count}-{n}"}
            for n in range(count)
        ]

    for count in (2, 100):
        (batch,) = batches(read_export(io.BytesIO(json.dumps(threads_of(count)).encode())))
        with queries(max=6), transaction():
            write_batch(org.id, batch.threads, to)


def test_batches_end_at_each_limit(monkeypatch):
    content = json.dumps(
        [{**chatgpt({"a": None, "b": "a"}, "b")[0], "conversation_id": str(n)} for n in range(9)]
    )

    def sizes():
        return [len(batch.threads) for batch in batches(read_export(io.BytesIO(content.encode())))]

    assert sizes() == [9]
    monkeypatch.setattr(importing, "MOST_THREADS", 4)
    assert sizes() == [4, 4, 1]
    monkeypatch.setattr(importing, "MOST_MESSAGES", 6)
    assert sizes() == [3, 3, 3]
    monkeypatch.setattr(importing, "MOST_CHARACTERS", 100)
    assert sizes() == [1] * 9


def test_refusals_are_passed_on_with_their_place(inside, org, to):
    content = json.dumps([chatgpt({"a": None}, "a")[0], {"mapping": {}}]).encode()
    written, refused = do_import(org, to, content)
    assert written.added == 1
    assert refused == [Refused("item 2", "It has no conversation_id.")]


def test_a_failing_batch_leaves_no_part_of_a_thread(inside, org, to, state):
    """The database refuses the last message of a batch: nothing of the batch is there."""
    (batch,) = batches(read_export(io.BytesIO(json.dumps(chatgpt({"a": None, "b": "a"}, "b")).encode())))
    (thread,) = batch.threads
    broken = replace(
        thread, messages=(*thread.messages, replace(thread.messages[1], role="nobody", external_id="c"))
    )
    before = state()
    with pytest.raises(Exception, match="messages_role_check"), transaction():
        write_batch(org.id, [broken], to)
    assert state() == before

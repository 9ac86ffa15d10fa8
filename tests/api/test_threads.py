"""Threads, messages, feedback and search by key."""

import pytest

from app.audit.models import AuditEvent
from app.threads.models import Feedback, Message
from tests.conformance import inventory
from tests.factories import agents, threads
from tests.factories.rows import rows
from tests.support.queries import queries

THREADS = "/api/v1/threads"
PROBLEM = "application/problem+json"
PARTS = [
    {"kind": "reasoning", "text": "They want it back.", "duration_ms": 120},
    {
        "kind": "tool_call",
        "call_id": "c1",
        "name": "orders",
        "arguments": {"id": 7, "deep": [1, {"a": None}]},
    },
    {"kind": "tool_result", "call_id": "c1", "status": "failed", "result": "gone"},
    {"kind": "text", "text": "Refund is **on its way**. 🚀"},
    {"kind": "image", "url": "https://example.org/a.png", "alt": "A receipt"},
    {"kind": "citation", "number": 1, "title": "Terms", "score": 0.5},
    {"kind": "error", "message": "The tool failed"},
]


def said(role, text):
    return {"role": role, "parts": [{"kind": "text", "text": text}]}


@pytest.fixture
def begun(ours):
    """The address of a thread of the API with ten messages."""
    messages = [said("user" if number % 2 == 0 else "assistant", f"Message {number}") for number in range(10)]
    return ours.post(THREADS, {"name": "Begun", "messages": messages}).location


def texts(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [message["text"] for message in answer.json["data"]]


def test_a_thread_begins_with_its_messages_and_is_called_after_the_first(ours, home):
    draft = {
        "agent_id": str(home.agent.id),
        "external_user": "customer-7",
        "messages": [
            said("system", "Be kind"),
            said("user", "Where is\nmy refund?"),
            said("assistant", "Here"),
        ],
    }
    made = ours.post(THREADS, draft)
    assert made.status_code == 201, made.text
    assert made.location == f"{THREADS}/{made.json['id']}"
    assert made.json["name"] == "Where is"
    assert (made.json["origin"], made.json["external_user"], made.json["user_id"]) == (
        "api",
        "customer-7",
        None,
    )
    assert (made.json["agent_name"], made.json["message_count"]) == (home.agent.name, 3)
    assert ours.get(made.location).json == made.json
    assert texts(ours.get(f"{made.location}/messages")) == ["Be kind", "Where is\nmy refund?", "Here"]
    (event,) = rows(AuditEvent, action="thread.create")
    assert event.actor_id == home.owner.id


def test_everyone_in_the_organisation_sees_a_thread_of_the_api(program, home, begun):
    assert program(home, "viewer").get(begun).json["name"] == "Begun"


def test_a_console_thread_is_seen_by_its_person_owners_and_admins_only(program, home):
    thread = threads.thread(home.org, user_id=home.people["member"].id, origin="console")
    for role, status in {"viewer": 404, "member": 200, "admin": 200, "owner": 200}.items():
        caller = program(home, role)
        assert caller.get(f"{THREADS}/{thread.id}").status_code == status, role
        assert caller.get(f"{THREADS}/{thread.id}/messages").status_code == status, role
    other = program(home, "admin", scopes=["threads:read", "threads:write"])
    assert other.post(f"{THREADS}/{thread.id}/messages", said("user", "x")).status_code == 201


def test_a_message_is_one_call_and_reads_back_as_it_was_sent(ours, begun):
    draft = {
        "role": "assistant",
        "parts": PARTS,
        "model": "m-1",
        "input_tokens": 10,
        "output_tokens": 20,
        "cost_micros": 1_500,
        "latency_ms": 900,
        "first_token_ms": 300,
    }
    made = ours.post(f"{begun}/messages", draft)
    assert made.status_code == 201, made.text
    assert {**made.json, **draft} == made.json
    assert made.json["error"] == "The tool failed"
    assert "on its way" in made.json["text"]
    assert ours.get(made.location).json == made.json
    thread = ours.get(begun).json
    assert (thread["message_count"], thread["tokens"], thread["cost_micros"], thread["error_count"]) == (
        11,
        30,
        1_500,
        1,
    )


def test_a_thread_begun_without_a_name_is_called_after_what_is_said_first(ours):
    thread = ours.post(THREADS, {}).location
    assert ours.get(thread).json["name"] == "New thread"
    ours.post(f"{thread}/messages", said("assistant", "How can I help?"))
    assert ours.get(thread).json["name"] == "New thread"
    ours.post(f"{thread}/messages", said("user", "My refund is late"))
    ours.post(f"{thread}/messages", said("user", "Hello?"))
    assert ours.get(thread).json["name"] == "My refund is late"


def test_adding_a_message_costs_one_statement_beside_the_key(ours, begun):
    ours.get(begun)
    with queries(max=2) as statements:
        assert ours.post(f"{begun}/messages", said("assistant", "x")).status_code == 201
    assert len(statements) == 2, statements


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({}, "role"),
        ({"role": "user"}, "parts"),
        ({"role": "user", "parts": []}, "parts"),
        ({"role": "user", "parts": "text"}, "parts"),
        ({"role": "robot", "parts": PARTS}, "role"),
        ({"role": "user", "parts": [{"kind": "poem", "text": "x"}]}, "parts.0.kind"),
        ({"role": "user", "parts": [{"kind": "text"}]}, "parts.0.text"),
        ({"role": "user", "parts": [{"kind": "text", "text": 5}]}, "parts.0.text"),
        ({"role": "user", "parts": [{"kind": "text", "text": "x", "html": "y"}]}, "parts.0.html"),
        ({"role": "user", "parts": [{"kind": "image", "url": "javascript:alert(1)"}]}, "parts.0.url"),
        (
            {"role": "user", "parts": [{"kind": "file", "name": "x", "blob_id": str(inventory.UNKNOWN)}]},
            "body",
        ),
        ({"role": "user", "parts": PARTS, "input_tokens": -1}, "input_tokens"),
        ({"role": "user", "parts": PARTS, "input_tokens": 2**31}, "input_tokens"),
        ({"role": "user", "parts": PARTS, "cost_micros": 2**60}, "cost_micros"),
        ({"role": "user", "parts": PARTS, "created_at": "2020-01-01"}, "created_at"),
        ({"role": "user", "parts": PARTS, "status": "pending"}, "status"),
    ],
)
def test_k5_a_wrong_message_is_named_and_changes_nothing(ours, begun, state, draft, field):
    before = state()
    answer = ours.post(f"{begun}/messages", draft)
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM), answer.text
    assert field in {wrong["field"] for wrong in answer.json["errors"]}, answer.json
    assert state() == before


def test_k5_a_thread_with_one_wrong_message_is_not_begun(ours, home, state):
    ours.get(THREADS)
    before = state()
    for draft in (
        {"messages": [said("user", "x"), {"role": "user"}]},
        {"messages": [said("user", "x")] * 101},
        {"agent_id": str(inventory.UNKNOWN), "messages": [said("user", "x")]},
        {"agent_id": "x"},
        {"agent_id": str(home.agent.id).upper()},
        {"external_user": ""},
        {"origin": "console"},
        {"user_id": str(home.owner.id)},
    ):
        assert ours.post(THREADS, draft).status_code == 422, draft
    assert state() == before


def test_oi_1_an_agent_of_another_organisation_is_no_agent(ours, home, theirs):
    answer = ours.post(THREADS, {"agent_id": str(theirs.agent.id)})
    absent = ours.post(THREADS, {"agent_id": str(inventory.UNKNOWN)})
    assert answer.status_code == absent.status_code == 422
    assert answer.json["errors"] == absent.json["errors"]
    agents.agent(home.org, name="Mine")


def test_oi_1_a_message_of_another_thread_is_unknown_in_this_one(ours, home, begun):
    other = ours.post(THREADS, {"messages": [said("user", "Other")]}).location
    message = ours.get(f"{other}/messages").json["data"][0]["id"]
    for method, path in (
        ("GET", f"{begun}/messages/{message}"),
        ("GET", f"{begun}/messages?around={message}"),
        ("GET", f"{begun}/messages/{message}/feedback"),
        ("DELETE", f"{begun}/messages/{message}/feedback"),
    ):
        assert ours.call(method, path).status_code == 404, path
    assert ours.post(f"{begun}/messages/{message}/feedback", {"rating": "up"}).status_code == 404
    assert texts(ours.get(f"{begun}/messages?before={message}")) == []


def test_messages_are_read_in_windows(ours, begun):
    address = f"{begun}/messages"
    latest = ours.get(f"{address}?page_size=3")
    assert texts(latest) == ["Message 7", "Message 8", "Message 9"]
    assert (latest.json["older"], latest.json["newer"]) == (True, False)
    first = latest.json["data"][0]["id"]
    assert texts(ours.get(f"{address}?page_size=3&before={first}")) == ["Message 4", "Message 5", "Message 6"]
    assert texts(ours.get(f"{address}?page_size=9&after={first}")) == ["Message 8", "Message 9"]
    around = ours.get(f"{address}?page_size=1&around={first}")
    assert texts(around) == ["Message 6", "Message 7", "Message 8"]
    assert (around.json["older"], around.json["newer"]) == (True, True)
    assert texts(ours.get(f"{address}?start=oldest&page_size=2")) == ["Message 0", "Message 1"]


@pytest.mark.parametrize(
    "query",
    [
        "page=1",
        "around=x",
        "after=",
        "start=middle",
        "page_size=0",
        "page_size=101",
        "start=oldest&start=oldest",
    ],
)
def test_k5_a_wrong_window_is_named(ours, begun, query):
    answer = ours.get(f"{begun}/messages?{query}")
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM)
    assert answer.json["errors"]


def test_a_thread_is_renamed(ours, begun):
    assert ours.patch(begun, {"name": " New "}).json["name"] == "New"
    assert ours.get(begun).json["name"] == "New"
    assert len(rows(AuditEvent, action="thread.rename")) == 1
    for name in ("", " ", "a\nb", "x" * 256, None):
        assert ours.patch(begun, {"name": name}).status_code == 422, name


def test_feedback_of_the_person_of_the_key_and_of_people_outside(ours, home, begun):
    address = f"{begun}/messages/{ours.get(f'{begun}/messages').json['data'][-1]['id']}/feedback"
    given = ours.post(address, {"rating": "down", "reason": "slow", "comment": "Too slow"})
    assert given.status_code == 200, given.text
    assert (given.json["user_id"], given.json["rating"]) == (str(home.owner.id), "down")
    changed = ours.post(address, {"rating": "up"})
    assert (changed.json["id"], changed.json["rating"], changed.json["reason"]) == (
        given.json["id"],
        "up",
        None,
    )
    outside = ours.post(address, {"rating": "down", "external_user": "customer-7"})
    assert (outside.json["user_id"], outside.json["external_user"]) == (None, "customer-7")
    assert [each["rating"] for each in ours.get(address).json["data"]] == ["up", "down"]
    thread = ours.get(begun).json
    assert (thread["up_count"], thread["down_count"]) == (1, 1)
    assert ours.delete(f"{address}?external_user=customer-7").status_code == 204
    assert ours.delete(f"{address}?external_user=customer-7").status_code == 404
    assert ours.delete(address).status_code == 204
    assert ours.get(address).json["data"] == []
    for wrong in ({}, {"rating": 1}, {"rating": "up", "reason": "bad"}, {"rating": "up", "user_id": "x"}):
        assert ours.post(address, wrong).status_code == 422, wrong
    for query in ("external_user=", "external_user=a&external_user=b", "who=x", "external_user=%00"):
        assert ours.delete(f"{address}?{query}").status_code == 422, query
    assert [row for row in rows(Feedback, org_id=home.org.id) if row.external_user == "customer-7"] == []


def test_ap_2_a_message_sent_twice_is_one(ours, home, begun):
    headers = {"Idempotency-Key": "m-1"}
    first = ours.post(f"{begun}/messages", said("user", "Only once"), headers=headers)
    again = ours.post(f"{begun}/messages", said("user", "Only once"), headers=headers)
    assert first.status_code == 201
    assert (first.data, first.location) == (again.data, again.location)
    assert len(rows(Message, org_id=home.org.id, text_content="Only once")) == 1
    assert ours.post(f"{begun}/messages", said("user", "Else"), headers=headers).status_code == 409


def test_text_of_two_megabytes_is_kept_and_more_is_refused(ours, begun):
    words = "word " * 399_999
    made = ours.post(f"{begun}/messages", said("user", words))
    assert made.status_code == 201, made.text[:300]
    assert ours.get(made.location).json["parts"][0]["text"] == words
    assert ours.post(f"{begun}/messages", said("user", "y" * 2_000_001)).status_code == 422
    different = " ".join(f"w{number}" for number in range(250_000))
    assert ours.post(f"{begun}/messages", said("user", different)).status_code in {201, 422}


SEARCH = "/api/v1/search"
ASKED = (SEARCH, "/api/v1/knowledge/search")


def found(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return ["".join(piece["text"] for piece in hit["passage"]) for hit in answer.json["data"]]


def test_messages_are_searched(ours, home, begun):
    ours.post(f"{begun}/messages", said("user", "A zebra crossed the road"))
    ours.post(f"{begun}/messages", said("assistant", "Zebra, zebra, zebra! An okapi too"))
    answer = ours.get(f"{SEARCH}?q=zebra")
    assert found(answer) == ["Zebra, zebra, zebra! An okapi too", "A zebra crossed the road"]
    assert answer.json["data"][1]["thread_name"] == "Begun"
    assert {"text": "zebra", "matches": True} in answer.json["data"][1]["passage"]
    assert found(ours.get(f"{SEARCH}?q=zebra -okapi")) == ["A zebra crossed the road"]
    assert found(ours.get(f'{SEARCH}?q="crossed the road"')) == ["A zebra crossed the road"]
    assert found(ours.get(f"{SEARCH}?q=zebra&origin=console")) == []
    assert found(ours.get(f"{SEARCH}?q=zebra&origin=api&at=1d")) == found(answer)
    assert found(ours.get(f"{SEARCH}?q=zebra&agent={home.agent.id}")) == []
    assert ours.get(f"{SEARCH}?q=the").json["unusable"] == "common"
    assert ours.get(f"{SEARCH}?q=-zebra").json["unusable"] == "excluding"


def test_a_search_goes_on_by_its_cursor(ours, begun):
    for number in range(5):
        ours.post(f"{begun}/messages", said("user", f"quagga {number}"))
    first = ours.get(f"{SEARCH}?q=quagga&page_size=2")
    seen = [hit["message_id"] for hit in first.json["data"]]
    cursor = first.json["next_cursor"]
    while cursor:
        answer = ours.get(f"{SEARCH}?q=quagga&page_size=2&cursor={cursor}")
        seen += [hit["message_id"] for hit in answer.json["data"]]
        cursor = answer.json["next_cursor"]
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%20", "q=x&page=2", "q=x&agent=y", "q=x&origin=web", "q=x&cursor=y", "q=x&sort=name"],
)
def test_k5_a_wrong_search_is_named(ours, home, query):
    answer = ours.get(f"{SEARCH}?{query}")
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM)
    assert answer.json["errors"]


def test_oi_2_a_search_finds_nothing_of_another_organisation(ours, theirs):
    assert found(ours.get(f"{SEARCH}?q={theirs.canary}")) == []


def test_si_1_odd_words_are_searched_for(ours, home):
    for words in (
        "%",
        "_",
        "\\",
        "'",
        "&",
        "!",
        "(",
        ":*",
        "a <-> ",
        "x or and or y",
        "🚀",
        '"',
        "'; DROP",
        "-",
        "--",
    ):
        assert ours.get(SEARCH, query_string={"q": words}).status_code == 200, words


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [thread["name"] for thread in answer.json["data"]]


def test_threads_are_listed_filtered_and_walked(ours, home, program):
    for number in range(6):
        threads.thread(home.org, origin="api", name=f"Case {number}", agent_id=home.agent.id)
    threads.thread(home.org, home.people["member"], name="Private")
    assert len(names(ours.get(f"{THREADS}?agent={home.agent.id}"))) >= 6
    assert "Private" in names(ours.get(THREADS))
    assert "Private" not in names(program(home, "viewer").get(THREADS))
    assert names(ours.get(f"{THREADS}?q=case%203")) == ["Case 3"]
    assert names(ours.get(f"{THREADS}?origin=import")) == []
    seen, cursor = [], ""
    while cursor is not None:
        answer = ours.get(f"{THREADS}?q=case&page_size=4&sort=created{cursor and f'&cursor={cursor}'}")
        seen += names(answer)
        cursor = answer.json["next_cursor"]
    assert seen == [f"Case {number}" for number in range(6)]
    assert len(names(ours.get(f"{THREADS}?page=2&page_size=3"))) == 3
    for wrong in ("q=case&page=2", "agent=x", "user=y", "origin=web", "sort=name", "messages=x", "cols=name"):
        assert ours.get(f"{THREADS}?{wrong}").status_code == 422, wrong


def test_a_thread_is_archived_deleted_and_restored(ours, begun):
    assert ours.post(f"{begun}/archive").json["status"] == "archived"
    assert ours.post(f"{begun}/archive").status_code == 409
    assert ours.post(f"{begun}/restore").json["status"] == "live"
    assert (ours.delete(begun).status_code, ours.delete(begun).status_code) == (204, 409)
    assert ours.get(begun).json["status"] == "deleted"
    assert ours.post(f"{begun}/messages", said("user", "x")).status_code == 404
    assert ours.patch(begun, {"name": "x"}).status_code == 404
    assert ours.post(f"{begun}/restore").json["status"] == "live"


def test_every_answer_about_what_there_is_has_its_shape(app, ours, home):
    for call in inventory.api_calls(app, home):
        if call.safe:
            answer = ours.get(call.path, query_string={"q": "x"} if call.path in ASKED else {})
            assert answer.status_code == 200, (call, answer.text)

"""Conversations that were begun elsewhere, gone on with by the official OpenAI client."""

import openai
import pytest

from app.threads.models import Message
from tests.factories import agents, connections, orgs
from tests.factories.rows import rows
from tests.support.model_server import Answer

OPTIONS = """
audio frequency_penalty logit_bias logprobs max_completion_tokens max_tokens metadata modalities n prediction
presence_penalty reasoning_effort seed service_tier stop store stream stream_options temperature
top_logprobs top_p verbosity web_search_options
"""
EVERY_NULL = dict.fromkeys(OPTIONS.split())


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


@pytest.fixture
def client(site, home, model):
    connections.connection(home.org, slug="main", base_url=f"{model.url}/v1")
    snapshot = {"name": "Support", "prompt": "Be kind.", "provider": "main", "model": "m"}
    agents.version(agents.agent(home.org, name="Support"), snapshot=snapshot)
    model.answers, model.seen = [Answer(("Hello.",))], []
    key = orgs.api_key(home.org, home.owner, scopes=["agents:run"])[1]
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def ask(client, *messages, **options):
    return client.chat.completions.create(model="Support", messages=list(messages), **options)


def called(call_id, name="weather", arguments='{"city": "Bern"}'):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def result(call_id, content="Rain"):
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def user(content="Hi"):
    return {"role": "user", "content": content}


def stored(home, answer):
    found = [
        row for row in rows(Message, org_id=home.org.id) if str(row.thread_id) == answer.metadata["thread_id"]
    ]
    return [(row.role, row.parts) for row in sorted(found, key=lambda row: (row.created_at, row.id))][:-1]


def test_null_means_the_default(client):
    answer = ask(client, user(), extra_body=EVERY_NULL)
    assert answer.choices[0].message.content == "Hello."
    options = {"stream_options": {"include_usage": None}, "metadata": {"thread_id": None}}
    chunks = list(ask(client, user(), stream=True, extra_body=options))
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("missing", [{"content": None}, {}, {"content": ""}], ids=["null", "none", "empty"])
def test_calls_and_their_results_are_kept_and_told_to_the_model(client, home, model, missing):
    asks = {"role": "assistant", "tool_calls": [called("c1"), called("c2", arguments="{broken")], **missing}
    parts = [{"type": "text", "text": "Sun"}, {"type": "text", "text": "Wind"}]
    said = [user("Weather?"), asks, result("c1"), result("c2", parts), user("And now?")]
    calls = [
        {"kind": "tool_call", "call_id": "c1", "name": "weather", "arguments": {"city": "Bern"}},
        {"kind": "tool_call", "call_id": "c2", "name": "weather", "arguments": "{broken"},
        {"kind": "tool_result", "call_id": "c1", "status": "succeeded", "result": "Rain"},
        {"kind": "tool_result", "call_id": "c2", "status": "succeeded", "result": "Sun\nWind"},
    ]
    kept = stored(home, ask(client, *said))
    assert [role for role, _ in kept] == ["user", "assistant", "user"]
    assert kept[1][1] == calls
    told = model.seen[0]["messages"]
    assert [(one["role"], one.get("tool_call_id")) for one in told[2:6]] == [
        ("assistant", None),
        ("tool", "c1"),
        ("assistant", None),
        ("tool", "c2"),
    ]
    assert (told[3]["content"], told[6]["content"]) == ("Rain", "And now?")


def test_refusals_are_kept_as_texts_and_empty_messages_as_such(client, home):
    part = {"role": "assistant", "content": [{"type": "refusal", "refusal": "I cannot."}]}
    whole = {"role": "assistant", "content": None, "refusal": "Never.", "tool_calls": None, "audio": None}
    said = [user(""), part, user("Why?"), whole, {"role": "assistant", "content": None}, user("Then?")]
    kept = stored(home, ask(client, *said))
    assert [[part["text"] for part in parts] for _, parts in kept] == [
        [],
        ["I cannot."],
        ["Why?"],
        ["Never."],
        [],
        ["Then?"],
    ]


def test_what_threads_have_no_part_for_is_left_out(client, home):
    odd = {"id": "c1", "type": "later", "later": {}}
    custom = {"id": "c2", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    nul = called("c3", arguments='{"a": "\\u0000\\u00e4"}')
    old = {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "{}"}}
    said = [
        result("c0"),
        user(),
        {"role": "assistant", "content": None, "tool_calls": [odd, custom, custom, nul]},
        *map(result, ("c1", "c2", "c2", "c9")),
        old,
        {"role": "function", "name": "old", "content": None},
        {**user("Go on"), "tool_calls": [called("c4")]},
    ]
    kept = stored(home, ask(client, *said))
    assert [role for role, _ in kept] == ["user", "assistant", "assistant", "user"]
    assert [(part["kind"], part["call_id"]) for part in kept[1][1]] == [
        ("tool_call", "c2"),
        ("tool_call", "c3"),
        ("tool_result", "c2"),
    ]
    assert [part["arguments"] for part in kept[1][1][:2]] == ["ls", {"a": "\ufffdä"}]
    assert (kept[2][1], len(kept[3][1])) == ([], 1)


@pytest.mark.parametrize("going_on", [False, True])
def test_who_has_the_last_word_must_be_the_user(client, going_on):
    options = {"metadata": {"thread_id": ask(client, user()).metadata["thread_id"]}} if going_on else {}
    asks = {"role": "assistant", "content": None, "tool_calls": [called("c1")]}
    for said in ([user(), asks], [user(), asks, result("c1")], [result("c1")], [user(None)]):
        with pytest.raises(openai.UnprocessableEntityError, match="last message must be the user's"):
            ask(client, *said, **options)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"n": 2}, "n"),
        ({"messages": [{"role": "critic", "content": "x"}, user()]}, "messages.0.role"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [called("")]}, user()]},
            "messages.0.tool_calls.0.id",
        ),
    ],
    ids=["many", "role", "call"],
)
def test_what_is_wrong_is_still_refused_in_openais_words(client, options, place):
    asked = {"model": "Support", "messages": [user()], **options}
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.chat.completions.create(**asked)
    assert (caught.value.body["param"], caught.value.body["type"]) == (place, "invalid_request_error")

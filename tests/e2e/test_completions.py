"""Agents through the official OpenAI client, against the running product."""

import shlex
from base64 import b64encode
from uuid import uuid4

import httpx2
import openai
import pytest
from sqlalchemy import update

from app.connections.models import ModelConnection
from app.db.tables import Blob
from app.orgs.models import SpendLimit
from app.threads.models import Message, Thread
from app.threads.services.pictures import MOST_PICTURE_BYTES
from tests.factories import agents, connections, orgs
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.model_server import Answer
from tests.support.pages import parse
from tests.support.processes import wait_until


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


@pytest.fixture
def agent(home, model):
    connections.connection(home.org, slug="main", base_url=f"{model.url}/v1")
    made = agents.agent(home.org, name="Support")
    snapshot = {"name": "Support", "prompt": "Be kind.", "provider": "main", "model": "m"}
    agents.version(made, snapshot=snapshot)
    return made


@pytest.fixture
def client(site, home, agent):
    key = orgs.api_key(home.org, home.owner, scopes=["agents:run"])[1]
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def ask(client, *messages, **options):
    said = [{"role": role, "content": text} for role, text in messages]
    return client.chat.completions.create(model="Support", messages=said, **options)


def test_published_agents_are_models(client, home):
    agents.agent(home.org, name="Unpublished")
    found = [model.id for model in client.models.list()]
    assert "Support" in found
    assert "Unpublished" not in found


def test_the_page_of_an_agent_says_how_a_program_asks_it(site, home, agent, model):
    model.answers = [Answer(("Hello.",)), Answer(("Hello again.",))]
    unpublished = agents.agent(home.org, name="Unpublished")
    with site.client(home.owner) as person:
        pages = [
            parse(person.get(f"/o/{home.org.slug}/agents/{one.id}").text) for one in (agent, unpublished)
        ]
    assert pages[1].find(id="program-url") is None
    url, name, tried = (pages[0].find(id=f"program-{part}")["value"] for part in ("url", "model", "try"))
    key = orgs.api_key(home.org, home.owner, scopes=["agents:run"])[1]
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        said = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "Hi"}])
    assert said.choices[0].message.content == "Hello."
    _, address, _, shown_key, _, kind, _, body = shlex.split(tried)
    assert shown_key == "Authorization: Bearer agp_…"
    headers = dict([kind.split(": "), ("Authorization", f"Bearer {key}")])
    answer = httpx2.post(address, content=body, headers=headers)
    assert answer.json()["choices"][0]["message"]["content"] == "Hello again."


def test_an_answer_comes_whole_and_the_thread_is_stored(client, home, model):
    model.answers, model.seen = [Answer(("Hello", " there."))], []
    answer = ask(
        client, ("system", "Speak English."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "Where?")
    )
    assert answer.choices[0].message.content == "Hello there."
    assert (answer.choices[0].finish_reason, answer.usage.total_tokens) == ("stop", 18)
    thread = next(
        row for row in rows(Thread, org_id=home.org.id) if str(row.id) == answer.metadata["thread_id"]
    )
    assert (thread.origin, thread.message_count) == ("api", 5)
    said = [(part["role"], part["content"]) for part in model.seen[0]["messages"]]
    assert said == [
        ("system", "Be kind.\n\nSpeak English."),
        ("user", "Hi"),
        ("assistant", "Yes?"),
        ("user", "Where?"),
    ]


def test_a_thread_is_gone_on_with(client, home, model):
    model.answers, model.seen = [Answer(("One.",)), Answer(("Two.",))], []
    first = ask(client, ("user", "First?"))
    thread_id = first.metadata["thread_id"]
    ask(
        client,
        ("user", "First?"),
        ("assistant", "One."),
        ("user", "Second?"),
        metadata={"thread_id": thread_id},
    )
    assert [part["content"] for part in model.seen[1]["messages"]] == [
        "Be kind.",
        "First?",
        "One.",
        "Second?",
    ]
    stored = [row for row in rows(Message, org_id=home.org.id) if str(row.thread_id) == thread_id]
    assert len(stored) == 4


PNG = b"\x89PNG\r\n\x1a\n"


def image(url):
    return {"type": "image_url", "image_url": {"url": url}}


def sent(content, media_type="image/png"):
    return image(f"data:{media_type};base64,{b64encode(content).decode()}")


def test_images_reach_the_model_and_are_shown_in_the_thread(site, client, home, model):
    model.answers, model.seen = [Answer(("A cat.",)), Answer(("A dog.",))], []
    before = len(rows(Blob, org_id=home.org.id))
    cat, dog = sent(PNG + b"cat"), sent(b"GIF89a dog", "image/gif")
    words = {"type": "text", "text": "What is this?"}
    first = ask(client, ("user", [cat]), ("assistant", "A cat?"), ("user", [words, cat]))
    thread_id = first.metadata["thread_id"]
    ask(client, ("user", [image("x")]), ("user", [dog, words]), metadata={"thread_id": thread_id})
    shown = [
        [part["image_url"]["url"] for part in said["content"][1:]]
        for said in model.seen[1]["messages"]
        if said["role"] == "user"
    ]
    assert shown == [[part["image_url"]["url"]] for part in (cat, cat, dog)]
    assert model.seen[0]["messages"][-1]["content"][0]["text"].startswith("What is this?")
    assert len(rows(Blob, org_id=home.org.id)) == before + 2
    with site.client(home.owner) as person:
        page = parse(person.get(f"/o/{home.org.slug}/threads/{thread_id}").text)
        drawn = [person.get(picture["src"]).content for picture in page.select(".message-user img")]
    assert drawn == [PNG + b"cat", PNG + b"cat", b"GIF89a dog"]


def test_a_message_holds_as_many_and_as_large_images_as_in_the_playground(client, home, model):
    model.answers, model.seen = [Answer(("Large.",))], []
    largest = [sent(PNG + bytes([number]) * (MOST_PICTURE_BYTES - len(PNG))) for number in range(4)]
    assert ask(client, ("user", largest)).choices[0].message.content == "Large."
    assert [part["image_url"]["url"] for part in model.seen[0]["messages"][-1]["content"][1:]] == [
        part["image_url"]["url"] for part in largest
    ]


@pytest.mark.parametrize(
    ("messages", "place", "words"),
    [
        ([("user", [image("https://example.org/a.png")])], "0.content.0.image_url.url", "as a data: URL"),
        ([("user", [image("x")])], "0.content.0.image_url.url", "as a data: URL"),
        (
            [("user", [image("data:image/png,abc")])],
            "0.content.0.image_url.url",
            "begins like data:image/png",
        ),
        ([("user", [image("data:image/png;base64,iVBOR*==")])], "0.content.0.image_url.url", "is broken"),
        ([("user", [image("data:image/png;base64,ÄÖ")])], "0.content.0.image_url.url", "is broken"),
        ([("user", [sent(PNG), sent(b"<svg>")])], "0.content.1.image_url.url", "no PNG, JPEG, GIF or WebP"),
        ([("user", [sent(PNG + b"0" * MOST_PICTURE_BYTES)])], "0.content.0.image_url.url", "more than 5 MiB"),
        ([("user", [sent(PNG)] * 5)], "0.content", "at most 4 images"),
        ([("user", [sent(PNG)] * 4)] * 26, "", "at most 100 images"),
        ([("system", [sent(PNG)]), ("user", "Hi")], "0.content", "Only messages of the user"),
        (
            [("user", "Hi"), ("assistant", [sent(PNG)]), ("user", "Hi")],
            "1.content",
            "Only messages of the user",
        ),
    ],
    ids=[
        "remote",
        "word",
        "encoding",
        "broken",
        "letters",
        "type",
        "size",
        "many",
        "all",
        "system",
        "assistant",
    ],
)
def test_images_that_cannot_be_taken_are_refused_and_nothing_is_kept(client, home, messages, place, words):
    before = [len(rows(table, org_id=home.org.id)) for table in (Thread, Blob)]
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        ask(client, *messages)
    assert caught.value.body["param"] == f"messages.{place}".rstrip(".")
    assert caught.value.body["type"] == "invalid_request_error"
    assert [len(rows(table, org_id=home.org.id)) for table in (Thread, Blob)] == before


PIECES = (*(f"w{number} " for number in range(20)), "long " * 4_000, "end")


def test_an_answer_streams_with_its_usage(client, model):
    model.answers = [Answer(PIECES, ("Hm.",), pause=0.05)]
    chunks = list(ask(client, ("user", "Tell"), stream=True, stream_options={"include_usage": True}))
    pieces = [
        chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content
    ]
    assert "".join(pieces) == "".join(PIECES)
    assert len(pieces) > 3
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.total_tokens == 18


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_waits_for_a_person_ends_and_says_so(client, home, agent, model, stream):
    tool = {"id": str(uuid4()), "name": "current_time", "approval": "ask"}
    snapshot = {"name": "Support", "provider": "main", "model": "m", "tools": [tool]}
    agents.version(agent, number=2, snapshot=snapshot)
    model.answers = [Answer(("Let me look.",), calls=(("c1", "current_time", "{}"),))]
    answer = ask(client, ("user", "Time?"), stream=stream)
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason, thread_id = chunks[-1].choices[0].finish_reason, chunks[-1].metadata["thread_id"]
    else:
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
        thread_id = answer.metadata["thread_id"]
        assert answer.metadata["status"] == "waiting"
    assert text.startswith("Let me look.\n\n[Waits for approval: current_time.")
    assert reason == "stop"
    with pytest.raises(openai.ConflictError):
        ask(client, ("user", "And?"), metadata={"thread_id": thread_id})


@pytest.mark.parametrize("stream", [False, True])
def test_ap_4_a_model_that_fails_is_an_error_once(client, model, stream):
    model.answers, model.seen = [Answer(status=401, body=b"{}")], []
    with pytest.raises(openai.APIError, match="refused the key"):
        list(ask(client, ("user", "Hi"), stream=stream))
    assert len(model.seen) == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"model": "Nobody"}, openai.NotFoundError),
        ({"messages": []}, openai.UnprocessableEntityError),
        ({"messages": [{"role": "assistant", "content": "x"}]}, openai.UnprocessableEntityError),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
            openai.UnprocessableEntityError,
        ),
        ({"metadata": {"thread_id": "01930000-0000-7000-8000-000000000000"}}, openai.NotFoundError),
        ({"n": 2}, openai.UnprocessableEntityError),
    ],
    ids=["unknown", "empty", "unasked", "audio", "thread", "many"],
)
def test_what_cannot_be_asked_is_refused_in_openais_words(client, options, error):
    asked = {"model": "Support", "messages": [{"role": "user", "content": "Hi"}], **options}
    with pytest.raises(error) as caught:
        client.chat.completions.create(**asked)
    assert caught.value.body["message"]


def test_a_key_without_the_scope_and_one_that_is_none(site, home, agent, client):
    other = openai.OpenAI(
        base_url=f"{site.url}/v1",
        api_key=orgs.api_key(home.org, home.owner, scopes=["agents:read"])[1],
        max_retries=0,
    )
    with pytest.raises(openai.PermissionDeniedError):
        other.models.list()
    wrong = openai.OpenAI(base_url=f"{site.url}/v1", api_key="ap_wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        wrong.models.list()


@pytest.mark.parametrize("stream", [False, True])
def test_a_spend_limit_ends_an_answer_before_the_model_is_asked(client, home, model, stream):
    known = rows(ModelConnection, org_id=home.org.id, slug="main")[0]
    connections.model(known, "m", input_price_micros=1_000_000, output_price_micros=2_000_000)
    model.answers, model.seen = [Answer(("Hello",))], []
    limit = orgs.spend_limit(home.org, 10)
    with pytest.raises(openai.APIError, match=r"the organisation may spend USD 0\.00001 a month") as caught:
        list(ask(client, ("user", "Hi"), stream=stream))
    assert (caught.value.code, caught.value.type) == ("insufficient_quota", "insufficient_quota")
    assert model.seen == []
    with as_owner() as session:
        session.execute(update(SpendLimit).where(SpendLimit.id == limit.id).values(spent_micros=10))
    before = len(rows(Thread, org_id=home.org.id))
    with pytest.raises(openai.RateLimitError, match="Spend limit reached") as caught:
        list(ask(client.with_options(max_retries=2), ("user", "Hi"), stream=stream))
    assert caught.value.code == "insufficient_quota"
    assert int(caught.value.response.headers["Retry-After"]) > 0
    assert len(rows(Thread, org_id=home.org.id)) == before


@pytest.fixture
def program(site, client):
    headers = {"Authorization": f"Bearer {client.api_key}"}
    with httpx2.Client(base_url=site.url, headers=headers, timeout=90) as made:
        yield made


def test_a_blocking_run_answers_with_its_message(program, agent, model):
    model.answers, model.seen = [Answer(("Hello", " there."))], []
    answer = program.post(f"/api/v1/agents/{agent.id}/runs", json={"input": "Hi", "mode": "blocking"})
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert run["message"]["text"] == "Hello there."
    assert (run["message"]["input_tokens"], run["message"]["output_tokens"]) == (11, 7)
    later = {"input": "And?", "thread_id": run["thread_id"]}
    begun = program.post(f"/api/v1/agents/{agent.id}/runs", json=later)
    assert begun.status_code == 202
    wait_until(lambda: program.get(begun.headers["Location"]).json()["status"] == "succeeded", 30)
    assert [part["content"] for part in model.seen[-1]["messages"]][1:] == ["Hi", "Hello there.", "And?"]


def test_a_blocking_run_that_a_limit_ends_is_refused(program, home, agent, model):
    known = rows(ModelConnection, org_id=home.org.id, slug="main")[0]
    connections.model(known, "m", input_price_micros=1_000_000, output_price_micros=2_000_000)
    orgs.spend_limit(home.org, 10)
    answer = program.post(f"/api/v1/agents/{agent.id}/runs", json={"input": "Hi", "mode": "blocking"})
    assert answer.status_code == 429
    assert answer.json()["code"] == "insufficient_quota"


@pytest.mark.parametrize(
    ("given", "content", "refusal"),
    [
        (Answer(("It is on its",), finish="length"), "It is on its", None),
        (Answer(("Well,",), finish="content_filter"), "Well,", None),
        (Answer(refusal="I must not.", finish="content_filter"), "", "I must not."),
    ],
)
def test_how_an_answer_ends_is_passed_on(client, model, given, content, refusal):
    model.answers = [given]
    whole = ask(client, ("user", "Hi")).choices[0]
    assert (whole.finish_reason, whole.message.content) == (given.finish, content)
    assert whole.message.refusal == refusal
    chunks = [chunk.choices[0] for chunk in ask(client, ("user", "Hi"), stream=True)]
    assert chunks[-1].finish_reason == given.finish
    assert "".join(chunk.delta.content or "" for chunk in chunks) == content
    assert "".join(chunk.delta.refusal or "" for chunk in chunks) == (refusal or "")

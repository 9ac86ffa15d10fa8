"""What the document says of the endpoint for OpenAI's clients, and that its answers keep to it."""

from urllib.parse import quote

import jsonschema
import pytest
from sqlalchemy import update

from app.api.views import completions as api_completions
from app.db.scope import current_scope, use_scope
from app.orgs.services.spending import OVER
from app.runtime.services.following import Told
from app.threads.models import Message
from tests.conformance.inventory import UNKNOWN
from tests.factories import agents
from tests.support.database import as_owner

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def served(client, home):
    return client.get("/api/openapi.json").json


@pytest.fixture
def judge(served):
    """A function that fails unless a value is what a schema of the document says."""

    def act(value, schema):
        whole = {**schema, "components": served["components"]}
        jsonschema.Draft202012Validator(whole).validate(value)

    return act


def schema_of(served, path, method, status):
    response = served["paths"][path][method]["responses"][str(status)]
    if "$ref" in response:
        response = served["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response["content"]["application/json"]["schema"]


@pytest.fixture
def answered(monkeypatch):
    """A function that says what each pending answer becomes."""

    def say(**values):
        def told(scope):
            use_scope(scope)
            with as_owner() as session:
                session.execute(update(Message).where(Message.status == "pending").values(**values))
            yield Told(1, "begin", {})
            yield Told(2, "part", {"index": 0, "part": {"kind": "text", "text": ""}})
            yield Told(3, "delta", {"index": 0, "text": "Hello."})
            yield Told(4, "done", {})

        monkeypatch.setattr(api_completions, "follow", lambda *_: told(current_scope()))

    return say


@pytest.fixture
def ask(ours, home):
    return lambda **values: ours.post(CHAT, {"model": home.agent.name, "messages": HI, **values})


HELLO = {"kind": "text", "text": "Hello."}


@pytest.mark.parametrize(
    ("became", "ends"),
    [
        ({"status": "complete", "parts": [HELLO], "input_tokens": 3}, ("stop", None)),
        (
            {"status": "failed", "parts": [], "error": "The model refused to answer: Never."},
            ("content_filter", "Never."),
        ),
    ],
)
def test_an_answer_is_what_the_document_says(served, judge, ask, answered, became, ends):
    answered(**became)
    answer = ask(temperature=0.5, stop=None, n=None)
    assert answer.status_code == 200, answer.text
    judge(answer.json, schema_of(served, CHAT, "post", 200))
    (choice,) = answer.json["choices"]
    assert (choice["finish_reason"], choice["message"]["refusal"]) == ends
    described = served["paths"][CHAT]["post"]["responses"]["200"]["headers"]
    told = {"X-Thread-Id", "X-Request-ID", "RateLimit-Limit", "RateLimit-Remaining"}
    assert told <= set(answer.headers.keys()) & described.keys()


def test_agents_are_listed_as_the_document_says(served, judge, ours, home):
    answer = ours.get("/v1/models")
    judge(answer.json, schema_of(served, "/v1/models", "get", 200))
    assert home.agent.name in {model["id"] for model in answer.json["data"]}


def test_a_model_is_read_by_name_and_by_id_as_it_is_listed(served, judge, ours, home):
    agents.version(agents.agent(home.org, name="Sales/EU & 50 % off?"), 1)
    listed = {model["id"]: model for model in ours.get(MODELS).json["data"]}
    assert "Sales/EU & 50 % off?" in listed
    for name, model in listed.items():
        answer = ours.get(f"{MODELS}/{quote(name, safe='')}")
        judge(answer.json, schema_of(served, f"{MODELS}/{{model}}", "get", 200))
        assert answer.json == model
    assert ours.get(f"{MODELS}/{home.agent.id}").json == listed[home.agent.name]


def test_only_models_that_are_listed_are_found(served, judge, ours, home, theirs):
    others = {
        "unpublished": agents.agent(home.org, name="Draft"),
        "switched off": agents.agent(home.org, name="Off", enabled=False),
        "archived": agents.agent(home.org, name="Old", archived=True),
        "of another organisation": theirs.agent,
    }
    for each in ("switched off", "archived"):
        agents.version(others[each], 1)
    paths = [str(UNKNOWN), "Nobody", "%00", home.agent.name.upper(), f"/{home.agent.name}"]
    paths += [path for agent in others.values() for path in (str(agent.id), agent.name)]
    for path in paths:
        answer = ours.get(f"{MODELS}/{path}")
        assert (answer.status_code, answer.mimetype) == (404, "application/json"), path
        judge(answer.json, schema_of(served, f"{MODELS}/{{model}}", "get", 404))
        assert answer.json["error"]["type"] == "not_found_error"


def test_a_stream_is_described(served, ask, answered):
    answered(status="complete", parts=[HELLO])
    answer = ask(stream=True)
    assert answer.text.endswith("data: [DONE]\n\n")
    content = served["paths"][CHAT]["post"]["responses"]["200"]["content"]
    assert content.keys() == {"application/json", answer.mimetype}
    assert "`[DONE]`" in content[answer.mimetype]["schema"]["description"]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"model": "Nobody"}, 404),
        ({"metadata": {"thread_id": str(UNKNOWN)}}, 404),
        ({"messages": []}, 422),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            400,
        ),
        ({}, 424),
    ],
)
def test_refusals_have_the_form_that_the_document_says(served, judge, ask, answered, values, status):
    answered(status="failed", error="The model does not answer.")
    answer = ask(**values)
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    judge(answer.json, schema_of(served, CHAT, "post", status))
    assert answer.json["error"]["message"]


def test_every_refusal_is_described_in_openais_form_and_no_other(served):
    for path, methods in served["paths"].items():
        for operation in methods.values():
            for status in operation["responses"].keys() - {"200", "201", "202", "204", "304"}:
                name = operation["responses"][status]["$ref"].rpartition("/")[2]
                (kind,) = served["components"]["responses"][name]["content"]
                assert (kind == "application/json") == path.startswith("/v1/"), (path, status)


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, True),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}, True),
        ({"temperature": 0.5, "tools": [], "stream": None, "stream_options": None}, True),
        ({"n": 2}, False),
        ({"model": None}, False),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, False),
        ({"metadata": {"thread_id": "1"}}, False),
    ],
)
def test_a_question_is_taken_as_the_document_says(served, judge, ask, answered, change, taken):
    schema = served["paths"][CHAT]["post"]["requestBody"]["content"]["application/json"]["schema"]
    question = {"model": "Support", "messages": HI, **change}
    if taken:
        judge(question, schema)
    else:
        with pytest.raises(jsonschema.ValidationError):
            judge(question, schema)
    answered(status="complete", parts=[HELLO])
    assert ask(**change).status_code == (200 if taken else 422)


@pytest.mark.parametrize(
    ("error", "status"),
    [("The model does not answer.", 424), (f"{OVER} of 1 USD a day is used up.", 429)],
)
def test_an_answer_that_failed_names_its_thread(served, ours, ask, answered, error, status):
    answered(status="failed", error=error)
    for stream in (False, True):
        answer = ask(stream=stream)
        assert answer.status_code == (200 if stream else status)
        thread = ours.get(f"/api/v1/threads/{answer.headers['X-Thread-Id']}").json
        assert (thread["origin"], thread["name"]) == ("api", "Hi")
    assert "X-Thread-Id" in served["components"]["responses"][f"openai_{status}"]["headers"]

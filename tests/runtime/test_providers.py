"""Models through their real protocols: what is said, called and used, and what goes wrong."""

import asyncio
from uuid import uuid4

import pytest

from app.connections.services.targets import ModelTarget
from app.runtime.providers import Done, Exchange, Limits, ModelFailed, Said
from app.runtime.turns import Call, ToolSpec, Turn
from tests.support.answers import permitting
from tests.support.apart import apart
from tests.support.model_server import Answer, model_server

SECRET = "sk-very-secret-value"
CLOCK = ToolSpec("clock", "The time", {"type": "object", "properties": {"zone": {"type": "string"}}})
HELLO = (Turn("user", "Hello?"),)
KINDS = pytest.mark.parametrize("kind", ["openai", "anthropic"])


@pytest.fixture
def server(app):
    with permitting(app) as permit, model_server() as server:
        permit(server, kind="model")
        yield server


def exchange(server, kind="openai", turns=HELLO, tools=(), **limits):
    base = f"{server.url}/v1" if kind == "openai" else server.url
    target = ModelTarget(uuid4(), kind, base, SECRET, "m", None, None, None, "Main")
    return Exchange(target, "Be kind.", turns, tools, Limits(**limits))


def heard(talk, waits=None):
    async def collect():
        return [event async for event in talk.answer(waits if waits is not None else [].append)]

    return apart(asyncio.run, collect())


@KINDS
def test_an_answer_comes_in_pieces_with_its_thoughts_and_its_use(server, kind):
    server.answers = [Answer(("Hel", "lo."), ("Hm", "m."))]
    events = heard(exchange(server, kind, temperature=0.5, max_output_tokens=99))
    assert events == [
        Said("reasoning", "Hm"),
        Said("reasoning", "m."),
        Said("text", "Hel"),
        Said("text", "lo."),
        Done([], 11, 7),
    ]
    asked = server.seen[0]
    assert (asked["temperature"], asked["model"], asked["stream"]) == (0.5, "m", True)
    assert 99 in (asked.get("max_tokens"), asked.get("max_completion_tokens"))
    assert SECRET in (server.headers[0].get("x-api-key"), server.headers[0].get("authorization", "")[7:])


@KINDS
def test_a_call_and_its_result_go_back_and_forth(server, kind):
    server.answers = [
        Answer(("Let me see.",), calls=(("c1", "clock", '{"zone": "UTC"}'),)),
        Answer(("Noon.",)),
    ]
    talk = exchange(server, kind, tools=[CLOCK])
    call = Call("c1", "clock", {"zone": "UTC"})
    assert heard(talk)[-1] == Done([call], 11, 7)
    talk.give([(call, "12:00")])
    assert heard(talk)[0] == Said("text", "Noon.")
    assert "12:00" in str(server.seen[1]["messages"])
    assert server.seen[1]["tools"]


@KINDS
def test_what_was_said_before_is_told_in_order(server, kind):
    call = Call("c9", "clock", {"zone": "UTC"})
    turns = [
        Turn("user", "First?"),
        Turn("assistant", "Wait.", [call]),
        Turn("tool", "11:00", call_id="c9", name="clock"),
        Turn("assistant", "Eleven."),
        Turn("user", "Sure?"),
    ]
    heard(exchange(server, kind, turns, [CLOCK]))
    said = str(server.seen[0]["messages"])
    places = [said.index(words) for words in ("First?", "Wait.", "11:00", "Eleven.", "Sure?")]
    assert places == sorted(places)


def test_arguments_that_are_no_json_object_arrive_as_they_are(server):
    server.answers = [Answer(calls=(("c1", "clock", '{"zone": '),))]
    assert heard(exchange(server, tools=[CLOCK]))[-1].calls == [Call("c1", "clock", '{"zone": ')]


@KINDS
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            Answer(status=401, body=b'{"error": {"message": "bad key sk-very-secret-value"}}'),
            "refused the key",
        ),
        (Answer(status=404, body=b'{"error": {"message": "no such model"}}'), "knows no model m"),
        (Answer(status=400, body=b'{"error": {"message": "no"}}'), r"refused the request \(400\)"),
        (Answer(status=429, body=b"{}", headers={"Retry-After": "90"}), "patience"),
        (Answer(status=429, body=b"{}", headers={"Retry-After": "9" * 5000}), "patience"),
        (
            Answer(status=307, body=b"x", headers={"Location": "http://127.0.0.1:1/"}),
            r"refused the request \(307\)",
        ),
        (Answer(("Half an",), cut=True), "broke"),
        (Answer(body=b"<html>no</html>"), "cannot be read"),
        (Answer(body=b"data: {broken\n\n", headers={"Content-Type": "text/event-stream"}), "cannot be read"),
        (Answer(body=b"x" * (33 * 1024 * 1024), headers={"Content-Type": "text/event-stream"}), "larger"),
    ],
    ids=["401", "404", "400", "429", "later", "redirect", "cut", "html", "malformed", "huge"],
)
def test_ap_4_what_goes_wrong_is_said_without_the_key(server, kind, answer, words):
    server.answers = [answer]
    with pytest.raises(ModelFailed, match=words) as caught:
        heard(exchange(server, kind))
    assert SECRET not in f"{caught.value} {caught.value.detail}"
    assert len(server.seen) == 1


@KINDS
@pytest.mark.parametrize("after", ["0", "\u00b2"])
def test_ap_4_a_provider_that_fails_for_a_moment_is_asked_again(server, kind, after):
    busy = Answer(status=429, body=b"{}", headers={"Retry-After": after})
    server.answers = [busy, Answer(status=503, body=b"{}"), Answer(("At last.",))]
    waits = []
    assert heard(exchange(server, kind), waits.append)[0] == Said("text", "At last.")
    assert len(waits) == 2
    server.answers, server.seen = [Answer(status=500, body=b"{}")], []
    with pytest.raises(ModelFailed, match="failed"):
        heard(exchange(server, kind))
    assert len(server.seen) == 3


def test_ss_1_a_model_at_a_forbidden_address_is_not_asked(app):
    with permitting(app), model_server() as server:
        with pytest.raises(ModelFailed, match=r"not permitted|public"):
            heard(exchange(server))
        assert server.seen == []


@KINDS
def test_what_cannot_be_stored_of_a_text_is_replaced(server, kind):
    server.answers = [Answer(("a\0b", "\ud83d"), ("\udc00",))]
    said = [(event.kind, event.text) for event in heard(exchange(server, kind))[:-1]]
    assert said == [("reasoning", "?"), ("text", "a\ufffdb"), ("text", "?")]

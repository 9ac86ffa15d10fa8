"""How much models reason: what each provider is told, and that none refuses what agents may say."""

import asyncio
from itertools import product
from uuid import uuid4

import pytest

from app.agents.snapshot import EFFORTS
from app.connections.services.targets import ModelTarget
from app.runtime.providers import Exchange, ModelFailed
from app.runtime.turns import Call, Limits, Thought, ToolSpec, Turn
from tests.support.apart import apart
from tests.support.model_server import Answer

CLOCK = ToolSpec("clock", "The time", {"type": "object", "properties": {}})
HELLO = (Turn("user", "Hello?"),)
CLOCKED = Call("c1", "clock", {})
PICKY, IGNORANT = (
    Answer(status=400, body=b'{"error": {"message": "%s", "param": "reasoning_effort"}}' % words)
    for words in (b"Function tools with reasoning_effort are not supported.", b"Unrecognized argument.")
)
BUDGETED, ADAPTIVE = "claude-haiku-4-5", "claude-opus-5"


def exchange(server, kind, model, turns=HELLO, **limits):
    base = f"{server.url}/v1" if kind == "openai" else server.url
    target = ModelTarget(uuid4(), kind, base, "sk-1", model, None, None, None, "Main")
    return Exchange(target, "Be kind.", turns, [CLOCK], Limits(**limits))


def heard(talk):
    async def collect():
        return [event async for event in talk.answer([].append)]

    return apart(asyncio.run, collect())


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("m", None, None),
        ("m", "off", "none"),
        ("m", "low", "low"),
        ("qwen3", "high", "high"),
        ("gpt-5.1", "off", "none"),
        ("gpt-5.1", "medium", "medium"),
        ("gpt-5", "off", "minimal"),
        ("o3", "off", "low"),
        ("o3", "high", "high"),
        ("gpt-4o", "high", None),
        ("gpt-4.1-mini", "off", None),
    ],
)
def test_openai_is_told_the_effort_that_the_model_takes(server, model, effort, sent):
    heard(exchange(server, "openai", model, reasoning_effort=effort))
    assert server.seen[0].get("reasoning_effort") == sent


def picky(asked):
    """A model that takes no tools while it reasons, as it does by default."""
    return PICKY if asked.get("tools") and asked.get("reasoning_effort") != "none" else Answer(("Hello.",))


def ignorant(asked):
    """A model that may not be told of reasoning."""
    return IGNORANT if "reasoning_effort" in asked else Answer(("Hello.",))


@pytest.mark.parametrize(
    ("model", "effort", "choose", "sent"),
    [
        ("gpt-5.6-luna", "high", picky, ["high", "none"]),
        ("gpt-5.6-luna", None, picky, [None, "none"]),
        ("own", "high", ignorant, ["high", "none", None]),
        ("own", "off", ignorant, ["none", None]),
    ],
)
def test_a_model_that_refuses_to_be_told_is_asked_with_less(server, model, effort, choose, sent):
    server.choose = choose
    talk = exchange(server, "openai", model, reasoning_effort=effort)
    for _ in range(2):
        assert heard(talk)[0].text == "Hello."
    assert [asked.get("reasoning_effort") for asked in server.seen] == [*sent, sent[-1]]


def test_a_refusal_for_another_reason_is_told_at_once(server):
    server.answers = [Answer(status=400, body=b'{"error": {"message": "no"}}')]
    with pytest.raises(ModelFailed, match="400"):
        heard(exchange(server, "openai", "own", reasoning_effort="high"))
    assert len(server.seen) == 1


def budget(tokens):
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("model", "effort", "most", "sent"),
    [
        (BUDGETED, None, None, None),
        (BUDGETED, "off", None, None),
        (BUDGETED, "low", None, budget(2_048)),
        (BUDGETED, "medium", None, budget(10_000)),
        (BUDGETED, "high", 1_000_000, budget(16_384)),
        (BUDGETED, "high", 3_000, budget(1_500)),
        (BUDGETED, "low", 2_047, None),
        ("own-model", "low", None, budget(2_048)),
        ("claude-3-5-own", "high", None, None),
        (ADAPTIVE, None, None, None),
        (ADAPTIVE, "off", None, {"type": "disabled"}),
        (ADAPTIVE, "low", 1, {"type": "adaptive"}),
    ],
)
def test_anthropic_is_told_to_think_as_the_model_can(server, model, effort, most, sent):
    heard(exchange(server, "anthropic", model, reasoning_effort=effort, max_output_tokens=most))
    (asked,) = server.seen
    assert (asked.get("thinking"), server.refused) == (sent, [])
    if sent == {"type": "adaptive"}:
        assert asked["output_config"] == {"effort": "low"}


def test_anthropic_refuses_nothing_that_the_form_allows(server):
    models = (BUDGETED, ADAPTIVE, "claude-sonnet-4-6", "claude-opus-5-5", "m")
    for model, effort, warmth, most in product(
        models, (None, *EFFORTS), (None, 0.0, 2.0), (None, 1, 1_024, 2_500)
    ):
        limits = {"reasoning_effort": effort, "temperature": warmth, "max_output_tokens": most}
        heard(exchange(server, "anthropic", model, **limits))
    assert server.refused == []
    assert {asked.get("temperature") for asked in server.seen} == {None, 0.0, 1.0}


@pytest.mark.parametrize("effort", [None, "off"])
def test_the_temperature_counts_where_no_model_thinks(server, effort):
    heard(exchange(server, "anthropic", BUDGETED, reasoning_effort=effort, temperature=0.3))
    assert server.seen[0]["temperature"] == 0.3


@pytest.mark.parametrize("model", [BUDGETED, ADAPTIVE])
def test_thoughts_come_back_within_an_answer(server, model):
    second = Answer(calls=(("c2", "clock", "{}"),))
    server.answers = [
        Answer(("Hm.",), ("Let ", "me see"), "aGlk", (("c1", "clock", "{}"),)),
        second,
        Answer(),
    ]
    talk = exchange(server, "anthropic", model, reasoning_effort="high", temperature=0.2)
    for call in (CLOCKED, Call("c2", "clock", {})):
        assert heard(talk)[-1].calls == [call]
        talk.give([(call, "Noon")])
    heard(talk)
    assert server.refused == []
    assert all(asked["thinking"]["type"] in {"enabled", "adaptive"} for asked in server.seen)


def forged(**changes):
    """A call after thoughts that no server signed."""
    thought = Thought(**{"text": "Mine", "signature": "bm8=", **changes})
    return [
        Turn("user", "Time?"),
        Turn("assistant", "", [CLOCKED], said=[thought]),
        Turn("tool", "Noon", call_id="c1", name="clock"),
    ]


@pytest.mark.parametrize("changes", [{}, {"text": "", "name": "redacted_thinking"}])
def test_what_the_provider_did_not_sign_is_refused(server, changes):
    with pytest.raises(ModelFailed, match="400"):
        heard(exchange(server, "anthropic", BUDGETED, forged(**changes), reasoning_effort="high"))
    assert "Invalid" in server.refused[0]


@pytest.mark.parametrize("more", [(), (Turn("user", "Still there?"),)])
def test_calls_without_their_thoughts_are_gone_on_from_without_thinking(server, more):
    turns = [*forged(signature=None, text="", name="none")[:1], Turn("assistant", "Wait.", [CLOCKED])]
    turns += [Turn("tool", "Noon", call_id="c1", name="clock"), *more]
    heard(exchange(server, "anthropic", BUDGETED, turns, reasoning_effort="high"))
    heard(exchange(server, "anthropic", ADAPTIVE, turns, reasoning_effort="high"))
    done = [*turns[:3], Turn("assistant", "Noon."), Turn("user", "Sure?")]
    heard(exchange(server, "anthropic", BUDGETED, done, reasoning_effort="high"))
    assert server.refused == []
    assert [asked.get("thinking", {}).get("type") for asked in server.seen] == [None, "adaptive", "enabled"]

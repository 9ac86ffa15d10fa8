"""How much models reason: what each provider is told, and that thoughts come back with the answer they belong to."""

import asyncio
from itertools import product
from uuid import uuid4

import pytest

from app.agents.snapshot import EFFORTS
from app.connections.services.targets import ModelTarget
from app.db.session import transaction
from app.db.tables import Task, TaskEvent
from app.orgs.models import SpendReservation
from app.orgs.repo.spending import Payer
from app.runtime.providers import Exchange, ModelFailed
from app.runtime.repo import KEPT
from app.runtime.services.spending import Spending
from app.runtime.services.thoughts import keep_thoughts, kept_thoughts
from app.runtime.turns import Call, Limits, Round, Thought, ToolSpec, Turn
from tests.factories import agents, connections, orgs
from tests.factories.rows import rows
from tests.support.apart import apart
from tests.support.database import as_owner
from tests.support.model_server import Answer, thinking_blocks
from tests.support.staged import CALL, answer, approvals, decide, kinds

CLOCK = ToolSpec("clock", "The time", {"type": "object", "properties": {}})
HELLO = (Turn("user", "Hello?"),)
CLOCKED = Call("c1", "clock", {})
THOUGHTFUL = Answer(("Let me look.",), ("The zone ", "is Rome."), "aGlkZGVu", (CALL,))
BUDGETED, ADAPTIVE = "claude-haiku-4-5", "claude-opus-5"


def target(server, kind, model, **known):
    base = f"{server.url}/v1" if kind == "openai" else server.url
    sizes = {"context_size": None, "input_price_micros": None, "output_price_micros": None, **known}
    return ModelTarget(uuid4(), kind, base, "sk-1", model, connection="Main", **sizes)


def exchange(server, kind, model, turns=HELLO, **limits):
    return Exchange(target(server, kind, model), "Be kind.", turns, [CLOCK], Limits(**limits))


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


@pytest.fixture
def claude(org, server):
    """A connection by Anthropic's protocol."""
    opened = connections.connection(
        org,
        slug="claude",
        kind="anthropic",
        base_url=server.url,
        credential_id=connections.credential(org).id,
    )
    connections.model(opened, BUDGETED, context_size=100_000)


@pytest.fixture
def wait(claude, begin, work):
    """A function that asks a thinking agent, which comes to wait; where the conversation is."""

    def act(*answers, effort="high", model=BUDGETED, **values):
        place = begin(
            "ask",
            *answers,
            provider="claude",
            model=model,
            reasoning_effort=effort,
            temperature=0.4,
            **values,
        )
        (ending,) = work()
        assert ending.status == "waiting", ending
        return place

    return act


@pytest.fixture
def unkept():
    """A function that forgets the thoughts of answers, as answers from before they were kept have none."""

    def act():
        with as_owner() as session:
            session.query(TaskEvent).filter(TaskEvent.kind == KEPT).delete()

    return act


def said_again(server):
    """The blocks of the agent's last turn as the provider was told them."""
    return [part for part in server.seen[-1]["messages"] if part["role"] == "assistant"][-1]["content"]


@pytest.mark.parametrize("model", [BUDGETED, ADAPTIVE])
def test_an_answer_goes_on_with_the_thoughts_it_had(wait, member, server, work, model):
    wait(THOUGHTFUL, model=model)
    decide(member, approvals()[0])
    (ending,) = work()
    assert (ending.status, server.refused) == ("succeeded", [])
    assert said_again(server)[:2] == thinking_blocks(THOUGHTFUL)
    assert [block["type"] for block in said_again(server)[2:]] == ["text", "tool_use"]
    assert server.seen[-1]["thinking"]["type"] in {"enabled", "adaptive"}
    assert kinds(answer()) == ["reasoning", "text", "tool_call", "tool_result", "text"]
    assert rows(TaskEvent, kind=KEPT) == []


def test_calls_of_one_turn_go_back_together_behind_their_thoughts(wait, member, server, work):
    calls = (("c1", "current_time", "{}"), ("c2", "no_such_tool", "{}"), ("c3", "current_time", "{}"))
    wait(Answer((), ("Both zones.",), calls=calls))
    for approval in approvals():
        decide(member, approval)
    (ending,) = work()
    assert (ending.status, server.refused) == ("succeeded", [])
    assert [block["type"] for block in said_again(server)] == ["thinking", *["tool_use"] * 3]
    results = server.seen[-1]["messages"][-1]["content"]
    assert [result["tool_use_id"] for result in results if result["type"] == "tool_result"] == [
        "c1",
        "c2",
        "c3",
    ]


def test_an_answer_that_waits_again_keeps_all_its_thoughts(wait, member, server, work):
    wait(THOUGHTFUL, Answer((), ("Once more.",), calls=(("c8", "current_time", "{}"),)))
    for _ in range(2):
        assert len(rows(TaskEvent, kind=KEPT)) == 1
        decide(member, approvals()[-1])
        work()
    assert (answer().status, server.refused) == ("complete", [])
    assert str(server.seen[-1]["messages"]).count("'signature'") == 2


def test_without_its_thoughts_an_answer_goes_on_without_thinking(wait, member, server, work, unkept):
    again = Answer((), (), calls=(("c8", "current_time", "{}"),))
    wait(THOUGHTFUL, again)
    unkept()
    for _ in range(2):
        decide(member, approvals()[-1])
        work()
    assert (answer().status, server.refused) == ("complete", [])
    assert ["thinking" in asked for asked in server.seen] == [True, False, False]
    assert server.seen[-1]["temperature"] == 0.4


def test_thoughts_go_back_by_openais_protocol_as_well(begin, member, server, work):
    begin("ask", Answer((), ("The zone is Rome.",), calls=(CALL,)), reasoning_effort="low")
    work()
    decide(member, approvals()[0])
    work()
    assert [asked["reasoning_effort"] for asked in server.seen] == ["low", "low"]
    assert server.seen[1]["messages"][2]["reasoning_content"] == "The zone is Rome."


def test_nobody_is_shown_what_a_provider_wants_back(wait, member, server, org):
    place = wait(THOUGHTFUL)
    (task,) = rows(Task)
    signature = thinking_blocks(THOUGHTFUL)[0]["signature"]
    pages = [place, f"/o/acme/tasks/{task.id}", f"/o/acme/threads/{task.thread_id}"]
    told = [member.get(page).text for page in pages]
    told.append(member.get(f"{place}/runs/{task.id}/events").text)
    told.append(str([event.data for event in rows(TaskEvent)]))
    told.append(str(answer().parts))
    for text in told:
        assert signature not in text
        assert THOUGHTFUL.hidden not in text


@pytest.mark.parametrize("way", ["stop", "retry"])
def test_thoughts_of_an_answer_that_was_given_up_are_gone(wait, member, server, work, way):
    place = wait(THOUGHTFUL)
    member.submit(f"{place}/stop", {})
    assert rows(TaskEvent, kind=KEPT) == []
    if way == "retry":
        server.answers = [Answer(calls=(CALL,)), Answer(("Noon.",))]
        member.submit(f"{place}/messages/{answer().id}/retry", {})
        work()
        decide(member, approvals()[-1])
        work()
        assert (answer().status, server.refused) == ("complete", [])


def test_thoughts_are_for_the_model_that_had_them(org, person, server, begin, acting):
    begin()
    acting(org, person)
    (task,) = rows(Task)
    model = target(server, "anthropic", BUDGETED)
    other = target(server, "anthropic", ADAPTIVE)
    had = [Round([Thought("a\0b", "c2ln"), Thought("\ud83d", "c2ln"), "Text"], ["c1"])]
    with transaction():
        keep_thoughts(org.id, task.id, model, [Round([Thought("Hm", "c2ln"), "Text"], ["c1"]), Round()])
    assert kept_thoughts(org.id, task.id, model) == [
        Round([Thought("Hm", "c2ln"), "Text"], ["c1"]),
        Round([], []),
    ]
    assert kept_thoughts(org.id, task.id, other) == []
    with transaction():
        keep_thoughts(org.id, task.id, model, had)
    assert kept_thoughts(org.id, task.id, model) in ([], had)


def test_a_failed_answer_with_calls_does_not_keep_the_next_from_being_given(
    claude, begin, member, server, work
):
    broken = Answer(("Half",), cut=True)
    where = {"provider": "claude", "model": BUDGETED, "reasoning_effort": "high"}
    place = begin("allow", Answer((), ("Hm.",), calls=(CALL,)), broken, **where)
    work()
    assert answer().status == "failed"
    assert member.submit(place, {"message": "And now?", "version": "1"}).status_code == 303
    work()
    assert (answer().status, server.refused) == ("complete", [])


def test_the_draft_reasons_in_the_playground_as_it_says(org, member, server, work):
    made = agents.agent(
        org, primary_model_provider="main", primary_model="m", reasoning_effort="medium", settings={}
    )
    member.submit(f"/o/acme/agents/{made.id}/playground", {"message": "Hi", "version": "draft"})
    work()
    assert server.seen[0]["reasoning_effort"] == "medium"


@pytest.fixture
def home(org, person, acting):
    """A function that has the test act in the organisation, which it returns."""

    def enter():
        acting(org, person)
        return org

    return enter


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ((BUDGETED, None, 1_000_000), 64_000),
        ((BUDGETED, None, 900), 900),
        ((BUDGETED, 8_000, 1_000_000), 8_000),
        (("m", 8_000, 9_000), 8_000),
        (("m", None, 9_000), 9_000),
        ((BUDGETED, None, None), 4_096),
    ],
)
def test_the_smaller_limit_is_asked_for_and_reserved(home, server, begin, limits, most):
    begin()
    org = home()
    model, context, wanted = limits
    (task,) = rows(Task)
    with as_owner() as session:
        session.query(Task).update({"status": "running"})
    orgs.spend_limit(org, 10_000_000)
    prices = {"input_price_micros": 0, "output_price_micros": 1_000_000}
    spending = Spending(
        Payer(org.id, task.id, None),
        target(server, "anthropic", model, context_size=context, **prices),
        wanted,
    )
    assert spending.most_tokens == most
    spending.hold(40)
    (held,) = rows(SpendReservation)
    assert held.amount_micros == most

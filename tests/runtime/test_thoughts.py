"""Thoughts come back to the provider with the answer that they belong to, and what one may take is reserved."""

from uuid import uuid4

import pytest

from app.connections.services.targets import ModelTarget
from app.db.session import transaction
from app.db.tables import Task, TaskEvent
from app.orgs.models import SpendReservation
from app.orgs.repo.spending import Payer
from app.runtime.repo import KEPT
from app.runtime.services.spending import Spending
from app.runtime.services.thoughts import keep_thoughts, kept_thoughts
from app.runtime.turns import Round, Thought
from tests.factories import agents, connections, orgs
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.model_server import Answer, thinking_blocks
from tests.support.staged import CALL, answer, approvals, decide, kinds

THOUGHTFUL = Answer(("Let me look.",), ("The zone ", "is Rome."), "aGlkZGVu", (CALL,))
BUDGETED, ADAPTIVE = "claude-haiku-4-5", "claude-opus-5"


def target(server, model, **known):
    sizes = {"context_size": None, "input_price_micros": None, "output_price_micros": None, **known}
    return ModelTarget(uuid4(), "anthropic", server.url, "sk-1", model, connection="Main", **sizes)


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
    model = target(server, BUDGETED)
    other = target(server, ADAPTIVE)
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
        target(server, model, context_size=context, **prices),
        wanted,
    )
    assert spending.most_tokens == most
    spending.hold(40)
    (held,) = rows(SpendReservation)
    assert held.amount_micros == most

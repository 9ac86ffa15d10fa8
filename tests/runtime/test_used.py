"""What answers took that did not end well: it is told and counted, once."""

import pytest

from app.db.tables import Task
from app.threads.models import Thread
from tests.factories.rows import rows
from tests.support.model_server import Answer
from tests.support.staged import CALL, answer, approvals, decide

LOOK = Answer(("Let me look.",), calls=(("c1", "current_time", "{}"),))


@pytest.fixture
def ask(member, agent, server, work):
    """A function that asks a model which answers so; where the conversation is."""

    def act(*answers):
        server.answers = list(answers)
        place = f"/o/acme/agents/{agent.id}/playground"
        begun = member.submit(place, {"message": "Where?", "version": "draft"})
        work()
        return begun.location

    return act


def assert_took(turns):
    """The failed answer and its thread count so many calls of the model, at 25 millionths each."""
    found, (thread,), (task,) = answer(), rows(Thread), rows(Task)
    assert (found.status, found.model) == ("failed", "m")
    assert (found.input_tokens, found.output_tokens, found.cost_micros) == (11 * turns, 7 * turns, 25 * turns)
    assert (thread.tokens, thread.cost_micros, task.cost_micros) == (18 * turns, 25 * turns, 25 * turns)
    assert found.latency_ms >= 0


def test_an_answer_that_ends_at_its_budget_of_calls_counts_all_turns(ask):
    ask(LOOK)
    assert "more than 10 tool calls" in answer().error
    assert_took(11)
    assert answer().first_token_ms <= answer().latency_ms


def test_an_answer_whose_later_turn_is_refused_counts_the_earlier(ask):
    ask(LOOK, Answer(status=400, body=b'{"error": {"message": "too long"}}'))
    assert_took(1)


def test_an_answer_that_was_held_back_counts_what_it_took(ask):
    ask(Answer(("Well,",), finish="content_filter"))
    assert_took(1)


def test_an_answer_that_waited_counts_its_turns_once(begin, member, work):
    begin("ask", *[Answer(calls=(CALL,))] * 2, settings={"max_tool_calls": 1})
    work()
    assert rows(Task)[0].cost_micros == 25
    decide(member, approvals()[0])
    work()
    assert_took(2)


def test_an_answer_stopped_while_it_waits_keeps_what_it_took(begin, member, work):
    place = begin("ask")
    work()
    assert member.submit(f"{place}/stop", {}).status_code == 303
    (task,) = rows(Task)
    assert (answer().status, answer().input_tokens, answer().cost_micros) == ("stopped", 11, 25)
    assert (rows(Thread)[0].tokens, task.cost_micros) == (18, 25)


def test_trying_again_counts_both_at_the_task(ask, member, server, work):
    place = ask(LOOK, Answer(status=400, body=b"{}"))
    server.answers = [Answer(("Here.",))]
    assert member.submit(f"{place}/messages/{answer().id}/retry", {}).status_code == 303
    work()
    assert (answer().status, answer().cost_micros, rows(Task)[0].cost_micros) == ("complete", 25, 50)


def test_an_answer_whose_model_never_spoke_counts_nothing(ask):
    ask(Answer(status=401, body=b"{}"))
    found = answer()
    assert (found.model, found.input_tokens, found.output_tokens, found.cost_micros) == (
        "m",
        None,
        None,
        None,
    )


def test_an_answer_that_broke_off_counts_what_it_must_have_taken(ask):
    ask(Answer(("x" * 400,), cut=True))
    found = answer()
    assert (found.output_tokens, [part["kind"] for part in found.parts]) == (101, ["text", "notice", "error"])
    assert rows(Thread)[0].tokens == found.input_tokens + 101

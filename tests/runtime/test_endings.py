"""Answers that their model or its provider ended early: cut, held back, refused, or without a word."""

import pytest
from sqlalchemy import update

from app.connections.models import ModelConnection
from tests.support.database import as_owner
from tests.support.model_server import Answer
from tests.support.staged import CALL, answer, kinds

KINDS = pytest.mark.parametrize("kind", ["openai", "anthropic"])


@pytest.fixture
def ask(member, agent, server, work):
    """A function that asks a model of this kind which answers so; the page of the conversation."""

    def act(kind, *answers):
        base = f"{server.url}/v1" if kind == "openai" else server.url
        with as_owner() as session:
            session.execute(update(ModelConnection).values(kind=kind, base_url=base))
        server.answers = list(answers)
        place = f"/o/acme/agents/{agent.id}/playground"
        begun = member.submit(place, {"message": "Where?", "version": "draft"})
        work()
        return member.page(begun.location)

    return act


@KINDS
def test_an_answer_that_reached_its_length_says_so(ask, kind):
    page = ask(kind, Answer(("It is on its",), finish="length"))
    assert (answer().status, kinds(answer()), answer().error) == ("complete", ["text", "notice"], None)
    assert "reached its longest answer" in page.get_text()


@KINDS
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Answer(("Well,",), finish="content_filter"), "content filter"),
        (Answer(refusal="I must not say that.", finish="content_filter"), "I must not say that."),
        (Answer(), "gave no answer"),
        (Answer((), ("Hm.",)), "gave no answer"),
        (Answer((" \n",)), "gave no answer"),
        (Answer((), ("Hm.",), finish="length"), "before it said anything"),
    ],
    ids=["filtered", "refused", "empty", "thoughts", "blank", "cut"],
)
def test_ap_4_what_is_no_answer_has_failed_and_can_be_tried_again(ask, kind, given, words):
    page = ask(kind, given)
    found = answer()
    assert (found.status, found.parts[-1]["kind"]) == ("failed", "error")
    assert words in found.error
    assert (found.parts[0].get("text") == "Well,") == bool(given.text and given.finish)
    assert page.find(string="Retry")


def test_a_refusal_in_openais_words_ends_as_one(ask):
    ask("openai", Answer(refusal="I cannot help with that."))
    assert answer().error == "The model refused to answer: I cannot help with that."


@KINDS
def test_a_call_that_was_cut_is_not_made(ask, kind):
    ask(kind, Answer(("Let me",), calls=(("c1", "current_time", ""),), finish="length"))
    assert (answer().status, kinds(answer())) == ("failed", ["text", "error"])
    assert "amid a tool call" in answer().error


@KINDS
def test_an_answer_that_ends_silently_behind_its_calls_is_complete_if_it_spoke_before(ask, kind):
    call = ("c1", "current_time", "{}")
    ask(kind, Answer(("It is noon.",), calls=(call,)), Answer())
    assert (answer().status, kinds(answer())) == ("complete", ["text", "tool_call", "tool_result"])


def test_a_permission_that_was_cut_is_none(begin, work):
    begin("agent", Answer(calls=(CALL,)), Answer(("ALLOW",), finish="length"))
    work()
    assert answer().status == "waiting"

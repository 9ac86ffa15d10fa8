"""What is sent in the playground and cannot be said as things stand: the form comes back with it."""

import pytest
from sqlalchemy import update

from app.db.tables import Task
from app.threads.models import Message
from tests.factories import agents
from tests.factories.rows import rows
from tests.support.pages import check_page

BUSY = "This thread is being answered."


@pytest.fixture
def place(member, agent, server):
    """A conversation whose answer is still to be written."""
    return member.submit(
        f"/o/acme/agents/{agent.id}/playground", {"message": "One?", "version": "draft"}
    ).location


def composer(answer):
    """The form of a page that refused what was sent, which is whole."""
    return check_page(answer.text).find(id="composer")


def test_what_is_sent_while_an_answer_is_written_stays_in_the_form(member, place, work):
    assert member.page(place).select_one("[data-send]").has_attr("disabled")
    answer = member.submit(place, {"message": "And then?", "version": "draft"})
    assert answer.status_code == 409
    form = composer(answer)
    assert form.find(id="message").get_text().strip() == "And then?"
    assert BUSY in form.find(id="error-summary").get_text()
    assert BUSY in form.find(id="message-error").get_text()
    assert not form.select_one("[data-send]").has_attr("disabled")
    assert 'http-equiv="refresh"' not in answer.text
    assert len(rows(Message)) == 2
    work()
    assert not member.page(place).select_one("[data-send]").has_attr("disabled")
    assert member.submit(place, {"message": "And then?", "version": "draft"}).status_code == 303


def test_the_message_has_the_focus_while_an_answer_is_written(member, place, work):
    assert member.page(place).select("[autofocus]") == [member.page(place).find(id="message")]
    refused = composer(member.submit(place, {"message": "And then?", "version": "draft"}))
    assert [focused["id"] for focused in refused.select("[autofocus]")] == ["error-summary"]
    work()
    assert member.page(place).select("[autofocus]") == []


def test_stop_says_that_it_stops_until_the_answer_has_ended(connection, member, agent, place):
    both = {"message": "One?", "version": "draft", "other": "draft"}
    beside = member.submit(f"/o/acme/agents/{agent.id}/beside", both).location
    for url, label in ((place, "Stop"), (beside, "Stop both")):
        button = next(found for found in member.page(url).select("button") if found.text.strip() == label)
        assert button["data-busy"] == "Stopping…"
        connection.execute(update(Task).values(status="running"))
        assert member.submit(f"{url}/stop").status_code == 303
        (stopping,) = [found for found in member.page(url).select("button") if "Stop" in found.text]
        assert stopping.text.strip() == "Stopping…"
        assert stopping.has_attr("disabled")


def test_so_does_what_is_sent_to_two_that_are_being_asked(member, agent, server):
    both = {"message": "One?", "version": "draft", "other": "draft"}
    place = member.submit(f"/o/acme/agents/{agent.id}/beside", both).location
    assert member.page(place).select_one("[data-send]").has_attr("disabled")
    answer = member.submit(place, {**both, "message": "And then?"})
    assert answer.status_code == 409
    assert composer(answer).find(id="message").get_text().strip() == "And then?"
    assert BUSY in composer(answer).find(id="message-error").get_text()
    assert 'http-equiv="refresh"' not in answer.text
    assert len(rows(Message)) == 4


def test_so_does_another_question_in_the_place_of_one(member, place):
    first = min(rows(Message), key=lambda row: row.id)
    answer = member.submit(f"{place}/messages/{first.id}/edit", {"message": "Or?", "version": "draft"})
    assert answer.status_code == 409
    assert check_page(answer.text).find(id="message").get_text().strip() == "Or?"
    assert len(rows(Message)) == 2


@pytest.mark.parametrize("way", ["playground", "beside"])
def test_so_does_what_is_sent_to_an_agent_that_is_switched_off(member, org, server, way):
    agent = agents.agent(org, name="Off", enabled=False)
    sent = {"message": "One?", "version": "draft", "other": "draft"}
    answer = member.submit(f"/o/acme/agents/{agent.id}/{way}", sent)
    assert answer.status_code == 409
    assert composer(answer).find(id="message").get_text().strip() == "One?"
    assert "Off is switched off" in composer(answer).get_text()
    assert rows(Message) == []


@pytest.mark.parametrize("way", ["playground", "beside"])
def test_variables_without_a_value_are_named_at_their_fields(member, agent, version, server, way):
    agents.version(agent, number=2, snapshot={**version.snapshot, "prompt": "On {{day}} for {{who}}."})
    sent = {"message": "One?", "version": "1", "other": "2", "variable_day": "Monday"}
    answer = member.submit(f"/o/acme/agents/{agent.id}/{way}", sent)
    assert answer.status_code == 422
    form = composer(answer)
    assert form.find(id="message").get_text().strip() == "One?"
    assert form.find("a", string="Enter a value for who.")["href"] == "#variable_who"
    assert [field["name"] for field in form.select("input[aria-invalid]")] == ["variable_who"]
    assert rows(Message) == []
    empty = composer(member.submit(f"/o/acme/agents/{agent.id}/{way}", {**sent, "message": ""}))
    links = [link["href"] for link in empty.select("#error-summary a")]
    assert sorted(links) == ["#message", "#variable_who"]
    filled = member.submit(f"/o/acme/agents/{agent.id}/{way}", {**sent, "variable_who": "Ana"})
    assert filled.status_code == 303


def test_only_those_of_who_answers_need_one(member, agent, version, server, work):
    agents.version(agent, number=2, snapshot={**version.snapshot, "prompt": "Hi {{ user.name }}."})
    sent = {"message": "One?", "version": "2", "variable_user.name": "{{who}}"}
    place = member.submit(f"/o/acme/agents/{agent.id}/playground", sent).location
    work()
    assert server.seen[0]["messages"][0]["content"] == "Hi {{who}}."
    again = {"message": "Two?", "version": "1"}
    assert member.submit(place, again).status_code == 422
    question = min(rows(Message), key=lambda row: row.id)
    refused = member.submit(f"{place}/messages/{question.id}/edit", again)
    assert refused.status_code == 422
    assert "Enter a value for who." in refused.text
    assert len(rows(Message)) == 2


def test_an_agent_without_a_connection_says_so_before_anything_is_sent(member, org, agent, server):
    said = "This agent cannot answer yet. No connection is chosen."
    assert said in member.page(f"/o/acme/agents/{agents.agent(org).id}/playground").main.text
    assert "cannot answer yet" not in member.page(f"/o/acme/agents/{agent.id}/playground").main.text

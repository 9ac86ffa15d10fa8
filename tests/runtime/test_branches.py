"""Branches of a conversation: reached from each other, begun by another try, and never made up."""

import pytest

from app.threads.models import Message
from tests.factories.rows import rows
from tests.support.model_server import Answer


@pytest.fixture
def place(member, agent, server, work):
    """A conversation that was answered once."""
    sent = {"message": "One?", "version": "draft"}
    found = member.submit(f"/o/acme/agents/{agent.id}/playground", sent).location
    work()
    return found


def bodies(page):
    return [body.get_text(" ", strip=True) for body in page.select(".message-body")]


def test_nothing_is_said_on_a_branch_that_is_not_there(member, place):
    sent = {"message": "Where am I?", "version": "draft", "branch": "77"}
    assert member.submit(place, sent).status_code == 404
    assert len(rows(Message)) == 2
    assert bodies(member.page(f"{place}?branch=77")) == ["One?", "Hello there."]


def stored():
    return sorted(rows(Message), key=lambda row: (row.created_at, row.id))


def test_a_complete_answer_is_tried_again_on_a_branch_and_stays(member, agent, server, place, work):
    server.answers = [Answer(("Better.",))]
    path = member.page(place).find("form", action=lambda action: action.endswith("/again"))["action"]
    moved = member.submit(path, {})
    assert moved.location == f"{place}?branch=1"
    work()
    page = member.both(moved.location, "messages")
    assert bodies(page) == ["One?", "Better."]
    assert page.find("a", string="Main branch")["href"] == place
    page = member.page(place)
    assert bodies(page) == ["One?", "Hello there."]
    assert page.find("a", string="Branch 1")["href"] == moved.location
    asked = [[part["content"] for part in one["messages"]] for one in server.seen]
    assert asked[0] == asked[1] == ["Be kind.", "One?"]


def test_a_try_in_the_middle_of_a_conversation_is_told_what_was_said_before(member, server, place, work):
    member.submit(place, {"message": "Two?", "version": "draft"})
    work()
    moved = member.submit(f"{place}/messages/{stored()[-1].id}/again", {})
    work()
    assert [part["content"] for part in server.seen[-1]["messages"]] == [
        "Be kind.",
        "One?",
        "Hello there.",
        "Two?",
    ]
    again = member.submit(f"{place}/messages/{stored()[-1].id}/again", {})
    work()
    assert again.location == f"{place}?branch=2"
    assert bodies(member.page(again.location)) == bodies(member.page(moved.location))
    names = [link.get_text() for link in member.page(again.location).select(".branches a")]
    assert names == ["Main branch", "Branch 1"]


def test_the_same_version_answers_with_the_same_values(member, agent, version, server, work):
    sent = {"message": "One?", "version": "1", "variable_who": "Ana"}
    place = member.submit(f"/o/acme/agents/{agent.id}/playground", sent).location
    work()
    member.submit(f"{place}/messages/{stored()[-1].id}/again", {})
    work()
    assert server.seen[0] == server.seen[1]
    assert {row.agent_version_id for row in rows(Message, role="assistant")} == {version.id}


def test_only_answers_are_tried_again_one_at_a_time(member, place, work):
    question, answer = stored()
    assert member.submit(f"{place}/messages/{question.id}/again", {}).status_code == 404
    assert member.submit(f"{place}/messages/{answer.id}/again", {}).status_code == 303
    assert member.submit(f"{place}/messages/{answer.id}/again", {}).status_code == 409
    assert "/again" not in member.get(f"{place}?branch=1").text


def test_stopping_and_retrying_stay_on_the_branch(member, server, place, work):
    def press(page, act):
        path = page.find("form", action=lambda action: f"/{act}" in action)["action"]
        return member.submit(path).location

    on_branch = member.submit(f"{place}/messages/{stored()[-1].id}/again", {}).location
    assert press(member.page(on_branch), "stop") == on_branch
    assert press(member.page(on_branch), "retry") == on_branch
    work()
    assert bodies(member.page(on_branch)) == ["One?", "Hello there."]


def test_what_is_stopped_or_retried_too_late_shows_the_conversation_as_it_is(member, place):
    answer = stored()[-1]
    for act, words in (("stop", "already ended"), (f"messages/{answer.id}/retry", "complete")):
        assert member.submit(f"{place}/{act}").status_code == 409
        assert member.submit(f"{place}/{act}", htmx=True).location == place
        shown = member.get(place, headers={"HX-Request": "true"})
        assert words in shown.headers["HX-Trigger"]

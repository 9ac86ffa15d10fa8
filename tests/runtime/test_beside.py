"""Two versions on the same message: each in a thread of its own, at one address."""

from uuid import uuid4

import pytest

from app.db.tables import Task
from app.threads.models import Message, Thread
from tests.factories import agents, orgs, threads
from tests.factories.rows import rows
from tests.support.model_server import Answer
from tests.support.pages import parse


@pytest.fixture
def pair(member, agent, server):
    """A function that asks the draft on both sides; where both conversations are."""

    def begin(*answers):
        server.answers = list(answers)
        form = {"message": "Tell me.", "version": "draft", "other": "draft"}
        answer = member.submit(f"/o/acme/agents/{agent.id}/beside", form)
        assert answer.status_code == 303, answer.text
        return answer.location

    return begin


def test_both_answers_stand_beside_each_other_with_what_they_took(pair, member, work):
    place = pair(Answer(("One ", "word.")), Answer(("Another ", "word.")))
    waiting = member.get(place)
    assert len(parse(waiting.text).select("[data-stream]")) == 2
    assert "Stop both" in waiting.text
    assert [ended.outcome for ended in work()] == ["succeeded", "succeeded"]
    page = parse(member.get(place).text)
    said = {node.text.strip() for node in page.select(".message-assistant .message-body")}
    assert said == {"One word.", "Another word."}
    assert page.text.count("First word after") == 2
    assert {thread.origin for thread in rows(Thread)} == {"playground"}


def test_variables_of_either_version_are_asked_for_and_each_gets_its_own(member, agent, server, work):
    older = {"name": "Support", "prompt": "For {{who}}.", "provider": "main", "model": "m"}
    agents.version(agent, snapshot=older)
    agents.version(agent, snapshot={**older, "prompt": "On {{day}}."}, number=2)
    place = f"/o/acme/agents/{agent.id}/beside"
    page = parse(member.get(f"{place}?left=1&right=2").text)
    assert {field["name"] for field in page.select("[name^=variable_]")} == {"variable_who", "variable_day"}
    given = {
        "message": "Tell me.",
        "version": "1",
        "other": "2",
        "variable_who": "Ana",
        "variable_day": "Monday",
    }
    assert member.submit(place, given).status_code == 303
    work()
    told = {one["messages"][0]["content"] for one in server.seen}
    assert told == {"For Ana.", "On Monday."}


def test_what_differs_is_marked_on_demand(pair, member, work):
    place = pair(Answer(("One ", "word.")), Answer(("Another ", "word.")))
    work()
    assert not parse(member.get(place).text).select(".diff")
    marked = parse(member.get(f"{place}?difference=1").text)
    assert {node.text for node in marked.select(".diff ins, .diff del")} == {"One", "Another"}


def test_a_further_message_goes_to_both_or_to_none(pair, member, work, server):
    place = pair(Answer(("One",)), Answer(("Two",)))
    form = {"message": "More.", "version": "draft", "other": "draft"}
    assert member.submit(place, form).status_code == 409
    assert len(rows(Message)) == 4
    work()
    server.answers = [Answer(("Three",)), Answer(("Four",))]
    assert member.submit(place, form).status_code == 303
    work()
    assert len(rows(Message)) == 8
    assert member.submit(place, {**form, "message": " "}).status_code == 422
    assert member.submit(place, {**form, "other": "7"}).status_code == 422


def test_both_are_stopped_at_once(pair, member):
    place = pair(Answer(("One",)), Answer(("Two",)))
    assert member.submit(f"{place}/stop").status_code == 303
    assert {task.status for task in rows(Task)} == {"cancelled"}
    assert {row.status for row in rows(Message, role="assistant")} == {"stopped"}


def test_a_pair_must_be_two_conversations_with_one_agent_that_the_person_sees(
    pair, member, org, person, new_client
):
    left, right = pair(Answer(("One",)), Answer(("Two",))).rsplit("/beside/", 1)[0].rsplit("/", 1)[1], None
    place = f"/o/acme/playground/{left}/beside"
    other = agents.agent(org, name="Other")
    foreign = threads.thread(org, agent_id=other.id, user_id=person.id, origin="playground")
    elsewhere = orgs.org(slug="elsewhere")
    hidden = threads.thread(elsewhere, user_id=orgs.member(elsewhere).id, origin="playground")
    for one in (left, foreign.id, hidden.id, uuid4()):
        assert member.get(f"{place}/{one}").status_code == 404
    right = next(thread.id for thread in rows(Thread, org_id=org.id) if str(thread.id) != left)
    assert new_client(orgs.member(org)).get(f"{place}/{right}").status_code in {403, 404}
    assert member.get(f"/o/acme/agents/{other.id}/beside?left=draft&right=9").status_code == 200

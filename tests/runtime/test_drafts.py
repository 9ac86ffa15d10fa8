"""Answers of drafts say what the draft was, also after it was edited."""

import pytest

from app.agents.models import Agent
from app.threads.models import Message
from tests.factories import orgs, tools
from tests.factories.rows import rows, save
from tests.support.model_server import Answer
from tests.support.staged import approvals, decide


@pytest.fixture
def asked(member, agent, work):
    """A function that has the draft answer; where the conversation is."""

    def ask(version="draft"):
        sent = {"message": "One?", "version": version}
        place = member.submit(f"/o/acme/agents/{agent.id}/playground", sent).location
        work()
        return place

    return ask


def edit(agent, **values):
    (found,) = rows(Agent, id=agent.id)
    for name, value in values.items():
        setattr(found, name, value)
    save(found)


def answer():
    (found,) = rows(Message, role="assistant")
    return found


def link(member, place):
    """The way from the answer of a conversation to what was changed since."""
    facts = member.page(place).select_one(".message-assistant .message-facts")
    assert "Draft of" in facts.get_text()
    return facts.find("a", string="What changed since")["href"]


def test_an_answer_of_the_draft_leads_to_what_was_changed_since(member, agent, asked):
    place = asked()
    path = link(member, place)
    assert link(member, f"/o/acme/threads/{place.rpartition('/')[2]}") == path
    assert member.page(path).find(id="summary").get_text() == "Nothing differs."
    edit(agent, prompt="Be brief.", primary_model="n")
    page = member.page(path)
    assert page.find(id="summary").get_text() == "Prompt changed (+1 \N{MINUS SIGN}1 words), model m → n."
    assert [one.get_text() for one in page.select(".diff :is(ins, del)")] == ["kind", "brief"]


def test_answers_of_versions_and_questions_have_no_draft(member, agent, version, server, work):
    sent = {"message": "One?", "version": "1", "variable_who": "Ana"}
    place = member.submit(f"/o/acme/agents/{agent.id}/playground", sent).location
    work()
    assert "Draft of" not in member.get(place).text
    for message in rows(Message):
        assert (message.draft, message.drafted_at) == (None, None)
        assert (
            member.get(f"{place.replace('playground', 'threads')}/messages/{message.id}/changes").status_code
            == 404
        )


def test_retry_answers_by_the_draft_of_its_moment(member, agent, server, work):
    server.answers = [Answer(status=401, body=b"{}"), Answer(("Well.",))]
    sent = {"message": "One?", "version": "draft"}
    place = member.submit(f"/o/acme/agents/{agent.id}/playground", sent).location
    work()
    assert answer().draft["prompt"] == "Be kind."
    edit(agent, prompt="Be brief.")
    member.submit(f"{place}/messages/{answer().id}/retry", {})
    work()
    assert (answer().draft["prompt"], answer().status) == ("Be brief.", "complete")
    assert server.seen[-1]["messages"][0]["content"] == "Be brief."


def test_only_those_who_see_the_thread_see_its_draft(member, org, agent, asked, new_client):
    path = link(member, asked())
    assert new_client(orgs.member(org)).get(path).status_code == 404
    stranger = new_client(orgs.member(orgs.org(slug="other"), "owner"))
    assert stranger.get(path.replace("/o/acme/", "/o/other/")).status_code == 404
    assert new_client(orgs.member(org, "admin")).get(path).status_code == 200


def test_an_answer_that_waited_goes_on_by_the_draft_it_began_with(member, org, agent, server, work):
    tool = tools.tool(org, name="current_weather", approval="ask")
    edit(agent, tools_enabled=[str(tool.id)])
    server.answers = [
        Answer(calls=(("c1", "current_weather", '{"city": "Rome"}'),)),
        Answer(("Never mind.",)),
    ]
    sent = {"message": "One?", "version": "draft"}
    member.submit(f"/o/acme/agents/{agent.id}/playground", sent)
    work()
    assert answer().status == "waiting"
    edit(agent, prompt="Be brief.")
    decide(member, approvals()[0], "reject")
    work()
    assert (answer().status, answer().draft["prompt"]) == ("complete", "Be kind.")
    assert {one["messages"][0]["content"] for one in server.seen} == {"Be kind."}

"""Calls that wait for a person, in the browser: decided in one tab, followed in another, whatever is killed."""

import pytest
from playwright.sync_api import expect

from app.runtime.models import ToolApproval
from tests.factories import agents, connections
from tests.factories.rows import rows
from tests.support.called import called_server, calling_tool
from tests.support.model_server import Answer

CALL = (("c1", "book", '{"time_zone": "Europe/Rome"}'),)
WORDS = tuple(f"word{number} " for number in range(40))
SLOW = Answer(WORDS, calls=CALL, pause=0.1)
NOON = Answer(("It is ", "noon."))


@pytest.fixture(scope="module")
def called():
    with called_server() as server:
        yield server


@pytest.fixture(scope="module")
def outbound(model, called):
    return f"model:127.0.0.1:{model.server_port} tool:127.0.0.1:{called.server_port}"


@pytest.fixture
def agent(home, model, called):
    connections.connection(home.org, slug="main", base_url=f"{model.url}/v1")
    agent = agents.agent(home.org, name="Helper", primary_model_provider="main", primary_model="m")
    called.calls.clear()
    tool = calling_tool(home.org, called)
    agents.version(agent, snapshot={"name": "Helper", "provider": "main", "model": "m", "tools": [tool]})
    return agent


@pytest.fixture
def talk(home, agent, model, open_as):
    """A function that has the agent make a call that waits; the page with the conversation."""

    def begin(*answers, **options):
        model.answers = [*answers]
        page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/playground?version=1", **options)
        page.get_by_label("Message").fill("What time is it?")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".message-user .message-body")).to_have_text("What time is it?")
        return page

    return begin


def approvals(home):
    return sorted(rows(ToolApproval, org_id=home.org.id, tool="book"), key=lambda row: row.id)


def test_a_call_is_approved_in_one_tab_while_another_follows(talk, home, called):
    page = talk(Answer(("Let me look.",), calls=CALL), NOON)
    expect(page.get_by_role("button", name="Approve")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("No result yet", exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="Arguments")).to_contain_text("Europe/Rome")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("button", name="Approve")).to_be_visible()
    page.bring_to_front()
    page.get_by_role("button", name="Approve").click()
    for tab in (page, other):
        tab.bring_to_front()
        expect(tab.locator(".message-assistant .message-body")).to_contain_text("It is noon.", timeout=20_000)
        expect(tab.locator("[data-stream]")).to_have_count(0)
    assert [row.status for row in approvals(home)][-1] == "approved"
    assert called.calls == {"Europe/Rome": 1}


def test_what_is_written_stays_when_one_of_two_calls_is_decided(talk, home, called):
    calls = (*CALL, ("c2", "book", '{"time_zone": "Europe/Oslo"}'))
    page = talk(Answer(("Let me look.",), calls=calls), NOON)
    expect(page.get_by_role("button", name="Approve")).to_have_count(2, timeout=20_000)
    page.get_by_label("Message", exact=True).fill("And tomorrow?")
    page.get_by_label("Reason").nth(1).fill("Not there.")
    page.get_by_role("button", name="Approve").first.click()
    expect(page.get_by_role("button", name="Approve")).to_have_count(1)
    expect(page.get_by_label("Message", exact=True)).to_have_value("And tomorrow?")
    expect(page.get_by_label("Reason")).to_have_value("Not there.")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".message-assistant .message-body")).to_contain_text("It is noon.", timeout=20_000)
    expect(page.get_by_label("Message", exact=True)).to_have_value("And tomorrow?")
    assert {row.status: row.reason for row in approvals(home)[-2:]} == {
        "approved": None,
        "rejected": "Not there.",
    }
    assert called.calls == {"Europe/Rome": 1}


def test_deciding_beside_another_answer_leaves_both_there(home, agent, model, open_as):
    model.answers = [Answer(calls=CALL), Answer(calls=CALL), NOON]
    page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/beside?left=1&right=1")
    page.get_by_label("Message", exact=True).fill("What time is it?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Approve")).to_have_count(2, timeout=20_000)
    place = page.url
    for left in (1, 0):
        page.get_by_role("button", name="Approve").first.click()
        expect(page.get_by_role("button", name="Approve")).to_have_count(left, timeout=20_000)
    expect(page.get_by_text("It is noon.")).to_have_count(2, timeout=20_000)
    assert page.url == place


def test_a_call_is_rejected_without_scripts(talk, home, called):
    page = talk(Answer(("Let me look.",), calls=CALL), Answer(("A pity.",)), java_script_enabled=False)
    expect(page.get_by_role("button", name="Reject")).to_be_visible(timeout=30_000)
    page.get_by_label("Reason").fill("Not now.")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".message-assistant .message-body")).to_contain_text("A pity.", timeout=30_000)
    assert approvals(home)[-1].reason == "Not now."
    assert called.calls == {}


def test_it_outlives_the_web_process_and_the_worker(talk, site, home, called):
    page = talk(SLOW, NOON, expected=("ERR_", "Failed to load", "EventSource"))
    expect(page.locator("[data-parts]")).to_contain_text("word3", timeout=20_000)
    site.web.kill()
    site.web.begin()
    page.reload()
    expect(page.get_by_role("button", name="Approve")).to_be_visible(timeout=30_000)
    expect(page.locator(".message-assistant .message-body")).to_contain_text("word39")
    site.worker.kill()
    page.reload()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
    site.worker.begin()
    page.reload()
    expect(page.locator(".message-assistant .message-body")).to_contain_text("It is noon.", timeout=60_000)
    assert approvals(home)[-1].status == "approved"
    assert called.calls == {"Europe/Rome": 1}

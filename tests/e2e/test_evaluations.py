"""Evaluating an agent in the browser: a case from a thread, the loss, the better prompt, the publication."""

import pytest
from playwright.sync_api import expect

from app.agents.models import AgentVersion
from tests.factories import agents, connections, threads
from tests.factories.rows import rows
from tests.support.model_server import Answer

SOON = 20_000


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


@pytest.fixture
def agent(home, model):
    """An agent that answers well once its prompt says so."""
    model.choose = lambda asked: Answer(("Good day.",) if "polite" in str(asked["messages"]) else ("What?",))
    connections.connection(home.org, slug="main", base_url=f"{model.url}/v1")
    given = {"primary_model_provider": "main", "primary_model": "m"}
    return agents.agent(home.org, name="Helper", prompt="Be short.", **given)


def test_a_case_from_a_thread_decides_about_publishing(home, agent, open_as):
    thread = threads.thread(home.org, home.owner, origin="playground", agent_id=agent.id)
    threads.message(thread, "Hello?", role="user")
    there = f"/o/{home.org.slug}/agents/{agent.id}"

    page = open_as(home.owner, f"/o/{home.org.slug}/threads/{thread.id}")
    page.get_by_role("link", name="Save as evaluation case").click()
    expect(page.get_by_label("Message")).to_have_value("Hello?")
    page.get_by_label("Value of check 1").fill("good day")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="Hello?")).to_be_visible()

    page.get_by_label("This agent is published").select_option("all")
    page.locator("#settings-form").get_by_role("button", name="Save").click()
    expect(page.get_by_label("This agent is published")).to_have_value("all")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("0 of 1 cases passed")).to_be_visible(timeout=SOON)

    page.goto(page.url.split("/o/")[0] + f"{there}/publish")
    expect(page.get_by_text("1 of 1 evaluation cases do not pass.")).to_be_visible()
    page.goto(page.url.split("/o/")[0] + f"{there}/edit")
    page.get_by_label("Prompt").fill("Be polite.")
    page.get_by_role("button", name="Save", exact=True).click()
    page.goto(page.url.split("/o/")[0] + f"{there}/evaluations")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("1 of 1 cases passed")).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("0 worse, 1 better, 0 unchanged")).to_be_visible()
    page.goto(page.url.split("/o/")[0] + f"{there}/publish")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Published as version 1.", exact=True)).to_be_visible()
    assert [row.number for row in rows(AgentVersion, agent_id=agent.id)] == [1]

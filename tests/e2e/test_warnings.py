"""What people are told early: values that are missing, connections that are not there, drafts that were changed."""

import pytest
from playwright.sync_api import expect

from tests.factories import agents, connections
from tests.support.model_server import Answer


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


@pytest.fixture
def place(home, model):
    """The address of an agent that answers once its variable has a value."""
    made = connections.connection(home.org, name="Main account", slug="main", base_url=f"{model.url}/v1")
    connections.model(made, "m")
    model.answers = [Answer(("Well.",))]
    values = {"primary_model_provider": "main", "primary_model": "m", "prompt": "Help {{customer}}."}
    return f"/o/{home.org.slug}/agents/{agents.agent(home.org, name='Helper', **values).id}"


def test_a_variable_without_a_value_is_asked_for_and_a_changed_draft_is_shown(home, place, open_as, look):
    page = open_as(home.owner, f"{place}/playground")
    message, value = page.get_by_label("Message", exact=True), page.get_by_label("customer")
    message.fill("Tell me.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#error-summary")).to_contain_text("Enter a value for customer.")
    expect(value).to_have_attribute("aria-invalid", "true")
    expect(message).to_have_value("Tell me.")
    look(page, "variable wanted")
    value.fill("Ana")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message-assistant .message-facts")).to_contain_text("Draft of", timeout=20_000)
    answered = page.url
    page.goto(f"{place}/edit")
    page.get_by_label("Prompt", exact=False).last.fill("Greet {{customer}}.")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**{place}")
    page.goto(answered)
    page.get_by_role("link", name="What changed since").click()
    expect(page.locator("#summary")).to_contain_text("Prompt changed")
    look(page, "changed since")


def test_an_agent_that_cannot_answer_leads_to_connections(home, open_as, look):
    agent = agents.agent(home.org, primary_model_provider="mian", primary_model="m")
    place = f"/o/{home.org.slug}/agents/{agent.id}"
    for name, path in (("silent agent", place), ("silent publish", f"{place}/publish")):
        page = open_as(home.owner, path)
        expect(page.locator(".banner")).to_contain_text("No connection is called mian.")
        look(page, name)
    page.locator(".banner").get_by_role("link", name="Connections").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Connections")

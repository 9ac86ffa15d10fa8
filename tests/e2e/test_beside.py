"""How two answers stand beside each other, and the way there."""

import pytest
from playwright.sync_api import expect

from tests.factories import agents
from tests.support.model_server import Answer


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


def test_both_columns_begin_at_the_same_height(home, agent, model, open_as, look):
    model.answers = [Answer(("One.",)), Answer(("Two.",))]
    page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/beside")
    page.get_by_label("Message", exact=True).fill("Tell me.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message-assistant")).to_have_count(2)
    expect(page.locator("[data-stream]")).to_have_count(0, timeout=20_000)
    tops = page.locator(".beside h2[id^=side]").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().top)"
    )
    assert tops[0] == tops[1]
    look(page, "beside")


def test_the_way_from_a_comparison_to_both_sides_stands_apart(home, agent, open_as, look):
    agents.version(agent, snapshot={"name": "Helper", "prompt": "Be kind."})
    page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}/compare?base=1&head=draft")
    link = page.get_by_role("link", name="Ask both side by side").bounding_box()
    card = page.locator(".card", has_text="Settings").first.bounding_box()
    assert card["y"] - (link["y"] + link["height"]) >= 12
    look(page, "compare")

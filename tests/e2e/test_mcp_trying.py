"""A tool of a real MCP server is tried in Chromium while a worker calls it; SCREENSHOTS=folder keeps pictures."""

import re

import pytest
from playwright.sync_api import expect

from tests.factories import connections
from tests.support.live import Live
from tests.support.mcp_process import mcp_server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    with mcp_server(tmp_path_factory.mktemp("mcp")) as process:
        yield process


@pytest.fixture(scope="module")
def outbound(real):
    return f"mcp:127.0.0.1:{real.server_port}"


@pytest.fixture
def served(home, real):
    """A server of the organisation that has not been asked for its tools yet."""
    return connections.mcp_server(home.org, url=real.url, name="Dictionary")


def test_a_tool_is_tried_from_the_page_of_its_server(home, served, open_as, look):
    page = open_as(home.owner, f"/o/{home.org.slug}/connections/mcp-servers/{served.id}")
    page.get_by_role("button", name="Test server").click()
    page.get_by_role("link", name="Try look_up").click(timeout=30_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("Try look_up")
    page.get_by_label("word").fill("Zug ")
    page.get_by_label("most").fill("two")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#error-summary")).to_contain_text("whole number")
    page.get_by_label("most").fill("2")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("region", name="Text", exact=True)).to_have_text("Zug Zug ", timeout=30_000)
    expect(page.get_by_role("region", name="Arguments sent")).to_contain_text('"most": 2')
    expect(page.get_by_label("word")).to_have_value("Zug ")
    expect(page.locator("#call_state")).not_to_have_attribute("hx-get", re.compile("."))
    look(page, "mcp-tried")
    page.reload()
    expect(page.get_by_role("region", name="Structured result")).to_contain_text('"result": "Zug Zug "')


def test_a_call_is_stopped_while_it_is_made(home, served, open_as, look):
    page = open_as(home.owner, f"/o/{home.org.slug}/connections/mcp-servers/{served.id}")
    page.get_by_role("button", name="Test server").click()
    page.get_by_role("link", name="Try wait").click(timeout=30_000)
    page.get_by_label("seconds").fill("25")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The tool is being called")).to_be_visible(timeout=30_000)
    page.locator("#stop-call").focus()
    page.wait_for_timeout(2_500)
    expect(page.locator("#stop-call")).to_be_focused()
    look(page, "mcp-trying")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The call was stopped")).to_be_visible(timeout=10_000)
    expect(page.get_by_text("may have done its work")).to_be_visible()
    look(page, "mcp-stopped")


def test_without_scripts_a_reload_shows_what_came_of_it(home, served, open_as):
    owner, place = home.owner, f"/o/{home.org.slug}/connections/mcp-servers/{served.id}"
    page = open_as(owner, place, java_script_enabled=False)
    page.get_by_role("button", name="Test server").click()

    def reload_until(words):
        for _ in range(60):
            if page.get_by_text(words).count():
                return
            page.wait_for_timeout(500)
            page.reload()
        pytest.fail(f"{words} does not come")

    reload_until("tools, listed")
    page.get_by_role("link", name="Try fail").click()
    page.get_by_label("words").fill("No such page")
    page.get_by_role("button", name="Send").click()
    reload_until("The tool says that it failed")
    expect(page.get_by_role("region", name="Text", exact=True)).to_contain_text("No such page")


def test_when_the_worker_is_away_the_page_waits(site: Live, home, served, open_as):
    page = open_as(home.owner, f"/o/{home.org.slug}/connections/mcp-servers/{served.id}")
    page.get_by_role("button", name="Test server").click()
    page.get_by_role("link", name="Try look_up").click(timeout=30_000)
    site.worker.stop()
    page.get_by_label("word").fill("a")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    site.worker.begin()
    expect(page.get_by_role("region", name="Text", exact=True)).to_have_text("aaa", timeout=30_000)

"""Pages that renew themselves leave their readers where they are, and say nothing of their own accord."""

import re

import pytest
from playwright.sync_api import Page, expect

from app.knowledge.models.sources import FreeformText
from tests.factories import knowledge, tasks
from tests.support.database import as_owner

pytestmark = pytest.mark.e2e


def _change(row, **values) -> None:
    with as_owner() as session:
        for name, value in values.items():
            setattr(session.get(type(row), row.id), name, value)


def _renewed(page: Page, address: str) -> None:
    """Wait until the page has asked twice for itself."""
    for _ in range(2):
        with page.expect_response(re.compile(address)):
            pass


def test_the_focus_stays_while_a_task_goes_on(home, open_as):
    task = tasks.task(home.org, status="running")
    page = open_as(home.owner, f"/o/{home.org.slug}/tasks/{task.id}")
    cancel = page.get_by_role("button", name="Cancel")
    cancel.focus()
    _change(task, progress={"done": 3, "total": 4, "words": "parts"})
    expect(page.locator("#task_state")).to_contain_text("3 of 4 parts")
    expect(cancel).to_be_focused()
    _change(task, status="failed")
    expect(page.locator("#task_state")).to_contain_text("Failed")
    expect(page.locator("#task_state")).to_be_focused()


def test_what_is_selected_stays_while_there_is_no_news(home, open_as):
    task = tasks.task(home.org, status="waiting", payload={"words": "to be copied"})
    page = open_as(home.owner, f"/o/{home.org.slug}/tasks/{task.id}")
    _renewed(page, str(task.id))
    page.locator("pre", has_text="to be copied").evaluate("(text) => getSelection().selectAllChildren(text)")
    _renewed(page, str(task.id))
    assert "to be copied" in page.evaluate("() => getSelection().toString()")


def test_asking_again_shows_no_waiting_and_no_failure(home, open_as):
    task = tasks.task(home.org, status="running")
    address = f"/o/{home.org.slug}/tasks/{task.id}"
    page = open_as(home.owner, address, expected=["ERR_INTERNET_DISCONNECTED", "htmx:sendError"])
    held = []
    page.route(f"**{address}", lambda route: held.append(route), times=1)  # noqa: PLW0108 - a wrapper is set on it
    page.wait_for_timeout(4_000)
    expect(page.locator("#progress")).to_be_hidden()
    assert len(held) == 1
    assert page.locator("[aria-busy=true]").count() == 0
    held[0].continue_()
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        pass
    expect(page.locator("#failed")).to_have_count(0)
    page.context.set_offline(False)
    _renewed(page, address)


def test_what_nobody_looks_at_asks_for_nothing(home, open_as):
    task = tasks.task(home.org, status="running")
    page = open_as(home.owner, f"/o/{home.org.slug}/tasks/{task.id}")
    _renewed(page, str(task.id))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.wait_for_timeout(7_000)
    assert asked == []
    page.evaluate("() => { delete document.hidden; }")
    _renewed(page, str(task.id))


def test_a_source_that_is_processed_is_quiet_and_keeps_the_focus(home, open_as):
    base = home.rows["knowledge_bases"]
    source: FreeformText = knowledge.text(base, status="embedding", progress=10)
    knowledge.chunk(source, "The first passage.")
    page = open_as(home.owner, f"/o/{home.org.slug}/knowledge/{base.id}/sources/{source.id}")
    page.evaluate(
        "() => { window.said = []; new MutationObserver(() => said.push(document.getElementById('status').innerText))"
        ".observe(document.getElementById('status'), { childList: true }); }"
    )
    copied = page.locator("#live_state").get_by_role("button", name="Copy ID")
    copied.focus()
    _change(source, progress=60)
    expect(page.locator("#live_state")).to_contain_text("60 %")
    expect(copied).to_be_focused()
    switch = page.locator("#results").get_by_role("button", name="Disable")
    switch.focus()
    _change(source, progress=80)
    expect(page.locator("#live_state")).to_contain_text("80 %")
    expect(switch).to_be_focused()
    assert page.evaluate("() => said") == []

"""Where toasts stand: under the top bar, and over nothing that can be clicked or has the focus."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import listing
from tests.factories import threads
from tests.support.browser import NARROW, WIDE

pytestmark = pytest.mark.e2e

COVERED = """() => {
    const own = document.querySelector("#toasts").getBoundingClientRect();
    return [...document.querySelectorAll("main :is(a, button, input, select, summary)")]
        .filter((control) => control.checkVisibility({ visibilityProperty: true }))
        .filter((control) => {
            const box = control.getBoundingClientRect();
            return box.width && box.right > own.left && box.left < own.right
                && box.bottom > own.top && box.top < own.bottom;
        })
        .map((control) => control.textContent.trim() || control.outerHTML);
}"""


def send(page, count=1):
    """Send the page toasts as the server does; wait until they stand."""
    for _ in range(count):
        page.evaluate(
            "document.body.dispatchEvent(new CustomEvent('app:toast', { bubbles: true, detail:"
            " { toasts: [{ level: 'success', text: '1 archived.', undo_url: '/undo' }] } }))"
        )
    expect(page.locator("#toasts")).to_have_attribute("style", re.compile("--down"))


@pytest.fixture(params=[WIDE, NARROW])
def width(request):
    return request.param


def viewport(width):
    return {"viewport": {"width": width, "height": 800}}


def test_toasts_leave_the_actions_of_a_page_free(home, open_as, width):
    thread = threads.thread(home.org, name="Refund", origin="api")
    for path in (
        listing(home),
        f"{listing(home)}/{home.agent.id}",
        f"/o/{home.org.slug}/threads/{thread.id}",
    ):
        page = open_as(home.owner, path, **viewport(width))
        send(page)
        assert page.evaluate(COVERED) == []
        box, bar = page.locator("#toasts").bounding_box(), page.locator(".top-bar").bounding_box()
        assert box["y"] >= bar["y"] + bar["height"]
        assert box["x"] + box["width"] >= width - 40
        assert box["y"] + box["height"] <= 800


def test_toasts_get_out_of_the_way_of_the_focus(home, open_as):
    page = open_as(home.owner, listing(home), **viewport(NARROW))
    send(page)
    page.evaluate("scrollBy(0, 400)")
    own = page.locator("#toasts").bounding_box()
    under = page.evaluate(
        """([top, bottom]) => {
            const found = [...document.querySelectorAll("#results a")].find((link) => {
                const box = link.getBoundingClientRect();
                return box.top < bottom && box.bottom > top;
            });
            if (found) found.dataset.under = "";
            return Boolean(found);
        }""",
        [own["y"], own["y"] + own["height"]],
    )
    if not under:  # bring the next link there
        page.evaluate(
            "(top) => { const link = [...document.querySelectorAll('#results a')].find("
            "(one) => one.getBoundingClientRect().top > top); link.dataset.under = '';"
            " scrollBy(0, link.getBoundingClientRect().top - top); }",
            own["y"],
        )
    page.locator("[data-under]").evaluate("(link) => link.focus({ preventScroll: true })")
    focused = page.locator("[data-under]").bounding_box()
    moved = page.locator("#toasts").bounding_box()
    assert moved["y"] >= focused["y"] + focused["height"] or moved["y"] + moved["height"] <= focused["y"]

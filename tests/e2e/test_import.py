"""An export sent from a browser, imported by the worker while its page watches."""

import pytest

from tests.support.browser import WIDE
from tests.threads.test_readers import EXPORTS

pytestmark = pytest.mark.e2e
MINUTE = 60_000


def send(page, file):
    page.get_by_label("File", exact=True).set_input_files(EXPORTS / file)
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url("**/threads/imports/*")


def test_an_export_is_imported_while_its_page_watches(open_as, home):
    page = open_as(home.people["member"], f"/o/{home.org.slug}/threads")
    page.get_by_role("link", name="Import", exact=True).click()
    send(page, "chatgpt.json")
    page.get_by_text("Import finished").wait_for(timeout=MINUTE)
    address = page.url
    assert "New messages 18" in " ".join(page.locator("dl.facts").inner_text().split())
    assert page.locator("#import_state[hx-trigger]").count() == 0
    page.get_by_role("link", name="Show imported threads").click()
    page.get_by_role("link", name="Refund rules in two countries").click()
    page.get_by_text("What are the refund rules in Germany and Austria?").wait_for()
    page.goto(address)
    page.get_by_role("link", name="Import", exact=True).first.click()
    send(page, "chatgpt.json")
    page.get_by_text("Import finished").wait_for(timeout=MINUTE)
    assert "Unchanged threads 2 New messages 0" in " ".join(page.locator("dl.facts").inner_text().split())


def test_without_scripts_a_reload_shows_the_result(open_as, home, tmp_path):
    page = open_as(
        home.people["member"],
        f"/o/{home.org.slug}/threads/import",
        java_script_enabled=False,
        viewport={"width": WIDE, "height": 900},
    )
    (tmp_path / "page.html").write_text("<html></html>", encoding="utf-8")
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "page.html")
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_role("link", name="This is an HTML page, not JSON.").wait_for()
    send(page, "librechat.json")
    for _ in range(30):
        if page.get_by_text("Import finished").count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    assert "New threads 1" in " ".join(page.locator("dl.facts").inner_text().split())

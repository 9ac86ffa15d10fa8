"""Every shared macro in all its states: markup, accessibility, reflow, policy."""

import re
import threading

import pytest
from werkzeug.serving import make_server

from app.web.gallery import PAGES
from tests.architecture.source import TEMPLATES
from tests.support.browser import NARROWEST, THEMES, WIDE, Watch, axe, overflows, set_appearance
from tests.support.pages import check_page

WITH_FRAME = [page for page in PAGES if page != "mail"]


@pytest.fixture(scope="module")
def gallery(app):
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/dev/ui"
    server.shutdown()
    thread.join()


@pytest.mark.parametrize("name", WITH_FRAME)
def test_markup(app, name):
    check_page(app.test_client().get(f"/dev/ui/{name}").text)


def test_every_macro_is_shown(app):
    """Directly, or inside another macro; the words for the status region exist beside a swap only."""
    texts = [path.read_text("utf-8") for part in ("dev", "ui") for path in (TEMPLATES / part).glob("*.html")]
    called = set(re.findall(r"(?<!macro )\b(\w+)\(", "".join(texts)))
    assert set(dir(app.jinja_env.globals["ui"])) - called == {"list_status"}


def test_unknown_page_is_absent(app):
    assert app.test_client().get("/dev/ui/nothing").status_code == 404


@pytest.mark.e2e
@pytest.mark.parametrize("name", PAGES)
def test_accessible_in_both_themes_and_widths(browser, gallery, name):
    context = browser.new_context()
    watch, page = Watch(context), context.new_page()
    for width in (WIDE, NARROWEST):
        for theme in THEMES:
            set_appearance(page, width, theme)
            page.goto(f"{gallery}/{name}")
            assert axe(page) == [], (width, theme)
            assert not overflows(page), (width, theme)
    context.close()
    watch.check()


@pytest.mark.e2e
def test_theme_of_the_person_wins_over_the_system(browser, gallery):
    page = browser.new_page(color_scheme="light")
    page.goto(f"{gallery}/values?theme=dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    page.close()


@pytest.mark.e2e
def test_sidebar_is_a_menu_on_a_narrow_page(browser, gallery):
    page = browser.new_page(viewport={"width": NARROWEST, "height": 700})
    page.goto(f"{gallery}/values")
    sidebar = page.get_by_role("navigation", name="Main")
    assert sidebar.count() == 0
    page.get_by_role("button", name="Menu").click()
    sidebar.get_by_role("link", name="Lists").click()
    page.wait_for_url("**/lists")
    page.close()

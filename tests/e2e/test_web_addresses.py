"""An address as a source in Chromium: added, watched while a worker fetches it, its pages and bounds looked at.

With SCREENSHOTS=folder a picture of each page is written there.
"""

import pytest
from playwright.sync_api import expect

from tests.factories import auth, knowledge, orgs
from tests.support.answers import serving
from tests.support.browser import WIDE, Watch
from tests.support.live import Live

pytestmark = pytest.mark.e2e


def page(words, *links, title):
    anchors = "".join(f'<a href="{link}">on</a>' for link in links)
    body = f"<title>{title}</title><main><h1>{title}</h1><p>{words}</p></main><nav>{anchors}</nav>"
    return 200, {"Content-Type": "text/html", "ETag": f'"{title}"'}, body.encode()


@pytest.fixture
def site():
    answers = {
        "": page("Welcome to the guide of the shop.", "/refunds", "/shipping", "/broken", title="Guide"),
        "refunds": page("Refunds take five days after you returned the parcel.", title="Refunds"),
        "shipping": page("Orders leave the house within two days.", title="Shipping"),
        "broken": (500, {}, b""),
    }
    with serving(**answers) as server:
        server.slow = dict.fromkeys(("/refunds", "/shipping", "/broken"), 1.5)
        yield server


@pytest.fixture
def live(cluster, tmp_path, site):
    with Live(cluster, tmp_path, OUTBOUND_ALLOW=f"crawl:127.0.0.1:{site.server_port}") as running:
        yield running


@pytest.fixture
def shown(live, browser):
    """A member's page of the product on a new knowledge base."""
    org = orgs.org(slug="acme")
    member = orgs.member(org)
    base = knowledge.base(org, name="Handbook")
    context = browser.new_context(base_url=live.url, viewport={"width": WIDE, "height": 900})
    watch = Watch(context)
    context.add_cookies([{"name": "session", "value": auth.sign_in_token(member), "url": live.url}])
    made = context.new_page()
    made.goto(f"/o/acme/knowledge/{base.id}/sources")
    yield made
    watch.check()
    context.close()


def add(shown, site, look) -> None:
    """Add the site after an address that is refused, and wait until its pages are there."""
    look(shown, "web-none")
    shown.locator("#results").get_by_role("link", name="Add a web address").click()
    look(shown, "web-new")
    shown.get_by_label("Address").fill("http://10.0.0.1/")
    shown.get_by_role("button", name="Add web address").click()
    expect(shown.get_by_text("is not on the public internet").first).to_be_visible()
    look(shown, "web-refused")
    shown.get_by_label("Address").fill(f"{site.url}/")
    shown.get_by_label("What to fetch").select_option("site")
    shown.get_by_label("Fetch again").select_option("86400")
    shown.get_by_role("button", name="Add web address").click()
    expect(shown.get_by_role("heading", level=1)).to_have_text(f"{site.url}/")
    expect(shown.get_by_role("link", name="Guide")).to_be_visible(timeout=60_000)
    expect(shown.locator("#web_state").get_by_role("button", name="Fetch now")).to_be_visible(timeout=60_000)


def test_an_address_is_added_watched_and_searched(site, shown, look):
    sources = shown.url
    add(shown, site, look)
    expect(shown.locator("#results tbody tr")).to_have_count(4)
    expect(shown.locator("#web_state")).to_contain_text("1 of 4 pages could not be read now.")
    look(shown, "web-crawled")
    shown.get_by_role("link", name="Refunds").click()
    expect(shown.get_by_role("link", name=f"{site.url}/refunds").first).to_be_visible()
    look(shown, "web-page")
    shown.locator("#results tbody th a").first.click()
    look(shown, "web-passage")
    shown.goto(sources.removesuffix("/sources") + "/test?q=how+long+does+a+refund+take")
    expect(shown.locator(".hit").first.get_by_role("link", name=f"{site.url}/refunds")).to_be_visible()
    look(shown, "web-test")
    shown.goto(sources)
    look(shown, "web-sources")
    shown.get_by_role("link", name=f"{site.url}/").click()
    shown.get_by_role("link", name="Edit", exact=True).click()
    look(shown, "web-bounds")
    shown.get_by_label("What to fetch").select_option("page")
    shown.get_by_role("button", name="Save").click()
    expect(shown.locator("#results tbody tr")).to_have_count(1, timeout=30_000)

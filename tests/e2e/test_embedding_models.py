"""A knowledge base is given another embedding model in Chromium: tried, chosen, built by a worker, searched, gone back.

With SCREENSHOTS=folder a picture of each page is written there.
"""

import pytest
from playwright.sync_api import expect

from tests.factories import auth, connections, knowledge, orgs
from tests.support.browser import WIDE, Watch
from tests.support.embedding_server import MODEL, PERSONAL, embedding_server
from tests.support.live import Live

pytestmark = pytest.mark.e2e


@pytest.fixture
def server():
    with embedding_server() as made:
        yield made


@pytest.fixture
def live(cluster, tmp_path, server):
    with Live(cluster, tmp_path, OUTBOUND_ALLOW=f"model:127.0.0.1:{server.server_port}") as running:
        yield running


@pytest.fixture
def shown(live, browser, server):
    """An owner's page of the product on a connection to the server; there is a base called Handbook."""
    org = orgs.org(slug="acme")
    key = connections.credential(org, PERSONAL)
    opened = connections.connection(org, name="Vectors", base_url=server.url, credential_id=key.id)
    connections.model(opened, MODEL, purpose="embedding")
    connections.model(opened, "order", purpose="rerank")
    knowledge.base(org, name="Handbook")
    context = browser.new_context(base_url=live.url, viewport={"width": WIDE, "height": 900})
    watch = Watch(context)
    token = auth.sign_in_token(orgs.member(org, "owner"))
    context.add_cookies([{"name": "session", "value": token, "url": live.url}])
    made = context.new_page()
    made.goto(f"/o/acme/connections/{opened.id}")
    yield made
    watch.check()
    context.close()


def write(shown, look) -> None:
    """Add a text to the base and wait until it is searched."""
    shown.goto("/o/acme/knowledge")
    shown.get_by_role("link", name="Handbook").click()
    shown.get_by_role("link", name="Write a text").first.click()
    shown.get_by_label("Title").fill("Refunds")
    shown.get_by_label("Text", exact=True).fill(
        "Refunds take five days after you returned the parcel.\n\n" * 30
    )
    shown.get_by_role("button", name="Add text").click()
    expect(shown.get_by_role("heading", level=1)).to_have_text("Refunds")
    expect(shown.locator("#live_state .badge")).to_have_text("Ready", timeout=60_000)
    expect(shown.locator("#results tbody tr").first).to_be_visible()
    look(shown, "model-source")
    shown.get_by_role("link", name="Handbook").click()
    shown.get_by_role("link", name="About", exact=True).click()


def choose(shown, look) -> None:
    """Give the base the server's model and wait until it is live."""
    shown.get_by_role("link", name="Edit", exact=True).click()
    look(shown, "model-choose")
    shown.get_by_label("Embedding model").select_option(f"{MODEL} at Vectors, 768 numbers")
    shown.get_by_label("Reranked by").select_option("order at Vectors")
    shown.get_by_role("button", name="Save").click()
    expect(shown.get_by_role("button", name="Go back to 1")).to_be_visible(timeout=60_000)
    look(shown, "model-about")


def ask(shown, server, look) -> None:
    """Search while the server answers and while it does not."""
    shown.get_by_role("link", name="Test", exact=True).click()
    question = shown.url + "?q=how+long+does+a+refund+take"
    shown.goto(question)
    expect(shown.locator(".hit").first).to_contain_text("reranked 0.")
    look(shown, "model-reranked")
    server.always = "500"
    shown.goto(question)
    expect(shown.get_by_text("Not all of the search worked").first).to_be_visible()
    look(shown, "model-away")
    shown.goto(f"{question}&legs=vector")
    expect(shown.get_by_role("heading", level=1)).to_have_text("The model gave no answer")
    look(shown, "model-424")


def test_a_base_is_given_another_model(shown, server, look):
    connection = shown.url
    shown.get_by_role("button", name="Test", exact=True).click()
    expect(shown.get_by_text("A vector of 768 numbers after")).to_be_visible()
    look(shown, "model-tested")
    write(shown, look)
    about = shown.url
    choose(shown, look)
    ask(shown, server, look)
    shown.goto(connection)
    shown.get_by_role("button", name="More actions").click()
    shown.get_by_role("button", name="Disable").click()
    expect(shown.get_by_text("searched by words only")).to_be_visible()
    look(shown, "model-disabled")
    shown.goto(f"{connection}/delete")
    expect(shown.get_by_text("It cannot be deleted yet")).to_be_visible()
    look(shown, "model-in-use")
    shown.goto(about)
    shown.get_by_role("button", name="Go back to 1").click()
    expect(shown.get_by_role("button", name="Go back to 2")).to_be_visible()

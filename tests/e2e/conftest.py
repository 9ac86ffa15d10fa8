"""One running product for the browser tests of a module; each test has an organisation of its own in it."""

import itertools
import os
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.factories import agents, auth, connections, world
from tests.support.browser import (
    NARROWEST,
    PATIENCE_MS,
    THEMES,
    WIDE,
    Watch,
    axe,
    overflows,
    screenshots,
    set_appearance,
)
from tests.support.database import at_once
from tests.support.live import Live
from tests.support.model_server import model_server

AGENTS = 45
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def model():
    """A model on loopback; modules whose agents answer allow it in `outbound`."""
    with model_server() as server:
        yield server


@pytest.fixture(scope="module")
def outbound():
    """The addresses on loopback that the product may call, as `OUTBOUND_ALLOW` lists them."""
    return ""


@pytest.fixture(scope="module")
def site(cluster, tmp_path_factory, outbound):
    # Not for the session: its application context would reach into the tests of other folders.
    with Live(cluster, tmp_path_factory.mktemp("site"), OUTBOUND_ALLOW=outbound) as running:
        yield running


@pytest.fixture
@at_once()
def home(site):
    """An organisation with one of everything and 45 agents, the newest first by name."""
    tenant = world.tenant(f"Org{next(_numbers)}")
    for number in range(AGENTS):
        agents.agent(tenant.org, name=f"Agent {AGENTS - number:02}", primary_model=f"model-{number % 3}")
    return tenant


@pytest.fixture
def agent(home, model):
    """An agent of the organisation whose draft the model answers for; its module allows the model in `outbound`."""
    connections.connection(home.org, slug="main", base_url=f"{model.url}/v1")
    return agents.agent(home.org, name="Helper", primary_model_provider="main", primary_model="m")


def go_by_keys(page: Page, keys: str, heading: str) -> None:
    """Press the keys of a sequence until its section is there.

    A sequence is forgotten after 1.5 s, which a busy machine may put between two keys: three tries.
    """
    for patience in (2_000, 2_000, 10_000):
        page.keyboard.type(keys)
        with suppress(AssertionError):
            expect(page.get_by_role("heading", level=1)).to_have_text(heading, timeout=patience)
            return
    pytest.fail(f"{keys} does not lead to {heading}")


def listing(home) -> str:
    """Return the address of the organisation's agents."""
    return f"/o/{home.org.slug}/agents"


@pytest.fixture
def open_as(site, browser):
    """A function that opens a page of the product in a fresh, watched profile of a person, or of nobody.

    Complaints with one of the words in `expected` are part of the test.
    """
    contexts = []

    def make(user, path, *, using=browser, expected=(), **options):
        context = using.new_context(
            **{"base_url": site.url, "viewport": {"width": 1280, "height": 900}, **options}
        )
        contexts.append((context, Watch(context, expected)))
        if user:
            context.add_cookies([{"name": "session", "value": auth.sign_in_token(user), "url": site.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        return page

    yield make
    for context, watch in contexts:
        watch.check()
        context.close()


@pytest.fixture
def look():
    """A function that judges a page at each size and theme, and keeps pictures if they are wanted."""

    def act(shown, name):
        found = []
        for width in (WIDE, NARROWEST):
            for theme in THEMES:
                set_appearance(shown, width, theme)
                found += [f"{name} at {width} {theme}: {line}" for line in axe(shown)]
                if overflows(shown):
                    found.append(f"{name} at {width} {theme}: scrolls sideways")
        if "SCREENSHOTS" in os.environ:
            screenshots(shown, Path(os.environ["SCREENSHOTS"]), name)
        assert found == []
        set_appearance(shown, WIDE, "light")

    return act

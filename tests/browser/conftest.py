"""The running product in real Chromium, with an organisation of its own for each test."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, Route

from app.auth.models import User
from app.orgs.models import Org
from app.web.security import session_cookie_name
from tests.factories import agents, orgs
from tests.factories.auth import sign_in_token
from tests.support.browser import Watch
from tests.support.live import Live

AGENTS = 45
# Chromium reports the transition that a page restored for Back has no use for.
UNKEPT = ["ViewTransition opt-in disabled"]


@dataclass(frozen=True)
class Team:
    """An organisation with AGENTS agents, "Agent 01" the oldest, and its owner."""

    org: Org
    owner: User

    @property
    def list(self) -> str:
        return f"/o/{self.org.slug}/agents"


@pytest.fixture(scope="session")
def product(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with Live(cluster, tmp_path_factory.mktemp("product")) as running:
        yield running


@pytest.fixture
def team(product: Live) -> Team:
    org = orgs.org()
    owner = orgs.member(org, "owner")
    for number in range(1, AGENTS + 1):
        agents.agent(org, name=f"Agent {number:02}", primary_model="small" if number % 3 else "large")
    return Team(org, owner)


@pytest.fixture
def visit(product: Live, browser: Browser):
    """A function that opens a page as a person, or as nobody; no page may complain until the test ends.

    What it complains about with one of the words in `expected` is part of the test.
    """
    made = []

    def start(
        path: str, user: User | None = None, chromium: Browser = browser, expected=(), **options
    ) -> Page:
        context = chromium.new_context(base_url=product.url, **options)
        if user:
            cookie = {"name": session_cookie_name(), "value": sign_in_token(user), "url": product.url}
            context.add_cookies([cookie])
        made.append((context, Watch(context), expected))
        page = context.new_page()
        page.goto(path)
        page.wait_for_load_state("networkidle")
        return page

    yield start
    for context, watch, expected in made:
        context.close()
        watch.problems = [line for line in watch.problems if not any(word in line for word in expected)]
        watch.check()


def let_keep(page: Page) -> None:
    """Take `no-store` from the documents, so that Chromium keeps pages for Back even over plain HTTP."""

    def answer(route: Route) -> None:
        if route.request.resource_type != "document":
            return route.fallback()
        response = route.fetch(max_redirects=0)
        headers = {name: value for name, value in response.headers.items() if name != "cache-control"}
        return route.fulfill(response=response, headers=headers)

    page.route("**/*", answer)

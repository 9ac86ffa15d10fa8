"""Fixtures of every test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.support.browser import chromium


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium without back/forward cache."""
    with chromium(playwright) as started:
        yield started


@pytest.fixture(scope="session")
def caching_browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium with the back/forward cache people's browsers have; every Back test needs it."""
    with chromium(playwright, back_forward_cache=True) as started:
        yield started

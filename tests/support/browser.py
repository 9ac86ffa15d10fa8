"""Debian's Chromium driven by Playwright: watched pages, axe, screenshots."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Route, expect

from tests.support import programs

WIDE, NARROW, NARROWEST = 1280, 375, 320
THEMES = ("light", "dark")
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# htmx reports each request it aborts itself (a newer one took its place) with two errors of these names.
ABORTED = ("sendAbort", "afterRequest")
# A refused request is an answer the test looks at, not a fault of the page.
ANSWERED = "Failed to load resource: the server responded with a status of 4"
SETTLE = """async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    document.getAnimations().forEach((animation) => animation.finish());
}"""
# Chromium reports each transition between two pages that it gives up itself: on a busy machine, or for Back.
SKIPPED = ("ViewTransition opt-in disabled", "Transition was skipped")
BACK_FORWARD_CACHE_OFF = "--disable-back-forward-cache"
# What a busy machine may take for a page, and for what is expected of it, which is 5,000 otherwise.
PATIENCE_MS = 10_000
expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium(playwright: Playwright, *, back_forward_cache: bool = False) -> Iterator[Browser]:
    """Start Chromium; Playwright switches the back/forward cache off, which people's browsers do not."""
    browser = playwright.chromium.launch(
        executable_path=programs.need("chromium"),
        args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        ignore_default_args=[BACK_FORWARD_CACHE_OFF] if back_forward_cache else None,
    )
    try:
        yield browser
    finally:
        browser.close()


class Watch:
    """Collects what a page complains about: console errors, policy violations, uncaught errors.

    Complaints with one of the words in `expected` are left out.
    """

    def __init__(self, context: BrowserContext, expected: Sequence[str] = ()) -> None:
        self.problems: list[str] = []
        self.expected = expected
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"uncaught: {error.error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        if message.text.startswith(ANSWERED) or message.text.split(",")[0].endswith(ABORTED):
            return
        self.problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def check(self) -> None:
        """Fail when anything was collected."""
        words = [*SKIPPED, *self.expected]
        left = [line for line in self.problems if not any(word in line for word in words)]
        assert not left, "\n".join(left)


def axe(page: Page, exclude: Sequence[str] = ()) -> list[str]:
    """Run axe on the page, from its top, and return one line per violation.

    Further down the top bar covers controls, which axe would take for targets that are too small.
    """
    page.evaluate("() => scrollTo(0, 0)")
    page.evaluate(AXE_SCRIPT)
    results = page.evaluate(
        "([exclude, tags]) => axe.run({exclude}, {runOnly: tags, resultTypes: ['violations']})",
        [[[selector] for selector in exclude], AXE_TAGS],
    )
    return [
        f"{violation['id']}: {violation['help']} at {node['target']}: {node['html'][:200]}"
        for violation in results["violations"]
        for node in violation["nodes"]
    ]


def set_appearance(page: Page, width: int, theme: str) -> None:
    """Give the page a width and the system's colour scheme, and let no colour be on its way."""
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    page.evaluate(SETTLE)


def overflows(page: Page) -> bool:
    """Tell whether the page scrolls sideways."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"))


def screenshots(page: Page, folder: Path, name: str) -> None:
    """Write the page wide and narrow, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for width in (WIDE, NARROW):
        for theme in THEMES:
            set_appearance(page, width, theme)
            page.screenshot(path=folder / f"{name}-{width}-{theme}.png", full_page=True)


def let_keep(page: Page) -> None:
    """Take `no-store` from the documents, so that Chromium keeps pages for Back even over plain HTTP."""

    def answer(route: Route) -> None:
        if route.request.resource_type != "document":
            return route.fallback()
        response = route.fetch(max_redirects=0)
        headers = {name: value for name, value in response.headers.items() if name != "cache-control"}
        return route.fulfill(response=response, headers=headers)

    page.route("**/*", answer)

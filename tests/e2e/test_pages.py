"""Every page in Chromium: axe, both themes, wide and narrow, no complaint on the console, no sideways scroll.

With SCREENSHOTS=folder a picture of each page is written there.
"""

import os
from pathlib import Path

import pytest

from app.agents.models import Agent
from app.web.gallery import PAGES
from tests.conformance import inventory
from tests.conformance.test_output import POLYGLOT
from tests.factories import agents, auth, orgs, world
from tests.factories.rows import rows
from tests.support.browser import NARROWEST, THEMES, WIDE, Watch, axe, overflows, screenshots, set_appearance
from tests.support.live import Live

pytestmark = pytest.mark.e2e

SIZES = (WIDE, NARROWEST)


@pytest.fixture
def live(cluster, tmp_path):
    with Live(cluster, tmp_path, FLASK_DEBUG="true") as running:
        yield running


@pytest.fixture
def home(live):
    tenant = world.tenant("Acme")
    for name in ("Support triage", "مساعد الفواتير", "=1+1 <b>markup</b> 🚀", "A-name-without-a-break" * 10):
        agents.agent(
            tenant.org, name=name, description="Answers what customers ask about orders and refunds."
        )
    orgs.member(orgs.org(name="Second organisation"), "viewer", tenant.owner)
    return tenant


def addresses(live, home, kinds) -> list[str]:
    """Return the address of every HTML page of these kinds, empty lists and invalid forms left to other tests."""
    calls = inventory.calls(live.application(), home)
    return sorted({call.path for call in calls if call.safe and call.access.kind in kinds})


def findings(page, address) -> list[str]:
    """Return what is wrong with a page at each size and theme."""
    found = []
    for width in SIZES:
        for theme in THEMES:
            set_appearance(page, width, theme)
            where = f"{address} at {width} {theme}"
            found += [f"{where}: {line}" for line in axe(page)]
            if overflows(page):
                found.append(f"{where}: scrolls sideways")
    page.evaluate("() => { document.documentElement.dir = 'rtl'; }")
    found += [f"{address} from right to left: {line}" for line in axe(page)]
    if overflows(page):
        found.append(f"{address} from right to left: scrolls sideways")
    return found


def visit(context, live, paths) -> None:
    """Open each path, judge what is HTML, and fail with all findings."""
    watch, page, found = Watch(context), context.new_page(), []
    folder = os.environ.get("SCREENSHOTS")
    for path in paths:
        answer = context.request.get(live.url + path, max_redirects=0, max_retries=1)
        if not answer.headers.get("content-type", "").startswith("text/html") or answer.status >= 300:
            continue
        page.goto(live.url + path)
        found += findings(page, path)
        if folder:
            screenshots(page, Path(folder), path.strip("/").replace("/", "_") or "root")
    found += watch.problems
    assert not found, "\n".join(found)


def sign_in(context, live, user) -> None:
    context.add_cookies([{"name": "session", "value": auth.sign_in_token(user), "url": live.url}])


def test_public_pages(browser, live, home):
    context = browser.new_context()
    token = orgs.invitation(home.org, email="new@example.org")[1]
    paths = [
        path
        for path in addresses(live, home, {"public", "always"})
        if "/dev/" not in path and "unknown" not in path
    ]
    visit(context, live, [*paths, f"/invitations/{token}", "/absent"])
    context.close()


def test_the_gallery(browser, live, home):
    context = browser.new_context()
    visit(context, live, ["/dev/ui", *(f"/dev/ui/{name}" for name in PAGES if name != "error")])
    context.close()


@pytest.mark.parametrize("role", ["owner", "viewer"])
def test_pages_of_an_organisation(browser, live, home, role):
    context = browser.new_context()
    sign_in(context, live, home.people[role])
    visit(context, live, addresses(live, home, {"org", "signed_in"}))
    context.close()


def test_pages_of_the_platform(browser, live, home):
    context = browser.new_context()
    sign_in(context, live, auth.platform_admin())
    visit(context, live, addresses(live, home, {"platform_admin"}))
    context.close()


def test_oe_1_what_people_typed_runs_nowhere(browser, live):
    context = browser.new_context()
    watch, page, dialogs = Watch(context), context.new_page(), []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    org = orgs.org(name=POLYGLOT[:110])
    owner = orgs.member(
        org, "owner", auth.platform_admin(first_name=POLYGLOT[:250], last_name=POLYGLOT[:250])
    )
    agents.agent(
        org, name=POLYGLOT[:250], description=POLYGLOT, prompt=POLYGLOT, primary_model=POLYGLOT[:250]
    )
    hostile = world.tenant("Acme")
    sign_in(context, live, owner)
    paths = addresses(
        live, world.Tenant(org, hostile.people, hostile.rows, "x"), {"org", "signed_in", "platform_admin"}
    )
    for path in [*paths, f"/o/{org.slug}/agents/{rows(Agent, org_id=org.id)[0].id}/edit"]:
        answer = context.request.get(live.url + path, max_redirects=0, max_retries=1)
        if answer.headers.get("content-type", "").startswith("text/html") and answer.status < 300:
            page.goto(live.url + path)
            assert page.title() != "pwned", path
    assert dialogs == []
    watch.check()
    context.close()

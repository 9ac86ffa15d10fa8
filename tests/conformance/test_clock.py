"""Cases that need time to pass: the clock of the product and its database is moved, nobody waits."""

import pytest

from tests.factories import world
from tests.support.clock import Clock
from tests.support.database import start_cluster
from tests.support.live import Live
from tests.support.pages import parse

pytestmark = pytest.mark.conformance

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def clock():
    moved = Clock()
    yield moved
    moved.remove()


@pytest.fixture
def live(clock, tmp_path):
    server = start_cluster(clock.environment)
    try:
        with Live(server.dsn(), tmp_path, **clock.environment) as running:
            yield running
    finally:
        clock.shift(0)
        server.remove()


@pytest.fixture
def home(live):
    return world.tenant("Homecanary")


def edit(client, home) -> tuple[str, dict[str, str]]:
    """Open the edit page of the agent and return its form's address and values."""
    path = f"/o/{home.org.slug}/agents/{home.agent.id}/edit"
    page = client.page(path)
    form = page.select_one("main form[method=post]")
    values = {field["name"]: field.get("value", "") for field in form.select("input[name]")}
    return form["action"], values | {"name": "Saved late", "prompt": "A text typed for hours"}


def test_cs_3_a_page_open_for_hours_still_saves(live, home, clock):
    with live.client(home.owner) as client:
        address, values = edit(client, home)
        clock.shift(2 * HOUR)
        answer = client.post(
            address, data=values, headers={"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
        )
        assert answer.status_code in {200, 204}
        assert "Saved late" in client.get(f"/o/{home.org.slug}/agents").text


def test_cs_3_after_a_month_it_leads_to_sign_in(live, home, clock):
    with live.client(home.owner) as client:
        address, values = edit(client, home)
        clock.shift(31 * DAY)
        answer = client.post(
            address, data=values, headers={"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
        )
        assert (answer.status_code, answer.text) == (401, "")
        assert answer.headers["HX-Redirect"].startswith("/sign-in")


@pytest.mark.parametrize(("days", "alive"), [(13, True), (15, False)])
def test_se_1_an_idle_session_ends_after_two_weeks(live, home, clock, days, alive):
    with live.client(home.owner) as client:
        assert client.get(f"/o/{home.org.slug}/agents").status_code == 200
        clock.shift(days * DAY)
        assert (client.get(f"/o/{home.org.slug}/agents").status_code == 200) is alive


def test_se_1_a_busy_session_ends_after_thirty_days(live, home, clock):
    with live.client(home.owner) as client:
        for days in (10, 20, 29):
            clock.shift(days * DAY)
            assert client.get(f"/o/{home.org.slug}/agents").status_code == 200, days
        clock.shift(30 * DAY + HOUR)
        assert client.get(f"/o/{home.org.slug}/agents").status_code == 302


def test_in_3_an_expired_invitation_is_gone(live, home, clock):
    with live.client(home.owner) as client:
        form = {"email": "late@example.org", "role": "member", "expires_in_hours": "24"}
        client.submit(f"/o/{home.org.slug}/invitations/new", form)
    link = next(link for link in live.mail.wait_for("late@example.org")[0].links if "/invitations" in link)
    clock.shift(DAY + HOUR)
    with live.client() as stranger:
        assert stranger.get(link, follow_redirects=True).status_code == 410


def test_pr_2_a_reset_link_ends_after_an_hour(live, home, clock):
    with live.client() as client:
        client.submit("/reset", {"email": home.owner.email})
        link = next(link for link in live.mail.wait_for(home.owner.email)[0].links if "/reset/" in link)
        clock.shift(61 * 60)
        assert client.get(link, follow_redirects=True).status_code == 410
        assert parse(client.get("/sign-in").text).h1

"""K1 to K11: one answer for each situation, on every route."""

import pytest

from tests.conformance import inventory
from tests.factories import world
from tests.support.client import HTMX, SAME_ORIGIN

JSON = {"Accept": "application/json"}


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


@pytest.fixture
def guarded(app, home):
    """Every route that needs a session."""
    return [call for call in inventory.calls(app, home) if call.access.kind not in {"always", "public"}]


def test_k1_a_browser_is_led_to_sign_in(client, guarded):
    for call in guarded:
        if call.safe:
            answer = client.get(f"{call.path}?q=a&b=c")
            assert answer.status_code == 302, call
            assert answer.location == f"/sign-in?next={call.path}%3Fq%3Da%26b%3Dc", call
        else:
            answer = client.post(call.path, headers=SAME_ORIGIN)
            assert (answer.status_code, answer.location) == (303, "/sign-in"), call


def test_k1_htmx_is_told_to_leave(client, guarded):
    for call in guarded:
        answer = client.open(call.path, method=call.method, headers=HTMX)
        assert (answer.status_code, answer.text) == (401, ""), call
        assert answer.headers["HX-Redirect"].startswith("/sign-in"), call


def test_k1_a_program_is_told_how_to_identify(client, guarded):
    for call in guarded:
        answer = client.open(call.path, method=call.method, headers=JSON)
        assert answer.status_code == 401, call
        assert answer.headers["WWW-Authenticate"], call
        assert answer.is_json, call


def test_k1_signing_in_returns_to_the_page(client, home):
    wanted = f"/o/{home.org.slug}/agents?q=refund"
    there = client.get(wanted).location
    page = client.page(there)
    form = page.select_one("main form[method=post]")
    values = {field["name"]: field.get("value", "") for field in form.select("input[name]")}
    answer = client.post(
        form["action"], data=values | {"email": home.owner.email, "password": "a long enough passphrase"}
    )
    assert (answer.status_code, answer.location) == (303, wanted)


def test_k3_the_refusal_names_who_may(new_client, home):
    answer = new_client(home.people["viewer"]).page(f"/o/{home.org.slug}/agents/new", status=403)
    assert {"member", "admin", "owner"} <= set(
        answer.main.get_text(" ").replace(",", " ").replace(";", " ").split()
    )


def test_k10_used_expired_revoked_and_unknown_links_look_the_same(client, home):
    texts = set()
    for path in ("/reset/unknown-token", "/invitations/unknown-token"):
        answer = client.get(path, follow_redirects=True)
        assert answer.status_code == 410, path
        texts.add(path)
    assert len(texts) == 2


@pytest.mark.parametrize("path", ["/absent", "/o/absent/agents", "/o/absent/absent"])
def test_k11_absent_pages_are_good_pages(new_client, home, path):
    page = new_client(home.owner).page(path, status=404)
    assert page.h1
    fragment = new_client(home.owner).get(path, headers=HTMX)
    assert fragment.status_code == 404
    problem = new_client(home.owner).get(path, headers=JSON)
    assert (problem.status_code, problem.mimetype) == (404, "application/problem+json")

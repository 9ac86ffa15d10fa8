"""RM: the rights table against every route."""

from urllib.parse import urlsplit

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from app.web.access import role_has
from tests.conformance import inventory
from tests.factories import auth, world
from tests.support.pages import parse

VISITORS = ("anonymous", "stranger", "operator", "viewer", "member", "admin", "owner")
ORG_ROLES = ("viewer", "member", "admin", "owner")
# These end the session they are allowed to.
LEAVING = {"auth.sign_out"}
# These look further than the right: a thing that is not one's own, a card for what the role may not do,
# a provider that is not set up, a thread that is no conversation, an answer that no draft gave.
FURTHER = {
    **dict.fromkeys(("saved_views.edit", "saved_views.update", "saved_views.update_state"), "missing"),
    **dict.fromkeys(("saved_views.create", "saved_views.destroy"), "missing"),
    "keys.rotate": "forbidden",
    "agent_changes.take_back": "missing",
    "persona_changes.take_back": "missing",
    "thread_changes.take_back": "missing",
    "tasks.file": "missing",
    **dict.fromkeys(("knowledge_sources.edit", "knowledge_sources.update"), "missing"),
    "knowledge.change_generation": "missing",
    **dict.fromkeys(("knowledge_web.poll", "knowledge_web.edit", "knowledge_web.update"), "missing"),
    **dict.fromkeys(("playground.show", "playground.go_on", "playground.stop_answer"), "missing"),
    **dict.fromkeys(
        ("playground.retry", "playground.again", "playground_edits.edit", "playground_edits.branch"),
        "missing",
    ),
    **dict.fromkeys(("beside.show", "beside.go_on", "beside.stop_both"), "missing"),
    "thread_drafts.changes": "missing",
    "streams.events": "missing",
    "tools_trying.stop": "missing",
    **dict.fromkeys([f"tools_server_trying.{act}" for act in ("show", "send_call", "stop")], "missing"),
    "home.dismiss": "forbidden",
    "thread_edits.drop_note": "forbidden",
    "sessions.revoke": "missing",
    "platform.revoke": "missing",
    "identities.connect": "missing",
    "identities.disconnect": "missing",
}


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


@pytest.fixture
def visitor(home, new_client):
    """A function that returns the client of one of VISITORS."""

    def make(who):
        if who == "anonymous":
            return new_client()
        people = {"stranger": auth.user, "operator": auth.platform_admin}
        return new_client(people[who]() if who in people else home.people[who])

    return make


def expected(call, who) -> str:
    """Return what the rights table says: open, sign-in, missing, forbidden or allowed."""
    kind = call.access.kind
    if kind in {"always", "public"}:
        return "open"
    if who == "anonymous":
        return "sign-in"
    if kind == "signed_in":
        return "allowed"
    if kind == "platform_admin":
        return "allowed" if who == "operator" else "missing"
    if who not in ORG_ROLES:
        return "missing"
    return "allowed" if role_has(who, call.access.right) else "forbidden"


def outcome(call, who, response) -> str:
    """Return what an answer amounts to."""
    if response.status_code in {302, 303} and (response.location or "").startswith("/sign-in"):
        return "sign-in" if who == "anonymous" or call.endpoint not in LEAVING else "allowed"
    return {404: "missing", 403: "forbidden", 401: "sign-in"}.get(response.status_code, "allowed")


def send(client, call):
    return client.get(call.path) if call.safe else client.submit(call.path)


@pytest.mark.parametrize("who", VISITORS)
def test_rm_1_every_route_answers_as_the_rights_table_says(app, connection, home, visitor, state, who):
    client, wrong = visitor(who), []
    cookie = client.get_cookie("session")
    before = state()
    for call in inventory.calls(app, home):
        wanted = expected(call, who)
        with connection.begin_nested() as attempt:
            response = send(client, call)
            if response.status_code >= 500:
                wrong.append(f"{call}: {response.status}")
            got = outcome(call, who, response)
            if wanted not in {"open", got} and FURTHER.get(call.endpoint) != got:
                wrong.append(f"{call}: {response.status}, expected {wanted}")
            if wanted in {"sign-in", "missing", "forbidden"} and state() != before:
                wrong.append(f"{call}: refused, but something changed")
            attempt.rollback()
        if cookie:
            client.set_cookie(cookie.key, cookie.value)
    assert not wrong, "\n".join(wrong)


def controls(html):
    """Yield (method, path) of each link and form of a page on this site."""
    page = parse(html)
    for link in page.find_all("a", href=True):
        yield "GET", link["href"]
    for form in page.find_all("form", action=True):
        yield form.get("method", "get").upper(), form["action"]
    for button in page.find_all(formaction=True):
        yield "POST", button["formaction"]


def match(adapter, method, path):
    """Return the endpoint behind an address of this site, else None."""
    try:
        return adapter.match(urlsplit(path).path, method=method)[0]
    except (HTTPException, RequestRedirect):
        return None


@pytest.mark.parametrize("who", ORG_ROLES)
def test_rm_1_no_control_is_shown_that_would_be_refused(app, home, visitor, who):
    client, adapter, shown = visitor(who), app.url_map.bind("localhost"), []
    pages = [
        call
        for call in inventory.calls(app, home)
        if call.safe and expected(call, who) in {"allowed", "open"}
    ]
    by_endpoint = {call.endpoint: call for call in inventory.calls(app, home)}
    for page in pages:
        response = client.get(page.path)
        if response.status_code != 200 or response.mimetype != "text/html":
            continue
        for method, path in controls(response.text):
            endpoint = match(adapter, method, path)
            if endpoint and expected(by_endpoint[endpoint], who) in {"forbidden", "missing"}:
                shown.append(f"{page.path} shows {method} {path}")
    assert not shown, "\n".join(shown)

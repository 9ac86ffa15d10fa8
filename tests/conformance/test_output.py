"""OE: what people typed is text, and every answer carries the headers."""

import pytest

from tests.conformance import inventory
from tests.factories import agents, auth, orgs, world

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = (
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
)
LEAKS = ("Traceback", "werkzeug", "gunicorn", "psycopg", "sqlalchemy", "SELECT ")
POLYGLOT = (
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=document.title='pwned' )//%0D%0A//</stYle/</titLe/</teXtarEa/"
    "</scRipt/--!>\\x3csVg/<sVg/oNloAd=document.title='pwned'//><img src=x onerror=\"document.title='pwned'\">{{7*7}}"
)

FILE_POLICY = "sandbox; default-src 'none'; "  # of a stored file: nothing at all may run


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


def faults(response) -> list[str]:
    """Return what is missing or too much in an answer's headers and body."""
    headers = response.headers
    found = [name for name, value in HEADERS.items() if headers.get(name) != value]
    policy = headers.get("Content-Security-Policy", "")
    if not policy.startswith(FILE_POLICY):
        found += [rule for rule in POLICY if rule not in policy]
    if "unsafe" in policy or "frame-ancestors 'none'" not in policy:
        found.append("policy")
    if headers.get("Referrer-Policy") not in {"same-origin", "no-referrer"}:
        found.append("Referrer-Policy")
    if not headers.get("X-Request-ID"):
        found.append("X-Request-ID")
    if "Python" in headers.get("Server", ""):
        found.append("Server")
    body = response.text if response.mimetype == "text/html" else ""
    return found + [leak for leak in LEAKS if leak in body]


def test_oe_3_every_route_sends_the_headers(app, new_client, home):
    found = {}
    for client in (new_client(), new_client(home.owner)):
        for call in inventory.calls(app, home):
            response = client.get(call.path) if call.safe else client.post(call.path)
            if faults(response):
                found[str(call)] = faults(response)
    assert found == {}


def test_oe_3_signed_in_answers_are_kept_by_no_cache(app, new_client, home):
    client, wrong = new_client(home.owner), {}
    for call in inventory.calls(app, home):
        if not call.safe or call.access.kind == "always":
            continue
        for headers in ({}, {"HX-Request": "true"}):
            response = client.get(call.path, headers=headers)
            vary = {name.strip() for name in response.headers.get("Vary", "").split(",")}
            if (
                "no-store" not in response.headers.get("Cache-Control", "")
                or not {"Cookie", "HX-Request"} <= vary
            ):
                wrong[str(call)] = (response.headers.get("Cache-Control"), vary)
    assert wrong == {}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("TRACE", "/sign-in", 405),
        ("PUT", "/sign-in", 405),
        ("DELETE", "/sign-in", 405),
        ("GET", "/absent", 404),
        ("GET", "/static/absent.css", 404),
        ("POST", "/sign-in", 400),
        ("GET", "/orgs/new", 302),
    ],
)
def test_oe_3_errors_send_the_headers_too(client, home, method, path, status):
    response = client.open(path, method=method)
    assert (response.status_code, faults(response)) == (status, [])


def test_oe_3_a_foreign_origin_is_given_nothing(client, home):
    response = client.options("/sign-in", headers={"Origin": "https://evil.example"})
    assert not [name for name, _ in response.headers if name.lower().startswith("access-control")]


def test_oe_3_a_fault_shows_a_request_id_and_no_secret(app, client, home, monkeypatch, caplog):
    def broken(**_arguments):
        password = "canary-in-a-local"  # noqa: F841 - a stack with locals would show it
        raise RuntimeError("boom")

    broken.access = app.view_functions["auth.sign_in"].access
    monkeypatch.setitem(app.view_functions, "auth.sign_in", broken)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    response = client.get("/sign-in")
    assert (response.status_code, faults(response)) == (500, [])
    assert response.headers["X-Request-ID"] in response.text
    assert "canary-in-a-local" not in response.text + caplog.text
    assert "boom" not in response.text


def test_oe_3_too_large_a_body_is_413(new_client, home):
    client = new_client(home.owner)
    response = client.submit(f"/o/{home.org.slug}/agents/new", {"name": "x", "prompt": "y" * 5_000_000})
    assert (response.status_code, faults(response)) == (413, [])


def test_oe_1_what_people_typed_is_text_on_every_page(app, connection, new_client):
    name = POLYGLOT[:110]
    org = orgs.org(name=name)
    owner = orgs.member(
        org, "owner", auth.user(first_name=POLYGLOT[:250], last_name=POLYGLOT[:250], role="ADMIN")
    )
    agent = agents.agent(org, name=POLYGLOT[:250], description=POLYGLOT, prompt=POLYGLOT)
    hostile = world.tenant("Homecanary")
    hostile = world.Tenant(org, {**hostile.people, "owner": owner}, {**hostile.rows, "agents": agent}, "x")
    client = new_client(owner)
    for call in inventory.calls(app, hostile):
        if call.safe and (response := client.get(call.path)).mimetype == "text/html":
            assert "<img src=x" not in response.text, call
            assert "<sVg" not in response.text, call
            assert (
                "49" not in response.text or "{{7*7}}" in response.text or POLYGLOT[:20] not in response.text
            ), call

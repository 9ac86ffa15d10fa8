"""MCP servers: lists, forms, and a worker that asks real ones for their tools."""

import json
import re
import sys
import time
from dataclasses import replace

import pytest
from mcp_types import Tool

from app.audit.models import AuditEvent
from app.connections.models import Credential, McpServer
from app.connections.services import discovering
from tests.connections.given import INTERNAL, JSON, SECRET
from tests.factories import auth, connections, orgs
from tests.factories.rows import rows
from tests.support.answers import permitting, serving
from tests.support.claims import claims, run
from tests.support.mcp_process import mcp_server
from tests.support.queries import queries
from tests.support.web import ROOT

HOME = "/o/acme/connections/mcp-servers"
URL = "https://1.1.1.1/mcp"
FORM = {"name": "Wiki", "transport": "streamable_http", "url": URL, "credential": "", "enabled": "y"}
PROGRAM = [sys.executable, "-m", "tests.support.mcp_server", "stdio"]


@pytest.fixture
def allow(app):
    with permitting(app) as permit:
        yield lambda *servers: permit(*servers, kind="mcp")


@pytest.fixture
def programs(app):
    """Programs may be servers."""
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, mcp_stdio=True)
    yield
    app.extensions["settings"] = before


@pytest.fixture
def operator(new_client, org):
    return new_client(orgs.member(org, "admin", auth.platform_admin()))


@pytest.fixture
def work(acting):
    """A function that does all waiting tasks as a worker does."""

    def act():
        endings = [run(claim) for claim in claims()]
        assert all(settled for _, settled in endings)
        return [ending.status for ending, _ in endings]

    return act


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(discovering, "SECONDS", 2)


@pytest.fixture
def real(tmp_path):
    """A running MCP server."""
    with mcp_server(tmp_path) as process:
        yield process


def path(server, act=""):
    return f"{HOME}/{server.id}{act}"


def names(page):
    return [link.text.strip() for link in page.select("#results tbody th a")]


def form_of(server, **values):
    kept = {name: getattr(server, name) for name in ("name", "transport", "url", "lock_version")}
    return {**kept, "enabled": "y", "credential": "keep", "secret": "", **values}


def test_servers_are_listed_searched_and_created_once(person, org):
    assert "No MCP servers yet" in person.both(HOME).find(id="results").text
    connections.mcp_server(org, name="Tracker", enabled=False)
    once = person.page(f"{HOME}/new").find(attrs={"name": "once"})["value"]
    for _ in range(2):
        assert person.submit(f"{HOME}/new", {**FORM, "secret": SECRET, "once": once}).status_code == 303
    with queries(max=4):
        person.page(HOME)
    assert names(person.both(HOME)) == ["Tracker", "Wiki"]
    assert names(person.both(f"{HOME}?q=1.1.1.1&status=enabled")) == ["Wiki"]
    (key,) = rows(Credential)
    assert (key.kind, key.name) == ("mcp", "Wiki key")
    made = rows(McpServer, name="Wiki")[0]
    assert (made.credential_id, made.url) == (key.id, URL)
    with queries(max=4):
        person.page(path(made))
    person.both(path(made), "server_state")
    assert person.submit(f"{HOME}/new", {**FORM, "name": "wIKI"}).status_code == 422
    assert person.get(f"{HOME}?q=mcp_{made.id}").location == path(made)
    assert SECRET not in str([(event.before, event.after) for event in rows(AuditEvent)])


@pytest.mark.parametrize("url", [url for url in INTERNAL if "?" not in url])
def test_ss_addresses_that_may_not_be_called_are_not_saved(person, org, url):
    stored = connections.mcp_server(org, url=URL)
    for address, form in (
        (f"{HOME}/new", {**FORM, "url": url}),
        (path(stored, "/edit"), form_of(stored, url=url)),
    ):
        answer = person.submit(address, form)
        assert (answer.status_code, "url-error" in answer.text) == (422, True)
    assert [server.url for server in rows(McpServer)] == [URL]


def test_another_origin_takes_the_secret_off(person, org):
    key = connections.credential(org, kind="mcp")
    stored = connections.mcp_server(org, url=URL, credential_id=key.id)
    for url, kept in ((f"{URL}/v2", key.id), ("https://8.8.8.8/mcp", None)):
        version = rows(McpServer)[0].lock_version
        assert (
            person.submit(path(stored, "/edit"), form_of(stored, url=url, lock_version=version)).status_code
            == 303
        )
        assert rows(McpServer)[0].credential_id == kept
    assert person.submit(path(stored, "/edit"), form_of(stored)).status_code == 409
    given = form_of(stored, credential=str(key.id), lock_version="3")
    assert person.submit(path(stored, "/edit"), given).status_code == 303
    assert rows(McpServer)[0].credential_id == key.id


def test_a_server_is_disabled_and_deleted(person, org):
    stored = connections.mcp_server(org, name="Wiki")
    for act in ("disable", "disable", "enable"):
        assert person.submit(path(stored, f"/{act}")).status_code == 303
    assert len(rows(AuditEvent, action="mcp_server.change")) == 2
    assert person.submit(path(stored, "/delete"), {"name": "x"}).status_code == 422
    assert person.submit(path(stored, "/delete"), {"name": "Wiki"}).location == HOME
    assert rows(McpServer) == []


def test_programs_are_for_platform_administrators_where_the_operator_allows_them(person, operator, org, app):
    given = {"name": "Local", "transport": "stdio", "command": "/bin/true\n--flag"}
    assert person.submit(f"{HOME}/new", given).status_code == 403
    assert operator.submit(f"{HOME}/new", given).status_code == 403
    assert not operator.page(f"{HOME}/new").find(id="command")
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, mcp_stdio=True)
    try:
        assert person.submit(f"{HOME}/new", given).status_code == 403
        assert operator.page(f"{HOME}/new").find(id="command")
        assert operator.submit(f"{HOME}/new", {**given, "command": " \n"}).status_code == 422
        assert rows(McpServer) == []
        assert operator.submit(f"{HOME}/new", {**given, "secret": SECRET}).status_code == 303
        (made,) = rows(McpServer)
        assert (made.command, made.url, made.credential_id) == (["/bin/true", "--flag"], None, None)
        assert person.page(path(made)).find("a", href=path(made, "/edit")) is None
        changed = {**given, "command": "/bin/sh", "lock_version": "1"}
        assert person.get(path(made, "/edit")).status_code == 403
        assert person.submit(path(made, "/edit"), changed).status_code == 403
        assert person.submit(path(made, "/edit"), {**FORM, "lock_version": "1"}).status_code == 403
        operator.page(path(made, "/edit"))
        assert operator.submit(path(made, "/edit"), changed).status_code == 303
        assert rows(McpServer)[0].command == ["/bin/sh"]
    finally:
        app.extensions["settings"] = before


def test_a_worker_lists_the_tools_of_a_real_server(person, org, allow, real, work):
    allow(real)
    key = connections.credential(org, SECRET, kind="mcp")
    stored = connections.mcp_server(org, url=real.url, credential_id=key.id)
    for _ in range(2):
        assert person.submit(path(stored, "/test")).location == path(stored)
    page = person.both(path(stored), "server_state")
    assert page.find("progress")
    assert page.find(id="server_state")["hx-trigger"] == "every 2s"
    assert work() == ["succeeded"]
    (now,) = rows(McpServer)
    assert (now.error, now.task_id) == (None, None)
    tool = now.discovered[0]
    assert (tool["name"], tool["description"]) == ("look_up", "Looks a word up.")
    assert tool["input_schema"]["properties"]["most"]["type"] == "integer"
    page = person.both(path(stored), "server_state")
    assert not page.find("progress")
    assert {"look_up", "environment"} <= {name.text for name in page.select("#server_state th code")}
    assert rows(AuditEvent, action="mcp_server.discover")[0].after == {"tools": 7}


def test_a_program_gets_nothing_but_path_and_is_gone_afterwards(operator, org, programs, work):
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['x', 'stdio']; import runpy;"
    script += " runpy.run_module('tests.support.mcp_server', run_name='__main__')"
    stored = connections.mcp_server(
        org, transport="stdio", url=None, command=[sys.executable, "-c", script, "marked-for-the-test"]
    )
    assert operator.submit(path(stored, "/test")).status_code == 303
    assert work() == ["succeeded"]
    (now,) = rows(McpServer)
    assert now.error is None
    said = next(tool["description"] for tool in now.discovered if tool["name"] == "environment")
    assert set(said.partition(";")[0].removeprefix("Environment: ").split(",")) - {"LC_CTYPE"} == {"PATH"}
    assert str(ROOT) not in said
    assert running("marked-for-the-test") == []


@pytest.mark.parametrize(
    "failing",
    [
        (["/no/such/program"], "No such file or directory"),
        (["false"], "The program did not answer: Connection closed."),
        (["sleep", "600.25"], "did not name its tools within 2 seconds"),
    ],
)
def test_a_program_that_names_no_tools_ends_as_words(operator, org, programs, work, impatient, failing):
    command, words = failing
    stored = connections.mcp_server(org, transport="stdio", url=None, command=command)
    assert operator.submit(path(stored, "/test")).status_code == 303
    begun = time.monotonic()
    assert work() == ["succeeded"]
    assert time.monotonic() - begun < 15
    (now,) = rows(McpServer)
    assert (now.task_id, now.discovered, words in now.error) == (None, None, True)
    assert now.error in operator.page(path(stored)).text
    assert running("600.25") == []


def test_programs_that_were_allowed_once_do_not_run_any_more(person, org, work):
    stored = connections.mcp_server(org, transport="stdio", url=None, command=["sleep", "600.25"])
    person.submit(path(stored, "/test"))
    assert work() == ["succeeded"]
    assert "the operator has not set MCP_STDIO" in rows(McpServer)[0].error


ANSWERS = [
    (401, JSON, json.dumps({"error": f"bad {SECRET}"}).encode()),
    (500, {}, b""),
    (200, {"Content-Type": "text/html"}, b"<html>"),
    (200, JSON, b"{"),
    (
        200,
        JSON,
        json.dumps({"jsonrpc": "2.0", "id": 0, "error": {"code": 1, "message": f"no {SECRET}"}}).encode(),
    ),
    (307, {"Location": "http://127.0.0.1:1/mcp"}, b""),
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_server_that_names_no_tools_ends_as_words(person, org, allow, work, impatient, answer):
    key = connections.credential(org, SECRET, kind="mcp")
    with serving(mcp=answer) as server:
        allow(server)
        stored = connections.mcp_server(org, url=f"{server.url}/mcp", credential_id=key.id)
        person.submit(path(stored, "/test"))
        assert work() == ["succeeded"]
    (now,) = rows(McpServer)
    assert (now.task_id, now.discovered) == (None, None)
    assert now.error
    assert server.seen[0][1]["Authorization"] == f"Bearer {SECRET}"
    page = person.page(path(stored)).text
    assert SECRET not in page + now.error


def test_ss_addresses_that_may_not_be_called_are_not_asked(person, org, work):
    for url in ("http://127.0.0.1:1/mcp", "http://169.254.169.254/mcp", "http://[::1]/mcp"):
        person.submit(path(connections.mcp_server(org, url=url), "/test"))
    assert work() == ["succeeded"] * 3
    assert all(re.search("not permitted|not on the public", server.error) for server in rows(McpServer))


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_members_and_viewers_find_no_servers(new_client, org, role, state):
    client, stored = new_client(orgs.member(org, role)), connections.mcp_server(org)
    client.page("/o/acme")
    before = state()
    for url in (HOME, f"{HOME}/new", path(stored), path(stored, "/edit"), path(stored, "/delete")):
        assert client.get(url).status_code == 403
    assert client.submit(path(stored, "/test")).status_code == 403
    assert state() == before


def test_another_organisations_server_does_not_exist(person, org, state):
    theirs = connections.mcp_server(orgs.org())
    before = state()
    for act in ("", "/edit", "/delete"):
        assert person.get(path(theirs, act)).status_code == 404
    for act in ("/edit", "/delete", "/test", "/enable"):
        assert person.submit(path(theirs, act), form_of(theirs)).status_code == 404
    assert state() == before


def test_numbers_of_any_size_are_kept_in_schemas():
    schema = {"type": "integer", "maximum": 10**30, "description": "a\0b"}
    kept = discovering._kept(Tool(name="count", input_schema=schema))
    assert kept["input_schema"] == {"type": "integer", "maximum": 1e30, "description": "a\ufffdb"}


def running(word: str) -> list[str]:
    """The processes of this machine with a word in their command."""
    found = []
    for command in ROOT.__class__("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [str(command)] if word.encode() in command.read_bytes() else []
        except OSError:
            continue
    return found

"""Trying tools of MCP servers: the form, a worker that calls real servers, and who reads what came of it."""

import json
import sys
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from app.audit.models import AuditEvent
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.db.tables import Task, TaskEvent
from app.tasks.worker import running
from tests.factories import connections, orgs, tools
from tests.factories.rows import rows
from tests.support.answers import permitting, serving
from tests.support.claims import claims, run
from tests.support.mcp_process import mcp_server
from tests.support.pages import check_page
from tests.support.web import ROOT

HOME = "/o/acme/tools"
SECRET = "mcp-secret-5f2e81c7-WXYZ"
TYPED = "typed-in-confidence"
WORD = {
    "type": "object",
    "properties": {
        "word": {"type": "string", "description": "What to look up."},
        "most": {"type": "integer"},
        "size": {"type": "string", "enum": ["small", "large"]},
        "exact": {"type": "boolean"},
        "where": {"type": "object"},
    },
    "required": ["word"],
}
ANY = {"type": "object"}
# JSONB keeps short names first.
NOTHING = dict.fromkeys(("arg_0", "arg_1", "arg_2", "arg_3"), "")
FILLED = NOTHING | {"arg_2": "ab"}


@pytest.fixture
def allow(app):
    with permitting(app) as permit:
        yield lambda *servers: permit(*servers, kind="mcp")


@pytest.fixture
def real(tmp_path, allow):
    """A running MCP server that may be called."""
    with mcp_server(tmp_path) as process:
        allow(process)
        yield process


@pytest.fixture
def work(acting):
    """A function that does all waiting tasks as a worker does."""

    def act():
        return [ending.status for ending, _ in [run(claim) for claim in claims()]]

    return act


def path(tool, act=""):
    return f"{HOME}/{tool.id}/try{act}"


def offered(org, url, tool, schema=ANY):
    """A tool of a server at this address, with a secret."""
    key = connections.credential(org, SECRET, kind="mcp")
    served = connections.mcp_server(org, url=url, credential_id=key.id)
    return tools.mcp_tool(org, served, tool, input_schema=schema)


def answered(client, place, given, work) -> BeautifulSoup:
    """Send a call, have it made, and return its page."""
    sent = client.submit(place, given)
    assert sent.status_code == 303, sent.text
    work()
    return client.page(sent.location)


def shown(page) -> str:
    return " ".join(page.find(id="call_state").get_text(" ").split())


def test_a_worker_calls_the_tool_while_the_page_waits(member, org, real, work):
    tool = offered(org, real.url, "look_up", WORD)
    page = member.page(f"{HOME}/{tool.id}")
    assert page.find("a", href=path(tool))
    sent = member.submit(path(tool), FILLED | {"arg_0": "2"})
    assert sent.location.endswith("#call_state")
    page = member.both(sent.location.partition("#")[0], "call_state")
    region = page.find(id="call_state")
    assert (region["hx-trigger"], "Waiting for a worker" in shown(page)) == ("every 1s", True)
    assert region["hx-get"] == sent.location.partition("#")[0]
    assert page.find("noscript")
    assert work() == ["succeeded"]
    page = member.both(sent.location.partition("#")[0], "call_state")
    assert "hx-get" not in page.find(id="call_state").attrs
    assert json.loads(page.find(attrs={"aria-label": "Arguments sent"}).text) == {"word": "ab", "most": 2}
    assert page.find(attrs={"aria-label": "Text"}).text == "abab"
    assert json.loads(page.find(attrs={"aria-label": "Structured result"}).text) == {"result": "abab"}
    assert "Duration" in shown(page)
    assert shown(page).endswith("}")


def test_what_was_sent_stands_in_the_form_again(member, org, real, work):
    tool = offered(org, real.url, "look_up", WORD)
    typed = {"word": "ab", "most": 2, "size": "large", "exact": False, "where": {"é": [1]}, "more": "x"}
    page = answered(member, path(tool), NOTHING | {"arguments": json.dumps(typed)}, work)
    fields = {field["name"]: field.get("value") for field in page.select("#form input[name^=arg_]")}
    assert fields == {"arg_0": "2", "arg_2": "ab"}
    chosen = {one["name"]: one.find(selected=True)["value"] for one in page.select("#form select")}
    assert chosen == {"arg_1": "large", "arg_3": "false"}
    assert json.loads(page.find(id="arguments").text) == {"where": {"é": [1]}, "more": "x"}
    assert '"é"' in page.find(id="arguments").text
    odd = {"word": "two\nlines \ud83d", "most": 10**30, "size": "huge"}
    place = path(tools.mcp_tool(org, connections.mcp_server(org), "any", input_schema=ANY))
    sent = member.submit(place, {"arguments": json.dumps(odd)})
    assert json.loads(member.page(sent.location).find(id="arguments").text) == odd


def test_no_secret_is_kept_or_shown(member, org, real, work, caplog):
    tool = offered(org, real.url, "headers")
    given = {"arguments": json.dumps({"note": f"{TYPED} {SECRET}"})}
    page = answered(member, path(tool), given, work)
    assert page.find(attrs={"aria-label": "Text"}).text == "Bearer •••"
    assert f"{TYPED} •••" in page.find(attrs={"aria-label": "Arguments sent"}).text
    (task,) = rows(Task)
    assert SECRET not in shown(page)
    kept = [task.payload, task.result, task.error, [event.data for event in rows(TaskEvent)]]
    kept += [caplog.text, [event.after for event in rows(AuditEvent)]]
    for page in (f"/o/acme/tasks/{task.id}", "/o/acme/tasks"):
        kept.append(member.page(page).text)
    for text in (TYPED, SECRET, "Bearer"):
        assert text not in str(kept)
    assert '"sealed": "•••"' in kept[-2]


def test_only_the_person_who_asked_reads_the_call(member, admin, org, new_client, state):
    tool, other = (offered(org, "http://192.0.2.1/mcp", name) for name in ("headers", "environment"))
    sent = member.submit(path(tool), {})
    query = sent.location.partition("#")[0].partition("?")[2]
    assert member.get(f"{path(tool)}?{query}").status_code == 200
    stranger = new_client(orgs.member(orgs.org(slug="theirs"), "owner"))
    stranger.page("/o/theirs/tools")
    admin.page(HOME)
    before = state()
    for client, place in (
        (admin, path(tool)),
        (member, path(other)),
        (stranger, path(tool)),
        (stranger, path(tool).replace("acme", "theirs")),
    ):
        assert client.get(f"{place}?{query}").status_code == 404
        assert client.submit(f"{place}/stop?{query}").status_code == 404
    for bad in ("call=1", f"call={org.id}", "call="):
        assert member.get(f"{path(tool)}?{bad}").status_code == 404
    assert member.submit(path(tool, "/stop")).status_code == 404
    assert state() == before


def test_another_organisations_tools_and_servers_are_not_tried(member, org, state):
    named = [{"name": "x", "description": "", "input_schema": ANY}]
    other = orgs.org()
    theirs = connections.mcp_server(other, discovered=named)
    tool = tools.mcp_tool(other, theirs)
    member.page(HOME)
    before = state()
    for place, query in ((path(tool), ""), (f"{HOME}/servers/{theirs.id}/try", "?tool=x")):
        assert member.get(place + query).status_code == 404
        assert member.submit(place + query, {}).status_code == 404
        assert member.submit(f"{place}/stop{query}", {}).status_code == 404
    assert state() == before


def test_viewers_try_nothing(new_client, org, state):
    viewer = new_client(orgs.member(org, "viewer"))
    named = [{"name": "x", "description": "", "input_schema": ANY}]
    served = connections.mcp_server(org, discovered=named)
    tool = tools.mcp_tool(org, served)
    viewer.page(HOME)
    before = state()
    for place in (path(tool), f"{HOME}/servers/{served.id}/try?tool=x"):
        assert viewer.get(place).status_code == 403
        assert viewer.submit(place, {}).status_code == 403
    assert state() == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (NOTHING, "required"),
        (FILLED | {"arg_0": "two"}, "whole number"),
        (FILLED | {"arguments": "{"}, "Line 1, column 2"),
        (FILLED | {"arguments": '{"word": 1}'}, "not of type"),
    ],
)
def test_in_wrong_arguments_are_told_and_no_task_is_put(member, org, given, words):
    tool = offered(org, "http://192.0.2.1/mcp", "look_up", WORD)
    answer = member.submit(path(tool), given)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert rows(Task) == []


def test_a_form_that_is_sent_twice_makes_one_call(member, org):
    tool = offered(org, "http://192.0.2.1/mcp", "look_up")
    once = member.page(path(tool)).find(attrs={"name": "once"})["value"]
    places = {member.submit(path(tool), {"once": once}).location for _ in range(2)}
    assert (len(places), len(rows(Task))) == (1, 1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("no_such_tool", {}), "The tool says that it failed"),
        (("no_such_tool", {}), "Unknown tool: no_such_tool"),
        (("look_up", {"word": ["x"]}), "Input should be a valid string"),
        (("fail", {"words": f"no {SECRET}"}), "Text Error executing tool fail: no •••"),
        (("picture", {}), "image/png. It is not shown"),
        (("environment", {}), "Text It is empty."),
        (("leave", {}), "The model would be told"),
    ],
)
def test_whatever_a_server_answers_is_told(member, org, real, work, asked, words):
    tool, given = asked
    page = answered(member, path(offered(org, real.url, tool)), {"arguments": json.dumps(given)}, work)
    assert words in shown(page)
    assert SECRET not in shown(page)


def test_a_tool_that_takes_too_long_is_given_up(member, org, real, work):
    key = connections.mcp_server(org, url=real.url)
    tool = tools.mcp_tool(org, key, "wait", input_schema=ANY, config={"tool": "wait", "seconds": 1})
    page = answered(member, path(tool), {"arguments": '{"seconds": 30}'}, work)
    assert "The tool did not answer within 1 second." in shown(page)


ANSWERS = [
    ((401, {}, b""), "error response"),
    ((500, {}, b""), "error response"),
    ((200, {"Content-Type": "text/html"}, b"<html>"), "The model would be told"),
    ((307, {"Location": "http://127.0.0.1:1/mcp"}, b""), "The model would be told"),
]


@pytest.mark.parametrize(("answer", "words"), ANSWERS)
def test_a_server_that_is_none_is_told(member, org, allow, work, answer, words):
    with serving(mcp=answer) as server:
        allow(server)
        page = answered(member, path(offered(org, f"{server.url}/mcp", "look_up")), {}, work)
    assert words in shown(page)
    assert SECRET not in page.text


def test_a_server_that_is_gone_or_may_not_be_called_is_told(member, org, real, work):
    real.stop()
    page = answered(member, path(offered(org, real.url, "look_up")), {}, work)
    assert "The server did not answer: no connection can be made." in shown(page)
    served = connections.mcp_server(org, url="http://127.0.0.1:1/mcp", name="Inside")
    tool = tools.mcp_tool(org, served, "inside", input_schema=ANY)
    assert "not permitted" in shown(answered(member, path(tool), {}, work))


def test_a_program_is_called_only_where_the_operator_allows_it(member, org, work, app):
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['x', 'stdio']; import runpy;"
    script += " runpy.run_module('tests.support.mcp_server', run_name='__main__')"
    served = connections.mcp_server(org, transport="stdio", url=None, command=[sys.executable, "-c", script])
    place = path(tools.mcp_tool(org, served, "look_up", input_schema=ANY))
    given = {"arguments": '{"word": "ab"}'}
    assert "the operator has not set MCP_STDIO" in shown(answered(member, place, given, work))
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, mcp_stdio=True)
    try:
        page = answered(member, place, given, work)
        assert page.find(attrs={"aria-label": "Text"}).text == "ababab"
        broken = connections.mcp_server(org, name="b", transport="stdio", url=None, command=["false"])
        place = path(tools.mcp_tool(org, broken, "broken", input_schema=ANY))
        assert "The program did not answer: Connection closed." in shown(answered(member, place, given, work))
    finally:
        app.extensions["settings"] = before


def test_a_tool_or_server_that_is_off_is_refused_before_and_told_after(member, org, work, real):
    tool = offered(org, real.url, "look_up")
    sent = member.submit(path(tool), {})
    assert member.submit(f"{HOME}/{tool.id}/disable", {}).status_code == 303
    refused = member.submit(path(tool), {})
    assert (refused.status_code, "no longer available" in refused.text) == (409, True)
    work()
    assert "This tool is no longer available." in shown(member.page(sent.location))


def test_a_call_is_stopped_before_it_is_made(member, org, real, work):
    tool = offered(org, real.url, "wait")
    sent = member.submit(path(tool), {"arguments": '{"seconds": 20}'})
    place = sent.location.partition("#")[0]
    stop = place.replace("/try?", "/try/stop?")
    assert member.page(place).find("form", action=stop)
    assert member.submit(stop).location == sent.location
    assert work() == []
    assert "The tool was not called." in shown(member.page(place))
    assert member.submit(stop).status_code == 303
    assert len(rows(AuditEvent, action="task.cancel")) == 1


def test_a_call_that_lost_its_worker_is_not_made_again(member, org, real, work):
    tool = offered(org, real.url, "look_up")
    sent = member.submit(path(tool), {"arguments": '{"word": "ab"}'})
    (claim,) = claims()
    use_scope(Scope(claim.org_id, claim.user_id))
    task = running.RunningTask(claim, running.kinds().get(claim.kind))
    task.step("call", lambda: "another")
    with transaction():
        running.RunRepo().settle(claim.task_id, claim.attempt, running.returned())
    assert work() == ["succeeded"]
    assert "The worker ended while the tool was called." in shown(member.page(sent.location))


def test_a_tool_that_a_server_names_is_tried_before_it_is_added(member, admin, org, real, work):
    named = [
        {"name": "look_up", "description": "Looks up.", "input_schema": WORD},
        {"name": "odd", "description": "", "input_schema": {"type": "object", "patternProperties": {}}},
        {"name": "large", "description": "", "input_schema": None},
    ]
    served = connections.mcp_server(org, url=real.url, discovered=named)
    place = f"{HOME}/servers/{served.id}/try"
    page = admin.page(f"/o/acme/connections/mcp-servers/{served.id}")
    assert page.find("a", href=f"{place}?tool=look_up")
    page = answered(member, f"{place}?tool=look_up", FILLED, work)
    assert page.find(attrs={"aria-label": "Text"}).text == "ababab"
    page = member.page(f"{place}?tool=odd")
    assert "Its schema cannot be used" in page.text
    assert "Unknown tool: odd" in shown(answered(member, f"{place}?tool=odd", {}, work))
    assert "too large to be kept" in member.page(f"{place}?tool=large").text
    assert member.get(f"{place}?tool=unknown").status_code == 404
    assert member.get(place).status_code == 404


def test_a_tool_of_a_disabled_server_says_so_and_keeps_what_was_typed(member, org):
    served = connections.mcp_server(org, enabled=False)
    tool = tools.mcp_tool(org, served, input_schema=WORD)
    page = member.page(f"{HOME}/{tool.id}")
    assert "Its MCP server is disabled" in page.text
    assert not page.find("a", href=path(tool))
    assert "Its MCP server is disabled" in member.page(HOME).text
    answer = member.submit(path(tool), FILLED)
    page = check_page(answer.text)
    assert (answer.status_code, rows(Task)) == (409, [])
    assert "gone or disabled" in page.find(id="error-summary").text
    assert page.find("input", attrs={"value": "ab"})

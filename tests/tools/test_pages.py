"""Pages of tools: list, form with its two views of a schema, secrets, try-out, deleting."""

import json

import pytest

from app.audit.models import AuditEvent
from app.connections.models import Credential
from app.tools.models import Tool
from tests.connections.given import INTERNAL
from tests.factories import agents, connections, orgs, tools
from tests.factories.rows import rows, stored
from tests.support.database import as_owner
from tests.support.pages import check_page, parse
from tests.support.queries import queries

HOME = "/o/acme/tools"
SECRET = "tool-secret-5f2e81c7-WXYZ"
SCHEMA = json.dumps(tools.SCHEMA)
FORM = {
    "name": "find_weather",
    "description": "Says the weather.",
    "method": "GET",
    "url": "https://1.1.1.1/weather/{city}",
    "headers": "X-Version: 2",
    "seconds": "5",
    "kilobytes": "64",
    "approval": "ask",
    "enabled": "y",
    "editor": "text",
    "schema": SCHEMA,
}


def path(tool, act=""):
    return f"{HOME}/{tool.id}{act}"


def names(page):
    return [link.text.strip() for link in page.select("#results tbody th a")]


def sent(page):
    """What a browser sends of the form on a page."""
    given: dict[str, list[str]] = {}
    for field in page.select("#form [name]"):
        if field.name == "button" or (
            field.get("type") in {"checkbox", "radio"} and not field.has_attr("checked")
        ):
            continue
        if field.name == "select":
            chosen = field.find("option", selected=True) or field.find("option")
            value = chosen.get("value", chosen.text) if chosen else ""
        else:
            value = field.text.removeprefix("\n") if field.name == "textarea" else field.get("value", "")
        given.setdefault(field["name"], []).append(value)
    return given


def test_tools_are_listed_searched_and_created_once(member, org):
    assert "No tools yet" in member.both(HOME).find(id="results").text
    tools.tool(org, name="alpha", approval="allow")
    tools.tool(org, name="old", archived=True)
    once = member.page(f"{HOME}/new").find(attrs={"name": "once"})["value"]
    for _ in range(2):
        assert member.submit(f"{HOME}/new", {**FORM, "once": once}).status_code == 303
    with queries(max=4):
        member.page(HOME)
    assert names(member.both(HOME)) == ["alpha", "find_weather"]
    assert names(member.both(f"{HOME}?q=weather&kind=http&approval=ask")) == ["find_weather"]
    assert names(member.both(f"{HOME}?status=archived")) == ["old"]
    (made,) = rows(Tool, name="find_weather")
    assert (made.kind, made.approval, made.input_schema) == ("http", "ask", tools.SCHEMA)
    assert made.config["headers"] == {"X-Version": "2"}
    with queries(max=4):
        page = member.page(path(made))
    assert "https://1.1.1.1/weather/{city}" in page.text
    assert member.get(f"{HOME}?q=tool_{made.id}").location == path(made)
    assert [event.action for event in rows(AuditEvent)] == ["tool.create"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "two words"}, "Use letters, digits"),
        ({"name": "calculator"}, "built in"),
        ({"name": "TAKEN"}, "Another tool"),
        ({"url": ""}, "Enter the URL"),
        ({"url": "https://{host}/x"}, "belong into the path"),
        ({"url": "https://1.1.1.1/{town}"}, "names town"),
        ({"headers": "Authorization: Bearer x"}, "is set by AgentPress"),
        ({"headers": "no colon"}, "Name: value"),
        ({"schema": '{\n"type": "object",,\n}'}, "Line 2, column 18"),
        ({"schema": '{"type": "nothing"}'}, "object"),
        ({"schema": json.dumps({**tools.SCHEMA, "$ref": "http://127.0.0.1/x"})}, "references within"),
        ({"schema": SCHEMA.replace('"integer"', '"integer", "x-place": "header"')}, "query"),
        ({"schema": "[" * 30_000}, "cannot be read"),
        ({"seconds": "0"}, "from 1 to 60"),
        ({"kilobytes": "9999"}, "from 1 to 256"),
        ({"method": "TRACE"}, "Choose one of GET, POST"),
        ({"approval": "always"}, "Choose whether"),
        ({"description": "\0"}, "null"),
    ],
)
def test_in_wrong_values_are_told_and_nothing_is_stored(member, org, change, words):
    tools.tool(org, name="taken")
    answer = member.submit(f"{HOME}/new", {**FORM, **change})
    assert answer.status_code == 422
    assert words in answer.text
    assert len(rows(Tool)) == 1


@pytest.mark.parametrize("url", [url for url in INTERNAL if "?" not in url])
def test_ss_addresses_that_may_not_be_called_are_not_saved(member, org, url):
    assert member.submit(f"{HOME}/new", {**FORM, "url": url}).status_code == 422
    assert rows(Tool) == []


def test_the_schema_is_edited_as_a_table_without_scripts(member, org):
    tool = tools.tool(org, "https://1.1.1.1/weather/{city}", config={"method": "POST"})

    def turn(given):
        answer = member.submit(path(tool, "/edit"), given)
        assert answer.status_code == 200
        return sent(check_page(answer.text))

    given = turn({**sent(member.page(path(tool, "/edit"))), "act": "table"})
    assert given["arg_name"] == ["city", "days"]
    assert (given["arg_required"], given["arg_type"]) == (["yes", "no"], ["string", "integer"])
    given = turn({**given, "act": "add"})
    given["arg_name"][2], given["arg_type"][2], given["arg_place"][2] = "lang", "string", "query"
    for nowhere in ("remove-7", f"remove-{'9' * 5000}"):
        given = turn({**given, "act": nowhere})
    given = turn({**given, "act": "remove-1"})
    assert given["arg_name"] == ["city", "lang"]
    text = turn({**given, "act": "text"})["schema"][0]
    assert json.loads(text)["properties"]["lang"] == {"type": "string", "x-place": "query"}
    assert member.submit(path(tool, "/edit"), given).status_code == 303
    saved = stored(tool)
    assert list(saved.input_schema["properties"]) == ["city", "lang"]
    assert saved.input_schema["properties"]["lang"] == {"type": "string"}
    assert saved.input_schema["additionalProperties"] is False
    assert saved.config["places"] == {"lang": "query"}
    assert "x-place" in sent(member.page(path(tool, "/edit")))["schema"][0]


def test_a_button_beside_the_schema_leads_to_what_it_changed(member, org):
    given = {**FORM, "editor": "table", "schema": "", "arg_name": "city", "arg_type": "string"}
    given |= {"arg_required": "yes", "arg_description": "", "arg_place": "", "arg_rest": "{}"}

    def focused(act):
        (found,) = check_page(member.submit(f"{HOME}/new", {**given, "act": act}).text).select(
            "#form [autofocus]"
        )
        return found["id"]

    assert not member.page(f"{HOME}/new").select("#form [autofocus]")
    assert [focused(act) for act in ("add", "remove-0", "text")] == ["arg-name-2", "schema", "schema"]


def test_a_typed_secret_is_asked_for_again_where_the_form_comes_back(admin, org):
    words = "Type it again: pages never hold a secret."
    for change in ({"act": "table"}, {"name": ""}):
        answer = admin.submit(f"{HOME}/new", {**FORM, "secret": SECRET, **change})
        assert SECRET not in answer.text
        field = check_page(answer.text).find(id="secret")
        assert words in check_page(answer.text).find(id=field["aria-describedby"].split()[-1]).text
    assert words not in admin.submit(f"{HOME}/new", {**FORM, "name": ""}).text
    assert words not in admin.get(f"{HOME}/new").text


def test_a_new_tool_begins_with_the_table_of_its_arguments(member, org):
    given = {**sent(member.page(f"{HOME}/new")), **FORM, "editor": "table", "schema": ""}
    assert "arg_name" not in given
    given |= {"arg_name": "city", "arg_type": "string", "arg_required": "yes", "arg_description": "Where."}
    assert member.submit(f"{HOME}/new", {**given, "arg_place": "", "arg_rest": "{}"}).status_code == 303
    (made,) = rows(Tool, name="find_weather")
    assert made.input_schema["required"] == ["city"]
    assert made.input_schema["additionalProperties"] is False


def test_a_table_that_cannot_be_saved_says_which_row(member, org):
    table = {**FORM, "editor": "table", "arg_name": ["city", ""], "arg_type": ["string", "string"]}
    table |= {
        "arg_required": ["yes", "no"],
        "arg_description": ["", ""],
        "arg_place": ["", ""],
        "arg_rest": ["{}", "{}"],
    }
    for change, words in (
        ({}, "Row 2: enter a name"),
        ({"arg_name": ["city", "city"]}, "Row 2: another"),
        ({"arg_rest": ["[", "{}"], "arg_name": ["city", "b"]}, "cannot be read"),
    ):
        answer = member.submit(f"{HOME}/new", {**table, **change})
        assert (answer.status_code, words in answer.text) == (422, True)
    odd = json.dumps({"type": "object", "required": ["b"]})
    assert "as text" in member.submit(f"{HOME}/new", {**FORM, "schema": odd, "act": "table"}).text


def test_two_people_do_not_overwrite_each_other(member, org):
    tool = tools.tool(org, "https://1.1.1.1/{city}")
    given = sent(member.page(path(tool, "/edit")))
    assert member.submit(path(tool, "/edit"), {**given, "description": "Mine"}).status_code == 303
    late = member.submit(path(tool, "/edit"), {**given, "description": "Late"})
    assert (late.status_code, stored(tool).description) == (409, "Mine")
    kept = parse(late.text)
    assert kept.find(id="description").text.strip() == "Late"
    again = {**given, "description": "Late", "lock_version": kept.find(id="lock-version")["value"]}
    assert member.submit(path(tool, "/edit"), again).status_code == 303
    assert stored(tool).description == "Late"


def test_rm_3_a_secret_is_admins_and_stays_with_its_address(admin, member, org):
    assert admin.submit(f"{HOME}/new", {**FORM, "secret": SECRET, "credential": ""}).status_code == 303
    ((key,), (tool,)) = rows(Credential), rows(Tool)
    assert (key.kind, tool.credential_id) == ("tool", key.id)
    for client in (admin, member):
        for act in ("", "/edit", "/try"):
            assert SECRET not in client.get(path(tool, act)).text
    assert key.name not in member.get(path(tool)).text
    given = sent(member.page(path(tool, "/edit")))
    assert (
        member.submit(path(tool, "/edit"), {**given, "url": "https://1.1.1.1/other/{city}"}).status_code
        == 303
    )
    assert stored(tool).credential_id == key.id
    given = sent(member.page(path(tool, "/edit")))
    stolen = {**given, "url": "https://9.9.9.9/{city}", "credential": str(key.id), "auth_header": "X-Echo"}
    assert member.submit(path(tool, "/edit"), stolen).status_code == 303
    assert stored(tool).credential_id is None
    assert stored(tool).config["auth_header"] == "Authorization"
    other = connections.credential(org, kind="model")
    refused = admin.submit(f"{HOME}/new", {**FORM, "name": "b", "credential": str(other.id)})
    assert refused.status_code == 422
    assert "Choose a credential of this list" in refused.text
    assert SECRET not in str([(event.before, event.after) for event in rows(AuditEvent)])


def test_a_credential_in_use_is_not_deleted(admin, org):
    key = connections.credential(org, SECRET, kind="tool")
    tools.tool(org, name="holder", credential_id=key.id)
    place = f"/o/acme/connections/credentials/{key.id}"
    assert "holder" in admin.page(place).text
    refused = admin.submit(f"{place}/delete", {"name": key.name})
    assert refused.status_code == 409
    assert "the tool “holder”" in refused.text


def test_a_tool_is_tried(member, org, peer):
    key = connections.credential(org, SECRET, kind="tool")
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", credential_id=key.id)
    peer.answers["/weather/Rome"] = (200, {"Content-Type": "text/html"}, f"<b>{SECRET}</b>".encode())
    page = member.page(path(tool, "/try"))
    assert [field["name"] for field in page.select("#form input[name^=arg_]")] == ["arg_0", "arg_1"]
    answer = member.submit(path(tool, "/try"), {"arg_0": "Rome", "arg_1": "2"})
    assert answer.status_code == 200
    tried = check_page(answer.text)
    assert tried.select_one("#response .facts + h3 + pre")
    shown = tried.text
    assert f"GET {peer.url}/weather/Rome?days=2" in shown
    assert "Authorization: Bearer •••" in shown
    assert "<b>•••</b>" in shown
    assert "<b>" not in answer.text
    assert SECRET not in answer.text
    assert peer.seen[0][1]["Authorization"] == f"Bearer {SECRET}"
    member.submit(path(tool, "/try"), {"arg_0": "Oslo", "arguments": '{"city": "Rome"}'})
    assert peer.seen[1][0] == "/weather/Rome"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "required"),
        ({"arg_0": "Rome", "arg_1": "two"}, "whole number"),
        ({"arguments": "{"}, "Line 1, column 2"),
        ({"arguments": "[]"}, "JSON object"),
        ({"arguments": '{"city": 1}'}, "not of type"),
        ({"arguments": '{"city": "x", "more": 1}'}, "unexpected"),
    ],
)
def test_in_wrong_arguments_are_told_and_nothing_is_sent(member, org, peer, given, words):
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}")
    answer = member.submit(path(tool, "/try"), given)
    assert answer.status_code == 422
    assert words in answer.text
    assert peer.seen == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [('{"city": ".."}', "part of the path"), ('{"city": "x", "days": 1e999}', "do not fit")],
)
def test_ss_4_values_that_cannot_be_sent_are_told(member, org, peer, arguments, words):
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}")
    answer = member.submit(path(tool, "/try"), {"arguments": arguments})
    assert answer.status_code in {200, 422}
    assert words in answer.text
    assert peer.seen == []


def test_large_numbers_are_sent_as_they_are(member, org, peer):
    tool = tools.tool(org, f"{peer.url}/weather/{{city}}", config={"method": "POST"})
    answer = member.submit(
        path(tool, "/try"), {"arguments": '{"city": "Rome", "days": 99999999999999999999}'}
    )
    assert '{"days":99999999999999999999}' in check_page(answer.text).text


def test_a_tool_is_disabled_archived_restored_and_deleted(member, org):
    tool = tools.tool(org, name="gone")
    agent = agents.agent(org, name="Reader", tools_enabled=[str(tool.id)])
    for act, column, value in (
        ("disable", "enabled", False),
        ("enable", "enabled", True),
        ("archive", "archived", True),
        ("restore", "archived", False),
    ):
        assert member.submit(path(tool, f"/{act}"), {}).status_code == 303
        assert getattr(stored(tool), column) is value
    assert "Reader" in member.page(path(tool)).text
    assert "Reader" in member.page(path(tool, "/delete")).text
    refused = member.submit(path(tool, "/delete"), {"name": "gone"})
    assert refused.status_code == 409
    assert "“Reader”" in refused.text
    with_no_tool = stored(agent)
    with_no_tool.tools_enabled = []
    with as_owner() as session:
        session.merge(with_no_tool)
    assert member.submit(path(tool, "/delete"), {"name": "wrong"}).status_code == 422
    assert member.submit(path(tool, "/delete"), {"name": "gone"}).status_code == 303
    assert rows(Tool) == []


def test_an_agent_is_given_tools_and_versions_differ_by_them(member, org):
    tool = tools.tool(org, name="find_weather", approval="agent")
    foreign = tools.tool(orgs.org(), name="foreign")
    agent = agents.agent(org, name="Reader")
    edit = f"/o/acme/agents/{agent.id}/edit"
    page = member.page(edit)
    labels = [label.text for label in page.select("#tools_enabled .choice label")]
    assert labels == ["calculator: built in, runs at once", "find_weather: the agent decides whether to ask"]
    given = {"name": "Reader", "lock_version": "1", "max_tool_calls": "10", "timeout_seconds": "300"}
    refused = member.submit(edit, {**given, "tools_enabled": [str(foreign.id)]})
    assert refused.status_code == 422
    agents.version(agent, snapshot={"name": "Reader"})
    chosen = ["calculator", str(tool.id)]
    assert member.submit(edit, {**given, "tools_enabled": chosen}).status_code == 303
    assert stored(agent).tools_enabled == sorted(chosen)
    review = member.page(f"/o/acme/agents/{agent.id}/publish").text
    assert "ool added: calculator" in review
    assert "tool added: find_weather" in review


def test_viewers_see_tools_and_change_nothing(new_client, org):
    tool = tools.tool(org, name="find_weather")
    viewer = new_client(orgs.member(org, "viewer"))
    assert names(viewer.page(HOME)) == ["find_weather"]
    assert "Edit" not in [link.text.strip() for link in viewer.page(path(tool)).select("main a")]
    for act in ("/edit", "/try", "/delete"):
        assert viewer.get(path(tool, act)).status_code == 403


def test_another_organisations_tool_is_not_there(member):
    foreign = tools.tool(orgs.org())
    for act in ("", "/edit", "/try", "/delete"):
        assert member.get(path(foreign, act)).status_code == 404
    assert member.submit(path(foreign, "/archive"), {}).status_code == 404
    assert not stored(foreign).archived

"""What the pages of calls that wait say of the tool and of what it is given."""

from uuid import uuid4

from tests.factories import agents, connections, orgs, runtime, threads, tools
from tests.support.queries import queries


def words(part):
    return " ".join(part.get_text(" ").split())


def waiting(org, person, **values):
    """Store a call that waits in a thread of this person."""
    message = threads.message(threads.thread(org, user_id=person.id))
    return runtime.approval(message, agent_id=agents.agent(org).id, **values)


def test_who_approves_reads_what_the_tool_does(member, person, org):
    tool = tools.tool(org, "https://192.0.2.1/orders/{order}", name="refund", config={"method": "POST"})
    call = waiting(org, person, tool="refund", tool_id=tool.id, arguments={"order": 7})
    with queries(max=4):
        page = member.page(f"/o/acme/approvals/{call.id}")
    shown = words(page.find("main"))
    assert "Says the weather. Request POST https://192.0.2.1/orders/{order} Tool refund" in shown
    assert page.select_one(f'main a[href="/o/acme/tools/{tool.id}"]')
    server = connections.mcp_server(org, name="Wiki")
    served = tools.mcp_tool(org, server, "look.up", name="look_up", description="Looks up.")
    call = waiting(org, person, tool="look_up", tool_id=served.id)
    shown = words(member.page(f"/o/acme/approvals/{call.id}").find("main"))
    assert "Looks up. MCP server Wiki Name at the server look.up" in shown


def test_the_page_of_a_call_leads_back_to_the_list_as_it_was(member, person, org):
    waiting(org, person)
    path = "/o/acme/approvals?status=pending&sort=-created"
    listed = member.page(path).select_one("th[scope=row] a")
    field = member.page(listed["href"]).select_one("form.decision input[name=place]")
    assert field["value"] == path


def test_who_approves_reads_that_the_server_is_disabled(member, person, org):
    served = tools.mcp_tool(org, connections.mcp_server(org, name="Wiki", enabled=False), name="look_up")
    call = waiting(org, person, tool="look_up", tool_id=served.id)
    shown = words(member.page(f"/o/acme/approvals/{call.id}").find("main"))
    assert "MCP server Wiki , disabled: calls of it fail" in shown


def test_a_tool_that_is_gone_or_anothers_is_not_described(member, person, org):
    foreign = tools.tool(orgs.org(), "https://192.0.2.9/theirs")
    for tool_id in (None, uuid4(), foreign.id):
        call = waiting(org, person, tool="refund", tool_id=tool_id)
        page = member.page(f"/o/acme/approvals/{call.id}")
        assert "the call would fail" in page.text
        assert "192.0.2.9" not in page.text


def test_the_list_shows_the_arguments_shortened(member, person, org):
    given = {"order": 7, "why": "<b>late</b> " + "x" * 200, "to": "Ann", "more": True}
    waiting(org, person, tool="refund", arguments=given)
    waiting(org, person, tool="deep", arguments={"deep": {"list": [1, 2]}})
    listed = member.both("/o/acme/approvals", "results")
    notes = {
        words(cell.find("a")): words(cell.select_one(".cell-note")) for cell in listed.select(".cell-name")
    }
    assert notes["refund"].startswith("to: Ann, why: <b>late</b> xxx")
    assert notes["refund"].endswith("xxx..., more: true, …")
    assert '"list"' in notes["deep"]


def test_the_tabs_say_what_the_list_shows(member, person, org):
    waiting(org, person, tool="waits")
    for tool, status in (("older", "approved"), ("newer", "expired")):
        waiting(org, person, tool=tool, status=status)

    def seen(url):
        page = member.page(url)
        tabs = {tab.text: (tab["href"], tab.get("aria-current")) for tab in page.select("#views .tabs a")}
        return tabs, [link.text for link in page.select("#results tbody th a")]

    tabs, tools = seen("/o/acme/approvals")
    assert {words: current for words, (_, current) in tabs.items()} == {"Pending": "page", "Settled": None}
    assert tools == ["waits"]
    tabs, tools = seen(tabs["Settled"][0])
    assert {words: current for words, (_, current) in tabs.items()} == {"Pending": None, "Settled": "page"}
    assert tools == ["newer", "older"]
    tabs, tools = seen("/o/acme/approvals?status=approved")
    assert {current for _, current in tabs.values()} == {None}
    assert tools == ["older"]
    assert seen(tabs["Pending"][0])[1] == ["waits"]


def test_settled_calls_have_an_empty_list_of_their_own_and_cannot_be_selected(member, person, org):
    settled = "/o/acme/approvals?status=-pending&sort=-created"
    waiting(org, person, tool="waits")
    assert "No call is settled yet" in words(member.page(settled).select_one("#results"))
    assert "No calls match" in words(member.page(f"{settled}&q=xyz").select_one("#results"))
    waiting(org, person, tool="older", status="approved")
    boxes = member.page("/o/acme/approvals").select("tbody .check")
    assert [box["aria-label"] for box in boxes] == ["Select waits"]
    assert not member.page(settled).select("tbody .check")

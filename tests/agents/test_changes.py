"""Archive, restore and delete, one agent or many, and undo."""

import pytest

from app.agents.models import Agent
from app.audit.models import AuditEvent
from tests.factories import agents, orgs
from tests.factories.rows import rows, stored
from tests.support.client import HTMX
from tests.support.pages import check_fragment


def status(agent):
    now = stored(agent)
    return (
        "deleted"
        if now.deleted_at
        else "archived"
        if now.archived
        else "enabled"
        if now.enabled
        else "disabled"
    )


def bulk(client, act, chosen, **options):
    ids = [str(agent.id) for agent in chosen]
    return client.submit("/o/acme/agents/bulk", {"act": act, "ids": ids, "query": "sort=name"}, **options)


def undo_form(page):
    return page.find(id="toasts").find("form")["action"]


@pytest.mark.parametrize(("act", "after"), [("archive", "archived"), ("delete", "deleted")])
def test_one_agent_is_changed_and_changed_back(member, org, act, after):
    agent = agents.agent(org, enabled=False)
    answer = member.submit(f"/o/acme/agents/{agent.id}/{act}")
    assert (answer.status_code, status(agent)) == (303, after)
    page = member.page(answer.location)
    assert f"1 {after}." in page.find(id="toasts").text
    member.submit(undo_form(page))
    assert status(agent) == "disabled"
    actions = [(event.action, event.before, event.after) for event in rows(AuditEvent, target_id=agent.id)]
    assert actions == [
        (f"agent.{act}", {"status": "disabled"}, {"status": after}),
        ("agent.restore", {"status": after}, {"status": "disabled"}),
    ]


@pytest.mark.parametrize("before", [{"archived": True}, {"deleted_at": "2026-11-20T00:00:00Z"}])
def test_restore_is_offered_and_can_be_undone(member, org, before):
    agent = agents.agent(org, **before)
    was = status(agent)
    page = member.page(f"/o/acme/agents/{agent.id}")
    assert f"This agent is {was}" in page.find(class_="banner").text
    answer = member.submit(page.find(class_="banner").find("form")["action"])
    assert status(agent) == "enabled"
    member.submit(undo_form(member.page(answer.location)))
    assert status(agent) == was


def test_a_deleted_archived_agent_comes_back_archived(member, org):
    agent = agents.agent(org, archived=True)
    member.submit(f"/o/acme/agents/{agent.id}/delete")
    member.submit(f"/o/acme/agents/{agent.id}/restore")
    assert status(agent) == "archived"


def test_many_are_changed_with_a_report_of_those_skipped(member, org):
    chosen = [agents.agent(org, name=f"Agent {n}", archived=n == 3) for n in range(4)]
    answer = bulk(member, "archive", chosen)
    assert (answer.status_code, answer.location) == (303, "/o/acme/agents?sort=name")
    page = member.page("/o/acme/agents?status=archived")
    assert "3 archived, 1 skipped." in page.find(id="toasts").text
    assert "Agent 3 is archived" in " ".join(page.find(id="results").text.split())
    assert [box["value"] for box in page.select("[name=ids][checked]")] == [str(chosen[3].id)]
    assert len(rows(AuditEvent)) == 3
    assert "skipped" not in member.page("/o/acme/agents").find(id="results").text
    member.submit(undo_form(page))
    assert [status(agent) for agent in chosen] == ["enabled"] * 3 + ["archived"]


def test_htmx_gets_its_region_and_the_notice(member, org):
    chosen = [agents.agent(org) for _ in range(3)]
    answer = bulk(member, "delete", chosen[:2], htmx=True)
    followed = member.get(answer.location, headers=HTMX | {"HX-Trigger": "bulk"})
    assert "2 deleted." in followed.headers["HX-Trigger"]
    assert "/agents/undo/" in followed.headers["HX-Trigger"]
    assert followed.headers["HX-Replace-Url"] == "/o/acme/agents?sort=name"
    assert len(check_fragment(followed.text).select("tbody tr")) == 1


@pytest.mark.parametrize("act", ["archive", "restore", "delete"])
def test_oi_1_a_foreign_id_refuses_the_whole_call(member, org, state, act):
    own, foreign = agents.agent(org), agents.agent(orgs.org(), archived=act == "restore")
    before = state()
    assert bulk(member, act, [own, foreign]).status_code == 404
    assert member.submit(f"/o/acme/agents/{foreign.id}/{act}").status_code == 404
    assert state() == before


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"act": "archive"}, 422),
        ({"act": "destroy", "ids": ["x"]}, 422),
        ({"ids": ["x"]}, 422),
        ({"act": "archive", "ids": ["x"]}, 404),
        ({"act": "archive", "ids": ["2" * 40]}, 404),
        ({"act": "archive", "ids": ["00000000-0000-7000-8000-00000000000A"]}, 404),
        ({"act": "archive", "ids": [f"00000000-0000-7000-8000-{n:012}" for n in range(201)]}, 422),
    ],
)
def test_wrong_selections_are_refused(member, org, state, data, code):
    before = state()
    assert member.submit("/o/acme/agents/bulk", data).status_code == code
    assert state() == before


def test_a_query_that_is_no_query_is_harmless(member, org):
    agent = agents.agent(org)
    data = {"act": "archive", "ids": [str(agent.id)], "query": "\r\nX-Evil: 1&q=a%0d%0ab"}
    answer = member.submit("/o/acme/agents/bulk", data)
    assert answer.status_code == 303
    assert "X-Evil" not in answer.headers
    member.page(answer.location)


def test_all_that_match_are_counted_again_and_confirmed(member, org):
    chosen = [agents.agent(org, name=f"Alpha {n}") for n in range(25)]
    other = agents.agent(org, name="Beta")
    page = member.page("/o/acme/agents?q=alpha")
    signed = page.find("form", id="bulk").find("input", {"name": "state"})["value"]
    answer = member.submit("/o/acme/agents/bulk", {"act": "archive", "match": "all", "state": signed})
    assert (answer.status_code, status(chosen[0])) == (303, "enabled")
    agents.agent(org, name="Alpha too")
    confirm = member.page(answer.location)
    assert "26 agents match" in " ".join(confirm.text.split())
    form = confirm.find("main").find("form")
    data = {field["name"]: field["value"] for field in form.find_all("input")}
    done = member.submit(form["action"], data)
    assert done.location == "/o/acme/agents?q=alpha"
    assert {status(agent) for agent in chosen} == {"archived"}
    assert status(other) == "enabled"
    member.submit(undo_form(member.page(done.location)))
    assert {agent.archived for agent in rows(Agent)} == {False}


@pytest.mark.parametrize("signed", ["", "x", "W10.abc"])
def test_an_altered_state_is_unknown(member, org, signed):
    agents.agent(org)
    data = {"act": "delete", "state": signed}
    assert member.get("/o/acme/agents/bulk", query_string=data).status_code == 404
    assert member.submit("/o/acme/agents/bulk/matching", data).status_code == 404


def test_a_state_of_another_organisation_is_unknown(member, new_client, org):
    person = orgs.member(other := orgs.org())
    agents.agent(other)
    agents.agent(org)
    theirs = new_client(person).page(f"/o/{other.slug}/agents")
    signed = theirs.find("form", id="bulk").find("input", {"name": "state"})["value"]
    assert (
        member.submit("/o/acme/agents/bulk/matching", {"act": "delete", "state": signed}).status_code == 404
    )


def test_names_in_use_keep_a_deleted_agent_deleted(member, org):
    gone = [agents.agent(org, name=f"Name {n}", deleted_at="2026-11-20T00:00:00Z") for n in range(2)]
    twin = agents.agent(org, name="nAME 1", deleted_at="2026-11-20T00:00:00Z")
    agents.agent(org, name="name 0")
    answer = bulk(member, "restore", [*gone, twin])
    page = member.page(answer.location)
    assert "1 restored, 2 skipped." in page.find(id="toasts").text
    assert sorted(map(status, [*gone, twin])) == ["deleted", "deleted", "enabled"]


def test_undo_leaves_what_changed_since(member, org):
    chosen = [agents.agent(org) for _ in range(2)]
    undo = undo_form(member.page(bulk(member, "archive", chosen).location))
    member.submit(f"/o/acme/agents/{chosen[0].id}/restore")
    member.submit(undo)
    page = member.page("/o/acme/agents")
    assert "1 restored, 1 skipped." in page.find(id="toasts").text
    assert [status(agent) for agent in chosen] == ["enabled", "enabled"]


def test_undo_is_the_persons_own_and_of_this_organisation(member, new_client, org):
    agent = agents.agent(org)
    undo = undo_form(member.page(member.submit(f"/o/acme/agents/{agent.id}/archive").location))
    colleague = new_client(orgs.member(org))
    assert colleague.submit(undo).status_code == 404
    stranger = orgs.org()
    orgs.member(stranger, user=orgs.member(orgs.org()))
    assert member.submit("/o/acme/agents/undo/nothing").status_code == 404
    assert status(agent) == "archived"


def test_viewers_see_no_control_that_would_refuse_them(viewer, org):
    agent = agents.agent(org)
    for url in ("/o/acme/agents", f"/o/acme/agents/{agent.id}", "/o/acme/agents?status=archived"):
        page = viewer.page(url)
        posts = {form["action"] for form in page.find("main").find_all("form", method="post")}
        links = {link["href"] for link in page.find("main").find_all("a")}
        assert posts <= {"/o/acme/views?list=agents"}, "viewers may keep views of their own"
        assert not any("/new" in link or "/edit" in link for link in links)
    assert not viewer.page("/o/acme/agents").select("[name=ids]")


def test_viewers_are_refused(viewer, org, state):
    agent = agents.agent(org)
    before = state()
    for path in ("new", f"{agent.id}/edit", "bulk"):
        assert viewer.get(f"/o/acme/agents/{path}").status_code == 403
    for path in (
        "new",
        f"{agent.id}/edit",
        f"{agent.id}/delete",
        f"{agent.id}/duplicate",
        "bulk",
        "bulk/matching",
        "undo/x",
    ):
        assert viewer.submit(f"/o/acme/agents/{path}").status_code == 403
    assert state() == before

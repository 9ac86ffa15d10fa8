"""Saved views: kept, opened, overridden, shared, deleted."""

import pytest

from app.audit.models import AuditEvent
from app.orgs.models import SavedView
from tests.conformance.inventory import UNKNOWN
from tests.factories import agents, auth, orgs
from tests.factories.rows import rows, stored
from tests.support.queries import queries

LIST = "/o/acme/agents"


@pytest.fixture
def org(connection):
    org = orgs.org(slug="acme")
    for name, values in (("Live", {}), ("Old", {"archived": True}), ("Off", {"enabled": False})):
        agents.agent(org, name=name, **values)
    return org


@pytest.fixture
def person(org):
    return orgs.member(org, "member", auth.user(email="ana@example.org"))


@pytest.fixture
def client(new_client, person):
    return new_client(person)


@pytest.fixture
def other(new_client, org):
    return new_client(orgs.member(org, "viewer"))


def names(page):
    return [cell.a.text for cell in page.find(id="results").find_all("th", scope="row")]


def tabs(page):
    return [" ".join(link.get_text().split()) for link in page.find(id="views").nav.find_all("a")]


def current(page):
    return " ".join(page.find(id="views").nav.find(attrs={"aria-current": "page"}).get_text().split())


def keep(client, url, **values):
    """Save what the list at `url` shows, as its form does."""
    state = client.page(url).find("form", class_="save-view").find("input", {"name": "state"})["value"]
    return client.submit("/o/acme/views", {"state": state, "name": "Mine", **values})


def test_a_state_is_kept_and_opened_again(client, org):
    answer = keep(client, f"{LIST}?status=archived&status=disabled&sort=-name&cols=name,model&per=50")
    (view,) = rows(SavedView)
    assert (answer.status_code, answer.location) == (303, f"{LIST}?view={view.id}")
    page = client.both(answer.location)
    assert names(page) == ["Old", "Off"]
    assert [cell.text.strip() for cell in page.select("thead th")] == ["Name", "Model"]
    assert (tabs(page), current(page)) == (["All", "Mine"], "Mine")
    assert names(client.page(LIST)) == names(client.page(f"{LIST}?view="))
    (event,) = rows(AuditEvent, action="saved_view.create")
    assert (event.target_id, event.after["list"], event.after["shared"]) == (view.id, "agents", False)


def test_the_way_on_keeps_the_view_in_the_address(client, org):
    url = keep(client, f"{LIST}?status=archived&q=o").location
    page = client.page(url)
    answer = client.get(url)
    assert answer.headers["Link"].startswith(f'<{url}>; rel="canonical"')
    chips = {chip["aria-label"]: chip["href"] for chip in page.select("a.chip")}
    without = client.page(chips["Remove filter Status: Archived"])
    assert chips["Remove filter Status: Archived"] == f"{LIST}?status=&{url.partition('?')[2]}"
    assert names(without) == ["Off"]
    assert client.page(page.find(id="chips-clear")["href"]).find(id="results").select(".chip") == []


def test_explicit_parameters_go_before_and_are_saved_or_reset(client, org):
    url = keep(client, f"{LIST}?status=archived").location
    page = client.page(f"{url}&status=disabled&sort=name")
    assert names(page) == ["Off"]
    assert current(page) == "Mine (changed)"
    assert page.find(id="view-reset")["href"] == url
    form = page.find(id="views").find("form", class_="action")
    fields = {field["name"]: field["value"] for field in form.find_all("input")}
    assert client.submit(form["action"], fields).location == url
    again = client.page(url)
    assert (names(again), current(again)) == (["Off"], "Mine")
    assert not again.find(id="view-reset")
    (event,) = rows(AuditEvent, action="saved_view.change")
    assert event.before == {"params": [["status", "archived"]]}


def test_the_filter_form_can_empty_what_a_view_asks_for(client, org):
    url = keep(client, f"{LIST}?status=archived&sort=name").location
    form = client.page(url).find(id="filters")
    sent = [
        (field["name"], field.get("value", ""))
        for field in form.find_all("input")
        if field.get("type") not in {"checkbox", "radio"} and field.get("name")
    ]
    page = client.page(LIST, query_string=[*sent, ("status", "disabled")])
    assert names(page) == ["Off"]
    assert set(names(client.page(LIST, query_string=sent))) == {"Live", "Off"}
    assert current(page) == "Mine (changed)"


def test_a_default_view_opens_the_list_and_all_stays_reachable(client, new_client, org, person):
    keep(client, f"{LIST}?status=archived", is_default="y")
    page = client.both(LIST)
    assert (names(page), current(page)) == (["Old"], "Mine")
    everything = client.page(page.find(id="view-all")["href"])
    assert current(everything) == "All"
    assert set(names(everything)) == {"Live", "Off"}
    assert client.get(f"{LIST}?view=").headers["Link"].startswith(f'<{LIST}?view=>; rel="canonical"')
    assert set(names(client.page(f"{LIST}?sort=name"))) == {"Live", "Off"}
    assert keep(client, f"{LIST}?view=&status=disabled", name="Other", is_default="y").status_code == 303
    assert [view.is_default for view in rows(SavedView)] == [False, True]
    assert names(client.page(LIST)) == ["Off"]
    assert set(names(new_client(orgs.member(org)).page(LIST))) == {"Live", "Off"}


def test_private_views_are_ones_own_and_shared_ones_everybodys(client, other, org):
    private = keep(client, f"{LIST}?status=archived").location
    shared = keep(client, f"{LIST}?status=disabled", name="Ours", shared="y").location
    assert tabs(other.page(LIST)) == ["All", "Ours, shared"]
    assert names(other.page(shared)) == ["Off"]
    page = other.page(private)
    assert "does not exist any more, or is not shared" in page.find(id="results").text
    assert set(names(page)) == {"Live", "Off"}


def test_viewers_keep_private_views_only(other, org):
    assert keep(other, f"{LIST}?status=archived").status_code == 303
    assert keep(other, f"{LIST}?status=archived", shared="y").status_code == 403
    assert "shared" not in str(other.page(LIST).find(class_="save-view"))
    (view,) = rows(SavedView)
    assert other.submit(f"/o/acme/views/{view.id}", {"name": "X", "shared": "y"}).status_code == 403


def test_a_view_is_renamed_shared_and_deleted(client, other, org):
    keep(client, f"{LIST}?status=archived")
    (view,) = rows(SavedView)
    page = client.page(f"/o/acme/views/{view.id}")
    assert page.find(id="name")["value"] == "Mine"
    assert client.submit(f"/o/acme/views/{view.id}", {"name": ""}).status_code == 422
    answer = client.submit(f"/o/acme/views/{view.id}", {"name": "Ours", "shared": "y"})
    assert answer.location == f"{LIST}?view={view.id}"
    assert tabs(other.page(LIST)) == ["All", "Ours, shared"]
    assert client.submit(f"/o/acme/views/{view.id}/delete").location == LIST
    assert rows(SavedView) == []
    assert tabs(other.page(LIST)) == ["All"]
    actions = {event.action for event in rows(AuditEvent, target_id=view.id)}
    assert actions == {"saved_view.create", "saved_view.change", "saved_view.delete"}


def test_admins_manage_shared_views_of_others_but_no_private_ones(client, new_client, org):
    keep(client, f"{LIST}?status=archived", shared="y", is_default="y")
    keep(client, f"{LIST}?status=disabled", name="Own")
    shared, private = rows(SavedView)
    admin, member = new_client(orgs.member(org, "admin")), new_client(orgs.member(org))
    for who, status in ((admin, 303), (member, 404)):
        assert who.submit(f"/o/acme/views/{shared.id}", {"name": "A", "shared": "y"}).status_code == status
        assert who.submit(f"/o/acme/views/{private.id}", {"name": "A"}).status_code == 404
        assert who.get(f"/o/acme/views/{private.id}").status_code == 404
    assert stored(shared).is_default


def test_what_no_longer_exists_is_dropped_with_a_notice(client, org, person):
    params = [["status", "melted"], ["flavour", "x"], ["sort", "weight"], ["cols", "name,weight"]]
    view = orgs.saved_view(org, person, params=params)
    page = client.both(f"{LIST}?view={view.id}")
    notices = page.find(id="results").text
    for words in ("unknown value for status", "cannot be sorted that way", "column that does not exist"):
        assert words in notices
    assert set(names(page)) == {"Live", "Off"}
    assert not page.find(id="view-reset")


def test_a_view_of_another_list_or_organisation_is_none(client, new_client, org, person):
    elsewhere = orgs.saved_view(org, person, list="threads")
    theirs = orgs.org()
    foreign = orgs.saved_view(theirs, orgs.member(theirs, "owner"), shared=True)
    for view_id in (elsewhere.id, foreign.id, UNKNOWN, "x", "' OR 1=1"):
        page = client.page(LIST, query_string={"view": str(view_id)})
        assert "does not exist any more" in page.find(id="results").text
    assert client.get(f"/o/acme/views/{foreign.id}").status_code == 404
    state = client.page(LIST).find("form", class_="save-view").find("input", {"name": "state"})["value"]
    assert client.submit(f"/o/acme/views/{elsewhere.id}/state", {"state": state}).status_code == 404
    outsider = orgs.member(theirs, "owner")
    answer = new_client(outsider).submit(f"/o/{theirs.slug}/views", {"state": state, "name": "Taken along"})
    assert answer.status_code == 404


@pytest.mark.parametrize("state", ["", "x", "WyIvIl0.x"])
def test_a_state_that_was_not_signed_here_is_refused(client, org, state):
    assert client.submit("/o/acme/views", {"state": state, "name": "X"}).status_code == 404
    assert rows(SavedView) == []


def test_a_name_is_asked_for_on_a_page_that_keeps_the_state(client, org):
    page = keep(client, f"{LIST}?status=archived", name=" ")
    assert page.status_code == 422
    assert "Enter a name for the view." in page.text


def test_own_views_stay_however_many_others_share(client, org, person):
    colleague = orgs.member(org)
    for number in range(100):
        orgs.saved_view(org, colleague, list="agents", name=f"a{number:03}", shared=True)
    orgs.saved_view(org, person, list="agents", name="Mine", params=[["status", "archived"]], is_default=True)
    page = client.page(LIST)
    assert current(page) == "Mine"
    assert names(page) == ["Old"]
    assert (len(tabs(page)), tabs(page)[1]) == (101, "a000, shared")
    assert tabs(page)[-1] == "Mine"


def test_nobody_keeps_more_than_fifty_views_of_a_list(client, org, person):
    for _ in range(50):
        orgs.saved_view(org, person)
    assert keep(client, LIST).status_code == 409


@pytest.mark.parametrize("path", ["agents", "members"])
def test_a_list_with_views_costs_four_statements(client, org, person, path):
    view = orgs.saved_view(org, person, list=path, params=[["q", "a"]])
    client.page(f"/o/acme/{path}")
    with queries(max=4):
        client.page(f"/o/acme/{path}?view={view.id}")


def test_files_and_bulk_changes_follow_the_view(client, org):
    url = keep(client, f"{LIST}?status=archived").location
    page = client.page(url)
    links = [link["href"] for link in page.select("#export a")]
    assert "Old" in client.get(links[0]).text
    assert "Live" not in client.get(links[0]).text
    fields = {box["name"]: box["value"] for box in page.find(id="bulk").select("input[type=hidden]")}
    ids = [page.find("input", {"name": "ids"})["value"]]
    answer = client.submit("/o/acme/agents/bulk", {**fields, "ids": ids, "act": "restore"})
    assert answer.location == url

"""Archive, restore, delete and tag threads, one or many, and undo."""

import pytest
from sqlalchemy import delete

from app.audit.models import AuditEvent
from app.orgs.models import OrgMember
from tests.factories import orgs, threads
from tests.factories.rows import rows, stored
from tests.support.client import HTMX
from tests.support.database import as_owner
from tests.support.pages import check_fragment

INDEX = "/o/acme/threads"


@pytest.fixture
def client(new_client, ana):
    return new_client(ana)


def status(thread):
    now = stored(thread)
    return "deleted" if now.deleted_at else "archived" if now.archived else "live"


def bulk(client, act, chosen, **more):
    ids = [str(thread.id) for thread in chosen]
    return client.submit(f"{INDEX}/bulk", {"act": act, "ids": ids, "query": "sort=created", **more})


def undo_form(page):
    return page.find(id="toasts").find("form")["action"]


@pytest.mark.parametrize(("act", "after"), [("archive", "archived"), ("delete", "deleted")])
def test_one_thread_is_changed_and_changed_back(client, thread, act, after):
    answer = client.submit(f"{INDEX}/{thread.id}/{act}")
    assert (answer.status_code, status(thread)) == (303, after)
    assert answer.location == (INDEX if act == "delete" else f"{INDEX}/{thread.id}")
    page = client.page(INDEX)
    assert f"1 {after}." in page.find(id="toasts").text
    client.submit(undo_form(page))
    assert status(thread) == "live"
    events = [(event.action, event.before, event.after) for event in rows(AuditEvent, target_id=thread.id)]
    assert events == [
        (f"thread.{act}", {"status": "live"}, {"status": after}),
        ("thread.restore", {"status": after}, {"status": "live"}),
    ]


def test_many_are_changed_with_a_report_of_those_skipped(client, org, ana):
    chosen = [threads.thread(org, ana, name=f"Thread {n}", archived=n == 3) for n in range(4)]
    answer = bulk(client, "archive", chosen)
    assert (answer.status_code, answer.location) == (303, f"{INDEX}?sort=created")
    page = client.page(f"{INDEX}?status=archived")
    assert "3 archived, 1 skipped." in page.find(id="toasts").text
    assert "Thread 3 is archived" in " ".join(page.find(id="results").text.split())
    assert [box["value"] for box in page.select("[name=ids][checked]")] == [str(chosen[3].id)]
    client.submit(undo_form(page))
    assert [status(thread) for thread in chosen] == ["live"] * 3 + ["archived"]


def test_a_deleted_archived_thread_comes_back_archived(client, org, ana):
    thread = threads.thread(org, ana, archived=True)
    bulk(client, "delete", [thread])
    bulk(client, "restore", [thread])
    assert status(thread) == "archived"


def test_tags_are_added_taken_away_and_brought_back(client, org, ana):
    chosen = [threads.thread(org, ana, tags=["vip"] if n else []) for n in range(3)]
    page = client.page(bulk(client, "tag", chosen, tag="  vip ").location)
    assert "1 tagged, 2 skipped." in page.find(id="toasts").text
    assert [stored(thread).tags for thread in chosen] == [["vip"]] * 3
    client.submit(undo_form(page))
    assert [stored(thread).tags for thread in chosen] == [[], ["vip"], ["vip"]]
    page = client.page(bulk(client, "untag", chosen, tag="vip").location)
    assert "2 untagged, 1 skipped." in page.find(id="toasts").text
    assert [stored(thread).tags for thread in chosen] == [[], [], []]
    client.submit(undo_form(page))
    assert [stored(thread).tags for thread in chosen] == [[], ["vip"], ["vip"]]
    event = rows(AuditEvent, target_id=chosen[0].id)[0]
    assert (event.action, event.before, event.after) == ("thread.tag", {"tags": []}, {"tags": ["vip"]})


@pytest.mark.parametrize("tag", ["", " ", "x" * 41, "-x"])
def test_tags_that_cannot_be_are_refused(client, thread, state, tag):
    before = state()
    assert bulk(client, "tag", [thread], tag=tag).status_code == 422
    assert state() == before


def test_a_thread_has_twenty_tags_at_most_and_none_once_deleted(client, org, ana):
    full = threads.thread(org, ana, tags=[str(number) for number in range(20)])
    gone = threads.thread(org, ana, deleted_at="2026-11-20T00:00:00Z")
    text = client.page(bulk(client, "tag", [full, gone], tag="more").location).find(id="results").text
    assert "has 20 tags already" in text
    assert "is deleted" in text


def test_undo_leaves_what_changed_since(client, org, ana):
    chosen = [threads.thread(org, ana) for _ in range(2)]
    undo = undo_form(client.page(bulk(client, "tag", chosen, tag="vip").location))
    bulk(client, "tag", chosen[:1], tag="late")
    client.submit(undo)
    assert "1 restored, 1 skipped." in client.page(INDEX).find(id="toasts").text
    assert [stored(thread).tags for thread in chosen] == [["vip", "late"], []]


def test_htmx_gets_its_region_and_the_notice(client, org, ana):
    chosen = [threads.thread(org, ana) for _ in range(3)]
    data = {"act": "delete", "ids": [str(thread.id) for thread in chosen[:2]]}
    answer = client.submit(f"{INDEX}/bulk", data, htmx=True)
    followed = client.get(answer.location, headers=HTMX | {"HX-Trigger": "bulk"})
    assert "2 deleted." in followed.headers["HX-Trigger"]
    assert len(check_fragment(followed.text).select("tbody tr")) == 1


@pytest.mark.parametrize("act", ["archive", "restore", "delete", "tag", "untag"])
def test_oi_1_a_foreign_or_hidden_id_refuses_the_whole_call(client, org, ana, state, act):
    own = threads.thread(org, ana)
    hidden = [
        threads.thread(orgs.org(), origin="api", archived=act == "restore", tags=["vip"]),
        threads.thread(org, orgs.member(org), archived=act == "restore", tags=["vip"]),
    ]
    before = state()
    for thread in hidden:
        assert bulk(client, act, [own, thread], tag="vip").status_code == 404
        assert client.submit(f"{INDEX}/{thread.id}/{act}", {"tag": "vip"}).status_code == 404
    assert state() == before


@pytest.mark.parametrize(
    ("data", "code"),
    [
        *(({"act": "archive"}, 422), ({"act": "destroy", "ids": ["x"]}, 422), ({"ids": ["x"]}, 422)),
        *(({"act": "archive", "ids": ["x"]}, 404), ({"act": "tag", "ids": ["x"], "tag": "vip"}, 404)),
        ({"act": "archive", "ids": [f"00000000-0000-7000-8000-{n:012}" for n in range(201)]}, 422),
    ],
)
def test_wrong_selections_are_refused(client, thread, state, data, code):
    before = state()
    assert client.submit(f"{INDEX}/bulk", data).status_code == code
    assert state() == before


@pytest.mark.parametrize(("act", "tag"), [("archive", ""), ("tag", "vip")])
def test_all_that_match_are_counted_again_and_confirmed(client, org, ana, act, tag):
    chosen = [threads.thread(org, ana, name=f"Alpha {n}") for n in range(25)]
    other = threads.thread(org, ana, name="Beta")
    page = client.page(f"{INDEX}?q=alpha&user={ana.id}")
    signed = page.find("form", id="bulk").find("input", {"name": "state"})["value"]
    answer = client.submit(f"{INDEX}/bulk", {"act": act, "tag": tag, "match": "all", "state": signed})
    assert (answer.status_code, status(chosen[0])) == (303, "live")
    threads.thread(org, ana, name="Alpha too")
    confirm = client.page(answer.location)
    assert "26 threads match" in " ".join(confirm.text.split())
    form = confirm.find("main").find("form")
    done = client.submit(form["action"], {field["name"]: field["value"] for field in form.find_all("input")})
    assert done.location == f"{INDEX}?q=alpha&user={ana.id}"
    assert len(rows(AuditEvent, action=f"thread.{act}")) == 26
    assert (status(other), stored(other).tags) == ("live", [])
    client.submit(undo_form(client.page(done.location)))
    assert {(status(thread), len(stored(thread).tags)) for thread in chosen} == {("live", 0)}


def test_a_filter_that_is_no_more_changes_nothing(client, org, ana, state):
    leaver = orgs.member(org)
    threads.thread(org, ana)
    page = client.page(f"{INDEX}?user=-{leaver.id}")
    signed = page.find("form", id="bulk").find("input", {"name": "state"})["value"]
    with as_owner() as session:
        session.execute(delete(OrgMember).where(OrgMember.user_id == leaver.id))
    before = state()
    assert client.submit(f"{INDEX}/bulk/matching", {"act": "delete", "state": signed}).status_code == 409
    assert state() == before


@pytest.mark.parametrize("signed", ["", "x", "W10.abc"])
def test_an_altered_state_is_unknown(client, thread, signed):
    data = {"act": "delete", "state": signed}
    assert client.get(f"{INDEX}/bulk", query_string=data).status_code == 404
    assert client.submit(f"{INDEX}/bulk/matching", data).status_code == 404


def test_undo_is_the_persons_own(client, new_client, org, thread):
    undo = undo_form(client.page(client.submit(f"{INDEX}/{thread.id}/archive").location.rpartition("/")[0]))
    assert new_client(orgs.member(org, "owner")).submit(undo).status_code == 404
    assert status(thread) == "archived"


def test_viewers_see_no_control_that_would_refuse_them(new_client, org, state):
    shared = threads.thread(org, origin="api")
    viewer = new_client(orgs.member(org, "viewer"))
    page = viewer.page(INDEX)
    assert not page.select("[name=ids]")
    assert not page.find(id="results").find_all("form", method="post")
    before = state()
    for path in (f"{shared.id}/delete", "bulk", "bulk/matching", "undo/x"):
        assert viewer.submit(f"{INDEX}/{path}").status_code == 403
    assert state() == before

"""Deciding about calls that wait: who may, what is shown, once, in time, and many together."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.agents.models import Agent
from app.audit.models import AuditEvent
from app.db.tables import Task
from app.orgs.models import OrgMember
from app.runtime.models import ToolApproval
from app.runtime.services.approving import expire_due
from app.threads.models import Message, Thread
from tests.factories import orgs, runtime, threads
from tests.factories.rows import rows
from tests.support.apart import apart
from tests.support.database import as_owner
from tests.support.model_server import Answer
from tests.support.pages import check_fragment, check_page
from tests.support.queries import queries
from tests.support.staged import CALL, answer, approvals, decide, kinds


@pytest.fixture
def expire():
    """Look for calls that nobody decided about in time, as each worker does."""
    return lambda: apart(expire_due)


def test_the_waiting_call_is_shown_where_it_can_be_decided(begin, member, work):
    place = begin()
    work()
    (approval,) = approvals()
    thread_url = f"/o/acme/threads/{approval.thread_id}"
    for url in (place, thread_url):
        assert "No result yet" in member.both(url, "messages").get_text()
    page = member.page(place)
    form = page.find("form", class_="decision")
    assert form["action"] == f"/o/acme/approvals/{approval.id}"
    assert "Europe/Rome" in page.get_text()
    assert page.find(attrs={"data-awaiting": True})["data-stream"].endswith("after=6")
    link = member.page(thread_url).select_one(".decisions a")
    assert member.page(link["href"]).find("form", class_="decision")
    assert member.fragment(link["href"]).find("form", class_="decision")
    with queries(max=4):
        member.get("/o/acme/approvals")
    with queries(max=4):
        member.get(f"/o/acme/approvals/{approval.id}")
    listed = member.both("/o/acme/approvals", "results")
    assert [link.get_text() for link in listed.select("tbody th a")] == ["current_time"]
    one = member.page(f"/o/acme/approvals/{approval.id}")
    assert "Europe/Rome" in one.get_text()
    decide(member, approval)
    assert member.both("/o/acme/approvals", "results").select("tbody th a") == []
    assert len(member.both("/o/acme/approvals?status=approved", "results").select("tbody th a")) == 1
    assert not member.page(f"/o/acme/approvals/{approval.id}").find("form", class_="decision")


def test_who_decides_stays_on_the_page_of_the_decision(begin, member, work):
    place = begin()
    work()
    (approval,) = approvals()
    field = member.page(place).select_one("form.decision input[name=place]")
    thread = f"/o/acme/threads/{approval.thread_id}?at={approval.message_id}"
    for given, led in (
        (field["value"], place),
        (f"{place}?branch=1", f"{place}?branch=1"),
        ("/o/acme/approvals?tool=clock", "/o/acme/approvals?tool=clock"),
        ("thread", thread),
        ("//example.org/x", thread),
        ("https://example.org/x", thread),
    ):
        with as_owner() as session:
            session.execute(update(ToolApproval).values(status="pending", decided_by=None, decided_at=None))
        assert decide(member, approval, place=given).location == led


def test_a_rejection_and_its_reason_reach_the_model(begin, member, server, work):
    begin()
    work()
    (approval,) = approvals()
    assert decide(member, approval, "reject", reason="Not at night.").status_code == 303
    work()
    done = answer()
    result = done.parts[2]
    assert (done.status, result["status"]) == ("complete", "rejected")
    assert "Not at night." in result["result"]
    assert "not allowed" in server.seen[1]["messages"][-1]["content"]
    (event,) = rows(AuditEvent, action="approval.reject")
    assert event.after == {"status": "rejected", "reason": "Not at night."}


@pytest.mark.parametrize("verdict", ["", "allow", "approved"])
def test_a_decision_that_is_none_changes_nothing(begin, member, work, verdict):
    begin()
    work()
    (approval,) = approvals()
    assert decide(member, approval, verdict).status_code == 422
    assert decide(member, approval, reason="x" * 1_001).status_code == 422
    assert approvals()[0].status == "pending"


def test_a_call_is_decided_once(begin, member, server, work):
    begin()
    work()
    (approval,) = approvals()
    decide(member, approval)
    second = decide(member, approval, "reject")
    assert second.status_code == 409
    page = check_page(second.text)
    assert "already approved" in page.find(id="error-summary").text
    assert not page.find("form", class_="decision")
    badge = "summary .badge"
    place = f"/o/acme/approvals/{approval.id}"
    assert member.page(place).select_one(badge).text.strip() == "No result yet"
    work()
    assert member.page(place).select_one(badge).text.strip() == "Succeeded"
    assert answer().status == "complete"
    assert decide(member, approval).status_code == 409
    assert len(server.seen) == 2


def test_a_decision_that_comes_too_late_shows_the_conversation_as_it_is(begin, member, work):
    place = begin()
    work()
    (approval,) = approvals()
    decide(member, approval)
    sent = {"verdict": "reject", "place": place}
    assert member.submit(f"/o/acme/approvals/{approval.id}", sent, htmx=True).location == place
    shown = member.get(place, headers={"HX-Request": "true"})
    assert "already approved" in shown.headers["HX-Trigger"]
    assert not check_fragment(shown.text).find("form", class_="decision")


def late(approval):
    with as_owner() as session:
        session.execute(
            update(ToolApproval)
            .where(ToolApproval.id == approval.id)
            .values(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        )


def test_a_call_nobody_decides_about_expires_as_rejected(begin, member, server, work, expire):
    begin()
    work()
    (approval,) = approvals()
    assert expire() == 0
    late(approval)
    refused = decide(member, approval)
    assert refused.status_code == 409
    assert "in time" in refused.get_data(as_text=True)
    assert (expire(), expire()) == (1, 0)
    work()
    done = answer()
    assert (done.status, done.parts[2]["status"]) == ("complete", "rejected")
    assert approvals()[0].status == "expired"
    assert len(rows(AuditEvent, action="approval.expire")) == 1


def test_a_deleted_thread_waits_for_nobody(begin, member, work, expire):
    begin()
    work()
    (approval,) = approvals()
    member.submit(f"/o/acme/threads/{approval.thread_id}/delete", {})
    assert rows(Thread)[0].deleted_at
    assert decide(member, approval).status_code == 404
    assert member.both("/o/acme/approvals", "results").select("tbody th a") == []
    assert expire() == 1
    assert (answer().status, approvals()[0].status, rows(Task)[0].status) == (
        "stopped",
        "cancelled",
        "cancelled",
    )


def test_oi_1_calls_of_others_are_theirs_to_decide(begin, member, org, new_client, work):
    begin()
    work()
    (approval,) = approvals()
    of_message = f"/threads/{approval.thread_id}/messages/{approval.message_id}/approvals"
    colleague = new_client(orgs.member(org))
    stranger = new_client(orgs.member(orgs.org(slug="other"), "owner"))
    viewer = new_client(orgs.member(org, "viewer"))
    for client, slug in ((colleague, "acme"), (viewer, "acme"), (stranger, "other"), (stranger, "acme")):
        assert client.get(f"/o/{slug}/approvals/{approval.id}").status_code == 404
        assert client.get(f"/o/{slug}{of_message}").status_code == 404
    for client, slug, status in ((colleague, "acme", 404), (viewer, "acme", 403), (stranger, "other", 404)):
        refused = client.submit(f"/o/{slug}/approvals/{approval.id}", {"verdict": "approve"})
        assert refused.status_code == status
    assert colleague.both("/o/acme/approvals", "results").select("tbody th a") == []
    assert approvals()[0].status == "pending"
    admin = new_client(orgs.member(org, "admin"))
    assert decide(admin, approval).status_code == 303


def test_a_colleague_sees_calls_of_shared_threads_and_does_not_decide_them(org, person, new_client):
    thread = threads.thread(org, person, origin="api")
    approval = runtime.approval(threads.message(thread, "x", role="assistant"))
    colleague = new_client(orgs.member(org))
    page = colleague.page(f"/o/acme/approvals/{approval.id}")
    assert not page.find("form", class_="decision")
    assert decide(colleague, approval).status_code == 403


def test_a_person_who_may_no_longer_run_agents_gets_no_call_made(
    begin, member, person, org, new_client, work
):
    begin()
    work()
    with as_owner() as session:
        session.execute(update(OrgMember).where(OrgMember.user_id == person.id).values(role="viewer"))
    admin = new_client(orgs.member(org, "admin"))
    (approval,) = approvals()
    assert decide(admin, approval).status_code == 303
    (ending,) = work()
    assert (ending.status, ending.error) == ("failed", "no longer permitted")
    assert kinds(answer()) == ["text", "tool_call", "error"]


@pytest.mark.parametrize("state", ["switched off", "archived"])
def test_an_agent_that_does_not_answer_any_more_makes_no_call_that_waited(begin, member, server, work, state):
    values = {"archived": True} if state == "archived" else {"enabled": False}
    place = begin()
    work()
    asked = len(server.seen)
    with as_owner() as session:
        session.execute(update(Agent).values(**values))
    (approval,) = approvals()
    assert decide(member, approval).status_code == 303
    (ending,) = work()
    reason = f"Support is {state} and does not answer."
    assert (ending.status, ending.error) == ("failed", reason)
    assert kinds(answer()) == ["text", "tool_call", "error"]
    assert member.submit(f"{place}/messages/{approval.message_id}/retry").status_code == 303
    assert [ending.error for ending in work()] == [reason]
    assert (answer().status, len(server.seen)) == ("failed", asked)


def test_the_home_page_is_told_how_many_wait(begin, member, new_client, org, work):
    begin()
    work()
    assert "1 call waits for approval" in " ".join(member.page("/o/acme").main.get_text().split())
    colleague = new_client(orgs.member(org))
    assert "for approval" not in colleague.page("/o/acme").main.get_text()


def test_many_are_rejected_at_once_and_others_left(begin, member, person, org, new_client, work):
    begin("ask", Answer(calls=(CALL, ("c2", "current_time", "{}"))))
    work()
    ids = [str(row.id) for row in approvals()]
    thread = threads.thread(org, orgs.member(org), origin="api")
    foreign = runtime.approval(threads.message(thread, "x", role="assistant"))
    bulk = "/o/acme/approvals/bulk"
    assert member.submit(bulk, {}).status_code == 422
    assert member.submit(bulk, {"ids": [*ids, str(uuid4())]}).status_code == 404
    decide(member, approvals()[0])
    assert member.submit(bulk, {"ids": [*ids, str(foreign.id)]}).status_code == 303
    shown = " ".join(member.page("/o/acme/approvals").find(id="results").get_text().split())
    assert "2 skipped" in shown
    assert "no longer waits" in shown
    assert "for others to decide" in shown
    assert [row.status for row in approvals()] == ["approved", "rejected", "pending"]
    work()
    assert [part["status"] for part in answer_of(person).parts if part["kind"] == "tool_result"] == [
        "succeeded",
        "rejected",
    ]
    stranger = new_client(orgs.member(orgs.org(slug="other"), "owner"))
    assert stranger.submit("/o/other/approvals/bulk", {"ids": [str(foreign.id)]}).status_code == 404


def answer_of(person):
    """The last answer in the person's threads."""
    mine = {row.id for row in rows(Thread, user_id=person.id)}
    return [row for row in rows(Message, role="assistant") if row.thread_id in mine][-1]

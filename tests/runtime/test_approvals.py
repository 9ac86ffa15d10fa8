"""Calls of tools that wait for a person: staged, decided once, and the answer that goes on."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from app.audit.models import AuditEvent
from app.db.tables import Task, TaskEvent
from app.orgs.models import OrgMember
from app.runtime.models import ToolApproval
from app.runtime.services.approving import expire_due
from app.threads.models import Message, Thread
from tests.factories import agents, orgs, runtime, threads
from tests.factories.rows import rows, save
from tests.support.apart import apart
from tests.support.database import as_owner
from tests.support.model_server import Answer
from tests.support.queries import queries

CALL = ("c1", "current_time", '{"time_zone": "Europe/Rome"}')


def tools(approval, *names):
    return [
        {"id": str(uuid4()), "name": name, "description": f"Does {name}.", "approval": approval}
        for name in names or ("current_time",)
    ]


@pytest.fixture
def begin(member, agent, server):
    """A function that asks an agent with such a tool; where the conversation is."""

    def ask(approval="ask", *answers, **snapshot):
        values = {"name": "Support", "prompt": "Be kind.", "provider": "main", "model": "m"}
        agents.version(agent, snapshot={**values, "tools": tools(approval), **snapshot})
        server.answers = [*(answers or [Answer(("Let me look.",), calls=(CALL,))]), Answer(("It is noon.",))]
        asked = member.submit(f"/o/acme/agents/{agent.id}/playground", {"message": "Time?", "version": "1"})
        assert asked.status_code == 303, asked.text
        return asked.location

    return ask


@pytest.fixture
def expire():
    """Look for calls that nobody decided about in time, as each worker does."""
    return lambda: apart(expire_due)


def answer():
    return max(rows(Message), key=lambda row: (row.created_at, row.id))


def approvals():
    return sorted(rows(ToolApproval), key=lambda row: row.id)


def kinds(message):
    return [part["kind"] for part in message.parts]


def decide(client, approval, verdict="approve", **fields):
    return client.submit(f"/o/acme/approvals/{approval.id}", {"verdict": verdict, **fields})


def test_a_call_waits_and_goes_on_once_approved(begin, member, person, server, work):
    begin()
    (ending,) = work()
    (task,) = rows(Task)
    assert (ending.status, task.status, task.finished_at) == ("waiting", "waiting", None)
    waiting = answer()
    assert (waiting.status, kinds(waiting)) == ("waiting", ["text", "tool_call"])
    assert (waiting.input_tokens, waiting.cost_micros, task.cost_micros) == (11, 25, 25)
    (approval,) = approvals()
    assert (approval.status, approval.tool, approval.arguments) == (
        "pending",
        "current_time",
        {"time_zone": "Europe/Rome"},
    )
    assert work() == []
    assert decide(member, approval).status_code == 303
    assert (answer().status, rows(Task)[0].status) == ("pending", "queued")
    (ending,) = work()
    assert ending.status == "succeeded"
    done = answer()
    assert (done.status, kinds(done)) == ("complete", ["text", "tool_call", "tool_result", "text"])
    assert done.parts[2]["result"]["time_zone"] == "Europe/Rome"
    assert (done.input_tokens, done.output_tokens, done.cost_micros) == (22, 14, 50)
    assert rows(Task)[0].cost_micros == 50
    (approval,) = approvals()
    assert (approval.status, approval.decided_by) == ("approved", person.id)
    told = server.seen[1]["messages"]
    assert [part["role"] for part in told] == ["system", "user", "assistant", "tool"]
    assert "Europe/Rome" in told[-1]["content"]


def test_the_waiting_call_is_shown_where_it_can_be_decided(begin, member, work):
    place = begin()
    work()
    (approval,) = approvals()
    thread_url = f"/o/acme/threads/{approval.thread_id}"
    for url in (place, thread_url):
        assert "Waits for approval" in member.both(url, "messages").get_text()
    page = member.page(place)
    form = page.find("form", class_="decision")
    assert form["action"] == f"/o/acme/approvals/{approval.id}"
    assert "Europe/Rome" in page.get_text()
    assert page.find(attrs={"data-awaiting": True})["data-stream"].endswith("after=5")
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
    assert "already approved" in second.get_data(as_text=True)
    work()
    assert answer().status == "complete"
    assert decide(member, approval).status_code == 409
    assert len(server.seen) == 2


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


def test_calls_of_one_turn_wait_together_and_the_allowed_run_at_once(begin, member, server, work):
    calls = (("c1", "current_time", "{}"), ("c2", "no_such_tool", "{}"), ("c1", "current_time", "{}"))
    begin("ask", Answer(calls=calls))
    work()
    first, second = approvals()
    assert first.call_id != second.call_id
    assert kinds(answer()) == ["tool_call", "tool_call", "tool_result", "tool_call"]
    decide(member, first)
    assert (answer().status, work()) == ("waiting", [])
    decide(member, second, "reject")
    work()
    done = answer()
    assert [part["status"] for part in done.parts if part["kind"] == "tool_result"] == [
        "failed",
        "succeeded",
        "rejected",
    ]
    assert done.status == "complete"


def test_an_answer_may_wait_more_than_once_within_its_budget(begin, member, server, work):
    again = Answer(calls=(("c1", "current_time", "{}"),))
    begin("ask", again, again, again, settings={"max_tool_calls": 2})
    for _ in range(2):
        work()
        decide(member, approvals()[-1])
    (ending,) = work()
    assert ending.status == "failed"
    done = answer()
    assert done.error == "The agent used more than 2 tool calls in one answer."
    assert len(approvals()) == 2
    assert len({row.call_id for row in approvals()}) == 2
    assert kinds(done) == ["tool_call", "tool_result", "tool_call", "tool_result", "error"]


def test_wrong_arguments_are_refused_without_asking_anybody(begin, work):
    begin("ask", Answer(calls=(("c1", "current_time", '{"time_zone": 7}'),)))
    work()
    assert (answer().status, approvals()) == ("complete", [])


@pytest.mark.parametrize(
    ("reply", "waits", "note"),
    [
        (Answer(("ALLOW",)), False, None),
        (Answer((" ALLOW\n",)), False, None),
        (
            Answer(
                (
                    "ASK: the zone ",
                    "is unusual",
                )
            ),
            True,
            "the zone is unusual",
        ),
        (Answer(("ALLOW? I am not sure.",)), True, "ALLOW? I am not sure."),
        (Answer(("allow",)), True, "allow"),
        (Answer(("Yes\0!",)), True, "Yes!"),
        (Answer((), ("ALLOW",)), True, "no reason"),
        (Answer(status=400, body=b"{}"), True, "could not be asked"),
        (Answer(("ALLOW",), cut=True), True, "could not be asked"),
        (Answer(("ALLOW",), calls=(("x", "current_time", "{}"),)), True, "ALLOW"),
    ],
)
def test_in_mode_agent_whatever_is_no_clear_permission_waits(begin, server, work, reply, waits, note):
    begin("agent", Answer(calls=(CALL,)), reply)
    work()
    judged = server.seen[1]["messages"]
    assert "Time?" not in str(judged)
    assert "Europe/Rome" in judged[1]["content"]
    assert "Be kind." in judged[1]["content"]
    found = approvals()
    assert len(found) == waits
    assert answer().status == ("waiting" if waits else "complete")
    if waits:
        assert note in found[0].note
    else:
        assert answer().input_tokens == 33


def test_stopping_a_waiting_answer_cancels_its_calls(begin, member, server, work):
    place = begin()
    work()
    assert member.submit(place, {"message": "And?", "version": "1"}).status_code == 409
    assert member.submit(f"{place}/stop", {}).status_code == 303
    stopped = answer()
    assert (stopped.status, kinds(stopped)) == ("stopped", ["text", "tool_call"])
    (approval,) = approvals()
    assert approval.status == "cancelled"
    refused = decide(member, approval)
    assert refused.status_code == 409
    assert "stopped" in refused.get_data(as_text=True)
    assert work() == []
    server.answers = [Answer(calls=(CALL,)), Answer(("It is noon.",))]
    assert member.submit(f"{place}/messages/{stopped.id}/retry", {}).status_code == 303
    work()
    assert [row.status for row in approvals()] == ["cancelled", "pending"]
    decide(member, approvals()[1])
    work()
    assert answer().status == "complete"


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


def lose(task, *names):
    """Note steps of an attempt whose worker ended."""
    last = max(row.seq for row in rows(TaskEvent, task_id=task.id))
    for seq, name in enumerate(names, last + 1):
        data = {"name": name, "answer": "another attempt"}
        save(TaskEvent(org_id=task.org_id, task_id=task.id, seq=seq, attempt=2, kind="step", data=data))


def test_a_call_that_a_lost_worker_began_is_not_made_again(begin, member, server, work):
    begin()
    work()
    (approval,) = approvals()
    decide(member, approval)
    lose(rows(Task)[0], f"call-{approval.id}")
    work()
    done = answer()
    assert (done.status, done.parts[2]["status"]) == ("complete", "failed")
    assert "not known" in done.parts[2]["result"]
    assert "not repeated" in server.seen[1]["messages"][-1]["content"]


def test_the_home_page_is_told_how_many_wait(begin, member, new_client, org, work):
    begin()
    work()
    home = member.page("/o/acme")
    url = home.find(id="waiting_calls")["hx-get"]
    assert "1 call waits" in " ".join(member.fragment(url).get_text().split())
    assert member.get(url).status_code in {302, 303}
    colleague = new_client(orgs.member(org))
    assert "call" not in colleague.fragment(url).find(id="waiting_calls").get_text()

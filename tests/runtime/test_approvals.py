"""Calls of tools that wait for a person: when they do, and how the answer goes on."""

import pytest

from app.db.tables import Task, TaskEvent
from app.threads.models import Thread
from tests.factories import agents
from tests.factories.rows import rows, save
from tests.support.model_server import Answer
from tests.support.staged import CALL, answer, approvals, decide, kinds, tools


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
        (Answer(("Yes\0!",)), True, "Yes�!"),
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


@pytest.mark.usefixtures("version")
def test_a_scheduled_run_waits_too_and_goes_on_as_the_same_task(member, agent, scheduled, fire, server, work):
    snapshot = {"name": "Support", "provider": "main", "model": "m", "tools": tools("ask")}
    agents.version(agent, number=2, snapshot=snapshot)
    server.answers = [Answer(calls=(CALL,)), Answer(("It is noon.",))]
    schedule = scheduled()
    (ending,) = fire()
    (approval,) = approvals()
    assert (ending.status, rows(Thread)[0].origin) == ("waiting", "schedule")
    assert decide(member, approval).status_code == 303
    work()
    (task,) = rows(Task)
    assert (task.status, task.schedule_id, answer().status) == ("succeeded", schedule.id, "complete")

"""Agents asked by a schedule: one thread or many, each message once, with the rights of whoever made the schedule."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.agents.models import Agent
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.db.tables import Task
from app.orgs.models import OrgMember
from app.runtime.repo import RunsRepo
from app.runtime.services import answering
from app.runtime.services.scheduled import ANSWERED, DELETED
from app.tasks.services.schedules import tick
from app.threads.models import Message, Thread
from tests.factories import agents, orgs, tasks
from tests.factories.rows import rows, stored
from tests.support.claims import claims, run
from tests.support.database import as_owner
from tests.support.model_server import Answer
from tests.support.queries import queries

KIND = "agent.run.prompt"
HERE = "agent-run-prompt--"


def again(schedule, now):
    """Have the schedule be due once more, at a slot of its own."""
    with as_owner() as session:
        earlier = "UPDATE tasks SET slot_at = slot_at - interval '1 hour' WHERE schedule_id = :id"
        session.execute(text(earlier), {"id": schedule.id})
        due = "UPDATE schedules SET next_run_at = :due WHERE id = :id"
        session.execute(text(due), {"due": now, "id": schedule.id})


def messages():
    return sorted(rows(Message), key=lambda row: (row.created_at, row.id))


def test_each_slot_begins_a_thread_that_says_where_it_comes_from(member, scheduled, fire, server, now, agent):
    schedule = scheduled(given={"variables": {"who": "Ana on {{date}}"}})
    (ending,) = fire()
    assert ending.status == "succeeded"
    (task,), (thread,) = rows(Task), rows(Thread)
    local = (now + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M")
    assert (thread.origin, thread.schedule_id, thread.name) == ("schedule", schedule.id, f"Daily, {local}")
    assert (task.kind, task.schedule_id, task.thread_id, task.status) == (
        "agent.run",
        schedule.id,
        thread.id,
        "succeeded",
    )
    assert [message["content"] for message in server.seen[0]["messages"]] == [
        f"For Ana on {local[:10]}.",
        f"Report for {local.replace(' ', ', ')}",
    ]
    assert [row.role for row in messages()] == ["user", "assistant"]
    assert messages()[1].agent_version_id == rows(Task)[0].agent_version_id
    again(schedule, now)
    fire()
    assert len(rows(Thread)) == 2
    page = member.page(f"/o/acme/threads/{thread.id}")
    assert page.find("a", href=f"/o/acme/schedules/{schedule.id}").get_text() == "Daily"
    with queries(max=4):
        page = member.page(f"/o/acme/schedules/{schedule.id}")
    assert page.find("a", href=f"/o/acme/threads/{thread.id}")
    assert page.find("a", href=f"/o/acme/agents/{agent.id}")
    page = member.page(f"/o/acme/tasks/{task.id}")
    assert page.find("a", href=f"/o/acme/threads/{thread.id}")
    assert page.find("a", href=f"/o/acme/schedules/{schedule.id}")


def test_one_thread_goes_on_until_it_is_deleted(member, scheduled, fire, server, now):
    schedule = scheduled("continue", "And now?")
    fire()
    again(schedule, now)
    fire()
    (thread,) = rows(Thread)
    assert (thread.name, thread.message_count) == ("Daily", 4)
    assert [message["role"] for message in server.seen[1]["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    member.submit(f"/o/acme/threads/{thread.id}/delete")
    assert stored(thread).deleted_at
    again(schedule, now)
    (ending,) = fire()
    assert ending.status == "succeeded"
    assert sorted(row.message_count for row in rows(Thread)) == [2, 4]
    pages = [member.page(f"/o/acme/tasks/{task.id}").get_text() for task in rows(Task)]
    assert sum(DELETED in page for page in pages) == 1


def test_a_pinned_version_answers_and_otherwise_the_newest(agent, version, scheduled, fire, server, now):
    agents.version(
        agent,
        number=2,
        snapshot={"name": "Support", "prompt": "Newest.", "provider": "main", "model": "m"},
    )
    schedule = scheduled(given={"version_id": str(version.id)})
    fire()
    assert server.seen[0]["messages"][0]["content"] == "For {{who}}."
    with as_owner() as session:
        session.execute(text("UPDATE schedules SET payload = payload - 'version_id'"))
    again(schedule, now)
    fire()
    assert server.seen[1]["messages"][0]["content"] == "Newest."


def test_it_waits_for_the_answer_before_or_passes_over(app, scheduled, fire, now):
    skipping, in_turn = scheduled("continue"), scheduled("continue", name="In turn", overlap="queue")
    with app.app_context():
        tick()
    first = {claim.task_id: claim for claim in claims()}
    assert len(first) == 2
    for schedule in (skipping, in_turn):
        again(schedule, now)
    with app.app_context():
        tick()
    later = [task for task in rows(Task) if task.id not in first]
    assert sorted((task.status, task.error) for task in later if task.status == "skipped") == [
        ("skipped", "the task before has not ended")
    ]
    assert claims() == [], "the other waits for the answer"
    for claim in first.values():
        assert run(claim)[0].status == "succeeded"
    assert [run(claim)[0].status for claim in claims()] == ["succeeded"]
    assert sorted(thread.message_count for thread in rows(Thread)) == [2, 4]


def test_two_runs_at_once_do_not_answer_in_one_thread(member, scheduled, monkeypatch):
    schedule = scheduled("continue", overlap="allow", next_run_at=None)
    member.submit(f"/o/acme/schedules/{schedule.id}/run")
    assert [run(claim)[0].status for claim in claims()] == ["succeeded"]
    member.submit(f"/o/acme/schedules/{schedule.id}/run")
    member.submit(f"/o/acme/schedules/{schedule.id}/run")
    one, other = claims()
    answer, errors = answering.answer, []

    def slow(work, given):
        monkeypatch.undo()
        errors.append(run(other)[0].error)
        use_scope(Scope(work.org_id, work.user_id))
        return answer(work, given)

    monkeypatch.setattr(answering, "answer", slow)
    assert run(one)[0].status == "succeeded"
    assert errors == [ANSWERED]
    assert rows(Thread)[0].message_count == 4


def test_run_now_acts_for_whoever_asks(member, scheduled, work, org, person):
    schedule = scheduled(created_by=None, next_run_at=None)
    answer = member.submit(f"/o/acme/schedules/{schedule.id}/run")
    assert answer.status_code == 303
    assert [ending.status for ending in work()] == ["succeeded"]
    assert rows(Thread)[0].user_id == person.id


def test_the_message_is_stored_once_though_the_first_attempt_fails(scheduled, app, monkeypatch, work):
    become, calls = RunsRepo.become, []

    def broken(self, *values):
        calls.append(values)
        if len(calls) == 1:
            raise RuntimeError("as asked")
        become(self, *values)

    monkeypatch.setattr(RunsRepo, "become", broken)
    scheduled()
    with app.app_context():
        tick()
    assert [ending.status for ending in work()] == ["queued"]
    assert (rows(Thread), rows(Message)) == ([], [])
    with as_owner() as session:
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    assert [ending.status for ending in work()] == ["succeeded"]
    assert (len(rows(Thread)), len(messages())) == (1, 2)


def test_an_attempt_that_begins_anew_finds_the_message_stored(scheduled, app, server, work):
    scheduled()
    with app.app_context():
        tick()
    (claim,) = claims()
    server.answers = [Answer(status=400, body=b"{}"), Answer(("Fine.",))]
    assert run(claim)[0].status == "failed"
    (task,) = rows(Task)
    assert (task.kind, task.status, messages()[1].status) == ("agent.run", "failed", "failed")


def test_what_can_be_tried_again_is_answered_in_the_same_thread(member, scheduled, app, server, fire, work):
    scheduled()
    server.answers = [Answer(status=400, body=b"{}"), Answer(("Fine.",))]
    fire()
    (task,) = rows(Task)
    member.submit(f"/o/acme/tasks/{task.id}/retry")
    assert [ending.status for ending in work()] == ["succeeded"]
    assert (len(rows(Thread)), messages()[1].text_content) == (1, "Fine.")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"enabled": False}, "Support is switched off and does not answer."),
        ({"archived": True}, "Support is archived and does not answer."),
        ({"deleted_at": datetime(2026, 1, 1, tzinfo=UTC)}, "its agent is deleted"),
    ],
)
def test_an_agent_that_does_not_answer_says_why(agent, scheduled, fire, values, words):
    scheduled()
    with transaction() as session:
        session.execute(text("RESET ROLE"))
        session.execute(Agent.__table__.update().where(Agent.id == agent.id).values(**values))
    (ending,) = fire()
    assert (ending.status, ending.error) == ("failed", words)
    assert rows(Thread) == []


def test_an_agent_without_a_version_says_so(org, person, now, fire):
    draft = agents.agent(org, name="Draft")
    payload = {"agent_id": str(draft.id), "prompt": "Hello"}
    tasks.schedule(org, kind=KIND, payload=payload, created_by=person.id, next_run_at=now, starts_at=now)
    (ending,) = fire()
    assert (ending.status, ending.error) == (
        "failed",
        "Draft has no published version yet. Publish it first.",
    )


def test_it_ends_with_the_right_of_whoever_made_it(app, org, person, scheduled, fire, now):
    schedule = scheduled()
    with app.app_context():
        tick()
    (claim,) = claims()
    _demote(person)
    assert run(claim)[0].error == "no longer permitted"
    assert rows(Thread) == []
    again(schedule, now)
    assert fire() == []
    assert (stored(schedule).enabled, "no longer permitted" in stored(schedule).disabled_reason) == (
        False,
        True,
    )


def test_an_answer_ends_amid_it_with_the_right(person, scheduled, monkeypatch, fire):
    answer = answering.answer

    def demoted(work, given):
        _demote(person)
        return answer(work, given)

    scheduled()
    monkeypatch.setattr(answering, "answer", demoted)
    (ending,) = fire()
    assert (ending.status, ending.error) == ("failed", "no longer permitted")
    assert messages()[1].status == "failed"


def _demote(person):
    with transaction() as session:
        session.execute(text("RESET ROLE"))
        session.execute(
            OrgMember.__table__.update().where(OrgMember.user_id == person.id).values(role="viewer")
        )


def test_a_stored_id_of_others_reaches_nothing(org, person, now, fire):
    other = orgs.org(slug="other")
    theirs = agents.agent(other, name="Theirs")
    agents.version(theirs)
    payload = {"agent_id": str(theirs.id), "prompt": "Hello"}
    tasks.schedule(org, kind=KIND, payload=payload, created_by=person.id, next_run_at=now, starts_at=now)
    (ending,) = fire()
    assert (ending.status, ending.error) == ("failed", "The agent or its version is gone.")
    assert rows(Thread) == []


def test_a_deleted_schedule_leaves_its_threads(member, scheduled, fire):
    schedule = scheduled()
    fire()
    member.submit(f"/o/acme/schedules/{schedule.id}/delete", {"name": "Daily"})
    (thread,) = rows(Thread)
    assert (thread.schedule_id, thread.origin) == (None, "schedule")
    assert "Schedule" in member.page(f"/o/acme/threads/{thread.id}").get_text()

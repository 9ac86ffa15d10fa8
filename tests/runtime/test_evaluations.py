"""Evaluation cases: saved, asked once each, checked, compared, and what they decide about publishing."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from app.agents.models import Agent, AgentVersion, EvaluationCase, EvaluationResult, EvaluationRun
from app.audit.models import AuditEvent
from app.db.tables import Task
from app.db.work import GiveUp
from app.runtime.services import evaluating, toolbox
from tests.factories import agents, evaluations, orgs, threads
from tests.factories.rows import rows
from tests.support import staged
from tests.support.claims import claims, run
from tests.support.database import as_owner
from tests.support.model_server import Answer
from tests.support.queries import queries


@pytest.fixture
def home(agent):
    return f"/o/acme/agents/{agent.id}"


@pytest.fixture
def admin(new_client, org):
    return new_client(orgs.member(org, "admin"))


@pytest.fixture
def evaluate(member, home, work):
    """A function that runs the cases; the results by name."""

    def act(version=""):
        begun = member.submit(f"{home}/evaluations/runs", {"version": version})
        assert begun.status_code == 303, begun.text
        endings = work()
        assert [ending.status for ending in endings] == ["succeeded"], endings
        newest = max(rows(EvaluationRun), key=lambda row: row.id)
        return {row.name: row for row in rows(EvaluationResult, run_id=newest.id)}

    return act


def check(kind, value):
    return {"kind": kind, "value": value}


def form(name="Case", message="Hi", *checks):
    fields = {"name": name, "message": message, "enabled": "y"}
    for row, (kind, value) in enumerate(checks):
        fields |= {f"kind-{row}": kind, f"value-{row}": value}
    return fields


def test_a_case_is_saved_from_a_thread_with_what_was_said_before(member, home, org, person, agent):
    thread = threads.thread(org, person, origin="playground", agent_id=agent.id)
    threads.message(thread, "First", role="user")
    threads.message(thread, "Reply", role="assistant")
    asked = threads.message(thread, "Second question", role="user")
    answer = threads.message(thread, "Bad", role="assistant")
    page = member.get(f"/o/acme/threads/{thread.id}").text
    assert f"thread_id={thread.id}&amp;message_id={asked.id}" in page
    where = f"{home}/evaluations/new?thread_id={thread.id}&message_id={answer.id}"
    assert "Second question" in member.get(where).text
    source = {"thread_id": str(thread.id), "message_id": str(answer.id)}
    saved = member.submit(where, {**form("Kept", "Second question", ("contains", "good")), **source})
    assert saved.status_code == 303, saved.text
    (case,) = rows(EvaluationCase)
    assert [turn["text"] for turn in case.turns] == ["First", "Reply", "Second question"]
    assert (case.source_message_id, case.checks) == (answer.id, [check("contains", "good")])
    assert [event.action for event in rows(AuditEvent)].count("evaluation_case.create") == 1


def test_threads_that_a_person_does_not_see_are_not_saved(member, home, org, agent):
    other = threads.thread(org, orgs.member(org), origin="playground", agent_id=agent.id)
    said = threads.message(other, "Private", role="user")
    address = f"{home}/evaluations/new?thread_id={other.id}&message_id={said.id}"
    assert member.get(address).status_code == 404
    source = {"thread_id": str(other.id), "message_id": str(said.id)}
    given = {**form("Kept", "x", ("contains", "good")), **source}
    assert member.submit(f"{home}/evaluations/new", given).status_code == 404
    assert member.get(f"{home}/evaluations/new?thread_id={other.id}&message_id=no").status_code == 404


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ([], "Say at least one thing"),
        ([("schema", "{")], "Check 1: Line 1, column 2"),
        ([("schema", '{"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}}')], "Check 1:"),
        ([("contains", "x"), ("tool", "refund [1]")], "Check 2: write the name of the tool"),
        ([("regex", "(a+)+")], "choose what is checked"),
        ([("contains", "x" * 40_000)], "at most 32,000"),
    ],
)
def test_checks_that_cannot_be_used_are_refused(member, home, checks, words):
    refused = member.submit(f"{home}/evaluations/new", form("Case", "Hi", *checks))
    assert refused.status_code == 422
    assert words in refused.text
    assert not rows(EvaluationCase)


def test_a_new_case_that_is_sent_twice_is_one(member, home, agent):
    token = member.page(f"{home}/evaluations/new").find(attrs={"name": "once"})["value"]
    given = {**form("Case", "Hi", ("contains", "x")), "once": token}
    assert {member.submit(f"{home}/evaluations/new", given).status_code for _ in range(2)} == {303}
    assert len(rows(EvaluationCase)) == 1


def test_a_case_changed_by_somebody_else_is_not_overwritten(member, home, agent):
    case = evaluations.case(agent)
    where = f"{home}/evaluations/cases/{case.id}"
    given = {**form("Other", "Hi", ("lacks", "bye")), "lock_version": "1"}
    assert member.submit(where, given).status_code == 303
    late = member.submit(where, {**given, "name": "Late"})
    assert (late.status_code, 'value="Late"' in late.text) == (409, True)
    assert [(row.name, row.lock_version) for row in rows(EvaluationCase)] == [("Other", 2)]


def test_cases_are_answered_with_the_temperature_and_the_effort_of_the_agent(agent, server, evaluate):
    with as_owner() as session:
        session.execute(text("UPDATE agents SET reasoning_effort = 'low', primary_model_temperature = 0.5"))
    evaluations.case(agent, name="One", checks=[check("contains", "Hello")])
    assert evaluate()["One"].passed
    assert [(asked["reasoning_effort"], asked["temperature"]) for asked in server.seen] == [("low", 0.5)]


def test_each_kind_of_check_passes_and_fails(agent, server, evaluate, member, home):
    schema = '{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}'
    good = [
        check("contains", '"A"'),
        check("lacks", "b"),
        check("schema", schema),
        check("equals", '{"a": 1}'),
    ]
    bad = [check("contains", "b"), check("lacks", "a"), check("schema", schema.replace("integer", "string"))]
    evaluations.case(agent, name="Good", checks=good)
    evaluations.case(agent, name="Bad", checks=[*bad, check("equals", "a"), check("tool", "current_time")])
    server.answers = [Answer(('{"a": 1}',))]
    found = evaluate()
    assert found["Good"].passed, found["Good"].checks
    assert [row["passed"] for row in found["Bad"].checks] == [False] * 5
    (asked,) = rows(EvaluationRun)
    assert (asked.status, asked.passed, asked.total) == ("finished", 1, 2)
    (task,) = rows(Task)
    assert task.cost_micros == sum(row.cost_micros for row in found.values()) > 0
    where = f"{home}/evaluations/runs/{asked.id}"
    page, part = member.get(where), member.get(where, headers={"HX-Request": "true"})
    assert "1 of 2 cases passed" in page.text
    assert "The answer is another text." in part.text
    with queries(max=4):
        member.get(where)


def test_calls_that_need_approval_are_seen_but_not_made(agent, server, evaluate):
    agents.version(
        agent,
        snapshot={"name": "S", "provider": "main", "model": "m", "tools": staged.tools("ask")},
    )
    name = staged.CALL[1]
    evaluations.case(
        agent, name="Called", checks=[check("tool", name), check("equals", "Wait.\n\nIt is noon.")]
    )
    wanted = [check("tool", f'{name} {{"time_zone": "Mars/Base"}}')]
    evaluations.case(agent, name="Other", checks=wanted)
    calls = Answer(("Wait.",), calls=(staged.CALL,))
    server.answers = [calls, Answer(("It is noon.",)), calls, Answer(("It is noon.",))]
    found = evaluate("1")
    assert found["Called"].passed, found["Called"].checks
    assert found["Other"].checks[0]["reason"] == "It was called with other arguments."
    assert "not run in evaluations" in str(server.seen[1]["messages"][-1])


def test_equal_calls_of_two_cases_are_two_calls(agent, server, evaluate, monkeypatch):
    named = []
    monkeypatch.setattr(toolbox, "call_tool", lambda *given: named.append(given[3]))
    tool = {"id": str(uuid4()), "name": "change", "description": "", "approval": "allow"}
    agents.version(agent, snapshot={"name": "S", "provider": "main", "model": "m", "tools": [tool]})
    for name in ("One", "Two"):
        evaluations.case(agent, name=name, checks=[check("contains", "Done")])
    calls = Answer(calls=(("functions.change:0", "change", "{}"),))
    server.answers = [calls, Answer(("Done.",)), calls, Answer(("Done.",))]
    assert all(result.passed for result in evaluate("1").values())
    assert len(set(named)) == len(named) == 2


@pytest.mark.parametrize(
    ("reply", "passed", "reason"),
    [
        ("YES: it greets", True, ""),
        ("NO: it is rude", False, "it is rude"),
        ("yes and no", False, "no clear verdict"),
        ("", False, "no clear verdict"),
        ("NOPE: YES", False, "no clear verdict"),
    ],
)
def test_a_judge_that_is_unclear_fails_the_case(agent, server, evaluate, reply, passed, reason):
    evaluations.case(agent, checks=[check("judged", "It greets.")])
    server.answers = [Answer(("Hello",)), Answer((reply,) if reply else ())]
    (row,) = evaluate().values()
    assert row.passed is passed, row.checks
    assert reason in row.checks[0]["reason"]


def test_a_model_that_fails_fails_the_case_alone(agent, server, evaluate):
    evaluations.case(agent, name="A")
    evaluations.case(agent, name="B")
    server.answers = [Answer(status=400, body=b"{}"), Answer(("Hello",))]
    found = evaluate()
    assert (found["A"].passed, found["B"].passed) == (False, True)
    assert found["A"].checks[-1]["kind"] == "answer"


def test_huge_answers_are_checked_whole_and_kept_in_part(agent, server, evaluate):
    evaluations.case(agent, checks=[check("contains", "end"), check("lacks", "\n")])
    server.answers = [Answer(("x" * 100_000, "end"))]
    (row,) = evaluate().values()
    assert row.passed
    assert len(row.answer) == evaluating.KEPT_LENGTH


def test_a_run_that_is_taken_over_goes_on_with_the_next_case(agent, server, member, home, monkeypatch, work):
    for name in "AB":
        evaluations.case(agent, name=name)
    member.submit(f"{home}/evaluations/runs", {})
    whole, asked = evaluating._answered, []

    async def lost(asking, case):
        asked.append(case.name)
        if len(asked) == 2:
            raise RuntimeError("lost")
        await whole(asking, case)

    monkeypatch.setattr(evaluating, "_answered", lost)
    (claim,) = claims()
    run(claim)
    assert [row.name for row in rows(EvaluationResult)] == ["A"]
    with as_owner() as session:
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL"))
    assert [ending.status for ending in work()] == ["succeeded"]
    assert asked == ["A", "B", "B"]
    assert sorted(row.name for row in rows(EvaluationResult)) == ["A", "B"]


def test_cases_that_go_during_a_run_are_counted_if_they_were_asked(
    agent, server, member, home, monkeypatch, work
):
    cases = {name: evaluations.case(agent, name=name, checks=[check("contains", "x")]) for name in "ABCD"}
    server.answers = [Answer(("x",))] * 4
    begun = member.submit(f"{home}/evaluations/runs", {})
    whole = evaluating._answered

    async def gone(asking, case):
        await whole(asking, case)
        if case.name == "C" and not rows(EvaluationResult, name="C"):
            member.submit(f"{home}/evaluations/cases/{cases['A'].id}/delete")
            member.submit(f"{home}/evaluations/cases/{cases['D'].id}/delete")
            raise GiveUp("stopped")

    monkeypatch.setattr(evaluating, "_answered", gone)
    (claim,) = claims()
    run(claim)
    (asked,) = rows(EvaluationRun)
    assert (asked.status, asked.passed) == ("failed", 2)
    monkeypatch.setattr(evaluating, "_answered", whole)
    assert member.submit(f"/o/acme/tasks/{asked.task_id}/retry").status_code == 303
    assert [ending.status for ending in work()] == ["succeeded"]
    assert "3 of 3 cases passed" in member.get(begun.location).text


def test_a_run_without_a_connection_ends_with_the_reason(org, server, member, work):
    agent = agents.agent(org, name="Lone")
    evaluations.case(agent)
    home = f"/o/acme/agents/{agent.id}/evaluations"
    begun = member.submit(f"{home}/runs", {})
    assert [ending.status for ending in work()] == ["failed"]
    (asked,) = rows(EvaluationRun)
    assert asked.status == "failed"
    assert asked.error in member.get(begun.location).text


def test_runs_need_a_case_and_a_version_that_exist(member, home, agent):
    where = f"{home}/evaluations/runs"
    assert member.submit(where, {}).status_code == 409
    evaluations.case(agent)
    assert member.submit(where, {"version": "7"}).status_code == 404
    assert member.submit(where, {"version": "-1"}).status_code == 422
    assert not rows(Task)


def test_the_gate_keeps_what_does_not_pass_from_being_published(member, admin, home, agent, server, evaluate):
    publish = f"{home}/publish"
    given = {"lock_version": "1", "note": "Because"}
    chosen = {"gate": "all"}
    assert member.submit(f"{home}/evaluations/settings", chosen).status_code == 403
    assert admin.submit(f"{home}/evaluations/settings", chosen).status_code == 303
    refused = member.submit(publish, given)
    assert refused.status_code == 409
    assert "it has none" in refused.text
    case = evaluations.case(agent)
    server.answers = [Answer(("Bye",))]
    evaluate()
    assert "1 of 1 evaluation cases do not pass" in member.submit(publish, given).text
    assert member.submit(publish, {**given, "anyway": "y"}).status_code == 403
    assert admin.submit(publish, {"lock_version": "1", "anyway": "y"}).status_code == 422
    assert not rows(AgentVersion)
    server.answers = [Answer(("Hello",))]
    evaluate()
    changed = {**form("Greets", "Hello?", ("contains", "hello")), "lock_version": "1"}
    member.submit(f"{home}/evaluations/cases/{case.id}", changed)
    assert "Run the evaluation cases" in member.submit(publish, given).text
    evaluate()
    assert member.submit(publish, given).status_code == 303
    assert [row.number for row in rows(AgentVersion)] == [1]


def test_admins_publish_anyway_with_a_note_that_the_log_keeps(admin, home, agent):
    admin.submit(f"{home}/evaluations/settings", {"gate": "no_fewer"})
    given = {"lock_version": "1", "note": "Urgent", "anyway": "y"}
    assert admin.submit(f"{home}/publish", given).status_code == 303
    (event,) = [event for event in rows(AuditEvent) if event.action == "agent.publish"]
    assert "it has none" in event.after["published_anyway"]


def test_no_fewer_compares_with_the_last_version(member, admin, home, agent, server, evaluate):
    evaluations.case(agent, name="A", checks=[check("contains", "a")])
    evaluations.case(agent, name="B", checks=[check("contains", "b")])
    assert member.submit(f"{home}/publish", {"lock_version": "1"}).status_code == 303
    admin.submit(f"{home}/evaluations/settings", {"gate": "no_fewer"})
    edited = {"name": "Support", "prompt": "Other.", "primary_model_provider": "main", "primary_model": "m"}
    member.submit(f"{home}/edit", {**edited, "lock_version": "1"})
    (stored,) = rows(Agent)
    given = {"lock_version": str(stored.lock_version)}
    server.answers = [Answer(("c",))]
    evaluate()
    assert "against version 1 first" in member.submit(f"{home}/publish", given).text
    server.answers = [Answer(("a",))]
    evaluate("1")
    assert "0 evaluation cases pass, 1 did with version 1" in member.submit(f"{home}/publish", given).text
    compared = member.get(f"{home}/evaluations/runs/compare").text
    assert "0 worse, 1 better, 1 unchanged" in compared
    server.answers = [Answer(("b",))]
    evaluate()
    assert member.submit(f"{home}/publish", given).status_code == 303


def test_pages_of_another_organisation_and_agent_are_unknown(member, home, org, agent):
    foreign = agents.agent(orgs.org(slug="other"), name="Foreign")
    beside = agents.agent(org, name="Beside")
    for one in (foreign, beside):
        case, asked = evaluations.case(one), evaluations.run(one)
        assert member.get(f"{home}/evaluations/cases/{case.id}").status_code == 404
        assert member.get(f"{home}/evaluations/runs/{asked.id}").status_code == 404
        for side in ("before", "after"):
            assert member.get(f"{home}/evaluations/runs/compare?{side}={asked.id}").status_code == 404
        target = f"{home}/evaluations/cases/{case.id}/delete"
        assert member.submit(target, {}).status_code == 404
    assert member.get(f"/o/acme/agents/{foreign.id}/evaluations").status_code == 404
    assert member.get(f"{home}/evaluations/runs/compare?before=last").status_code == 404
    assert len(rows(EvaluationCase)) == 2
    with queries(max=5):
        member.get(f"{home}/evaluations")

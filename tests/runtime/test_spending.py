"""Answers within the limits of spending: what they cost is counted once, and what does not fit is refused."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from app.connections.models import ConnectionModel
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.orgs.models import SpendLimit, SpendReservation
from app.orgs.repo.spending import Payer, SpendRepo
from app.tasks.worker.running import MOST_LOSSES, lost, settle
from app.threads.models import Message
from tests.factories import evaluations, orgs
from tests.factories.rows import rows
from tests.support import staged
from tests.support.apart import apart
from tests.support.claims import claims, run
from tests.support.database import as_owner
from tests.support.model_server import Answer


@pytest.fixture
def ask(member, agent, work):
    def act(*, worked=True):
        place = f"/o/acme/agents/{agent.id}/playground"
        assert member.submit(place, {"message": "Where?", "version": "draft"}).status_code == 303
        return work() if worked else []

    return act


def answer():
    return max(rows(Message, role="assistant"), key=lambda row: (row.created_at, row.id))


def amounts():
    assert rows(SpendReservation) == []
    (limit,) = rows(SpendLimit)
    return limit.spent_micros, limit.reserved_micros


def test_what_an_answer_costs_is_counted(org, ask, server):
    orgs.spend_limit(org, 10_000_000)
    server.answers = [Answer(calls=(("c1", "current_time", "{}"),)), Answer(("Noon.",))]
    ask()
    assert answer().status == "complete"
    assert amounts() == (answer().cost_micros, 0) == (50, 0)
    assert server.seen[0]["max_completion_tokens"] == 4_096


def test_an_answer_that_does_not_fit_says_so_and_asks_nobody(org, ask, server):
    orgs.spend_limit(org, 100)
    ask()
    assert answer().status == "failed"
    assert (
        answer()
        .parts[-1]["message"]
        .startswith("Spend limit reached: the organisation may spend USD 0.0001 a month")
    )
    assert "The period ends on" in answer().error
    assert server.seen == []
    assert amounts() == (0, 0)


def test_what_was_said_stays_where_the_limit_ends_an_answer(org, ask, server):
    orgs.spend_limit(org, 8_250)
    server.answers = [
        Answer(("Let me look. " * 40,), calls=(("c1", "current_time", "{}"),)),
        Answer(("Noon.",)),
    ]
    ask()
    assert answer().parts[0]["kind"] == "text"
    assert answer().parts[-1]["kind"] == "error"
    assert len(server.seen) == 1
    assert amounts() == (25, 0)


def test_a_model_without_prices_is_refused_as_long_as_there_is_a_limit(org, ask, server):
    with as_owner() as session:
        session.execute(update(ConnectionModel).values(input_price_micros=None))
    ask()
    assert answer().status == "complete"
    orgs.spend_limit(org, 10_000_000)
    ask()
    assert "Enter its prices under Connections" in answer().error
    assert len(server.seen) == 1


def test_a_provider_that_refuses_costs_nothing(org, ask, server):
    orgs.spend_limit(org, 10_000_000)
    server.answers = [Answer(status=401, body=b"{}")]
    ask()
    assert answer().status == "failed"
    assert amounts() == (0, 0)


def test_an_answer_broken_off_counts_what_it_must_have_taken(org, ask, server):
    orgs.spend_limit(org, 10_000_000)
    server.answers = [Answer(("Hello there, all of you.",), cut=True)]
    ask()
    assert answer().status == "failed"
    spent, reserved = amounts()
    assert 0 < spent < 1_000
    assert reserved == 0


def test_a_check_of_a_call_that_breaks_off_counts_too(org, begin, work, server):
    orgs.spend_limit(org, 10_000_000)
    begin("agent", Answer(calls=(staged.CALL,)), Answer(("ASK: look at the zone",), cut=True))
    work()
    assert answer().status == "waiting"
    spent, reserved = amounts()
    assert answer().cost_micros == spent
    assert 25 < spent < 1_000
    assert reserved == 0


def test_what_a_killed_worker_held_is_given_back(app, org, person, ask, server):
    """The worker takes the task, holds an amount and is gone: the next attempt, or the end, gives it back."""
    orgs.spend_limit(org, 10_000_000)
    ask(worked=False)
    (claim,) = claims()
    with app.app_context():
        use_scope(Scope(org.id, person.id, "worker"))
        with transaction():
            assert SpendRepo().reserve(Payer(org.id, claim.task_id), 5_000)[0]
    assert rows(SpendLimit)[0].reserved_micros == 5_000
    run(claim)
    assert answer().status == "complete"
    assert amounts() == (25, 0)


def test_what_was_held_for_an_evaluation_that_is_lost_is_given_back(org, member, agent):
    orgs.spend_limit(org, 10_000_000)
    evaluations.case(agent)
    assert member.submit(f"/o/acme/agents/{agent.id}/evaluations/runs", {}).status_code == 303
    (claim,) = claims()
    assert apart(_held_and_lost, claim)
    assert amounts() == (0, 0)


def _held_and_lost(claim):
    use_scope(Scope(claim.org_id, claim.user_id, "worker"))
    with transaction():
        assert SpendRepo().reserve(Payer(claim.org_id, claim.task_id), 5_000)[0]
    return settle(claim.org_id, claim.task_id, claim.attempt, lost(replace(claim, losses=MOST_LOSSES)))


def test_what_a_provider_does_not_count_is_estimated_and_said_to_be(org, member, ask, server):
    orgs.spend_limit(org, 10_000_000)
    server.answers = [Answer(("It is on its way to you. " * 40,), counted=False)]
    ask()
    found = answer()
    assert found.status == "complete"
    assert (found.output_tokens, found.parts[-1]["kind"]) == (251, "notice")
    assert 0 < found.input_tokens < 100
    assert amounts() == (found.cost_micros, 0) == (found.input_tokens + 2 * found.output_tokens, 0)
    page = member.page(f"/o/acme/playground/{found.thread_id}")
    facts = page.select_one(".message-facts").get_text(" ", strip=True)
    assert f"About {found.input_tokens + found.output_tokens} tokens" in facts


def test_uncounted_answers_reach_the_limit(org, ask, server):
    orgs.spend_limit(org, 10_000)
    server.answers = [Answer(("x" * 8_000,), counted=False)]
    for _ in range(3):
        ask()
    assert len(server.seen) == 1
    assert "Spend limit reached" in answer().error


def test_calls_that_a_provider_does_not_count_are_estimated_too(org, ask, server):
    orgs.spend_limit(org, 10_000_000)
    given = '{"time_zone": "Europe/Rome"}'
    call = Answer(calls=(("c1", "current_time", given),), counted=False)
    server.answers = [call, Answer(status=400, body=b"{}")]
    ask()
    found = answer()
    assert (found.status, found.output_tokens) == ("failed", (12 + len(given)) // 4 + 1)
    assert [part["kind"] for part in found.parts] == ["tool_call", "tool_result", "notice", "error"]
    assert amounts() == (found.cost_micros, 0)


def test_tokens_of_an_answer_that_waits_are_said_to_be_estimated_once(org, begin, member, work):
    uncounted = Answer(("Let me look.",), calls=(staged.CALL,), counted=False)
    begin("ask", uncounted)
    work()
    assert staged.kinds(answer()) == ["text", "tool_call", "notice"]
    staged.decide(member, staged.approvals()[0])
    work()
    assert (answer().status, staged.kinds(answer()).count("notice")) == ("complete", 1)

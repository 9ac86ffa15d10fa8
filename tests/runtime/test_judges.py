"""The model that judges evaluation cases: chosen for each agent, asked instead of its own, paid for, missing."""

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from app.agents.models import Agent, EvaluationResult
from app.audit.models import AuditEvent
from app.connections.models import ModelConnection
from app.db.tables import Task
from app.orgs.models import SpendLimit
from tests.factories import connections, evaluations, orgs
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.model_server import Answer

JUDGED = [{"kind": "judged", "value": "It greets."}]


@pytest.fixture
def home(agent):
    return f"/o/acme/agents/{agent.id}/evaluations"


@pytest.fixture
def admin(new_client, org):
    return new_client(orgs.member(org, "admin"))


@pytest.fixture
def judges(org, server):
    """The connection with the judge, which says YES; the agent's own model says Hello."""
    made = connections.connection(org, name="Judges", slug="judges", base_url=f"{server.url}/v1")
    connections.model(made, "wise", input_price_micros=10_000_000, output_price_micros=20_000_000)
    server.choose = lambda asked: Answer(("YES: it does",) if asked["model"] == "wise" else ("Hello",))
    return made


@pytest.fixture
def choose(admin, home):
    return lambda key, **more: admin.submit(f"{home}/settings", {"judge": key, **more})


@pytest.fixture
def evaluate(member, agent, home, work):
    """A function that runs a case with these checks; the page of the run and the result."""

    def act(*checks):
        evaluations.case(agent, checks=[*checks, *JUDGED])
        begun = member.submit(f"{home}/runs", {})
        assert begun.status_code == 303, begun.text
        assert [ending.status for ending in work()] == ["succeeded"]
        (result,) = rows(EvaluationResult)
        return member.get(begun.location).text, result

    return act


def test_the_chosen_model_judges_and_the_page_of_the_run_names_it(judges, choose, evaluate, server):
    assert choose(f"{judges.id}/wise").status_code == 303
    page, result = evaluate()
    assert result.passed, result.checks
    assert [asked["model"] for asked in server.seen] == ["m", "wise"]
    assert "Judged by wise at Judges" in page
    (event,) = rows(AuditEvent, action="agent.change")
    assert (event.before, event.after) == (
        {"judge": "The agent’s own model"},
        {"judge": "wise at Judges"},
    )


def test_the_judge_of_an_agent_is_its_own_model_unless_another_is_chosen(judges, choose, evaluate, server):
    server.choose = lambda _asked: Answer(("YES: it does",))
    page, result = evaluate()
    assert result.passed
    assert [asked["model"] for asked in server.seen] == ["m", "m"]
    assert "Judged by m at Connection" in page
    choose(f"{judges.id}/wise")
    assert choose("").status_code == 303
    (stored,) = rows(Agent)
    assert (stored.judge_connection_id, stored.judge_model) == (None, None)


def test_each_model_is_paid_for_by_its_own_prices(org, judges, choose, evaluate):
    orgs.spend_limit(org, 100_000_000)
    choose(f"{judges.id}/wise")
    _page, result = evaluate()
    own, judged = 11 * 1 + 7 * 2, 11 * 10 + 7 * 20
    assert (result.cost_micros, result.input_tokens, result.output_tokens) == (own + judged, 22, 14)
    (task,) = rows(Task)
    (limit,) = rows(SpendLimit)
    assert (task.cost_micros, limit.spent_micros, limit.reserved_micros) == (own + judged, own + judged, 0)


def test_a_judge_without_prices_leaves_the_cost_of_the_case_unknown_and_the_known_part_counted(
    judges, choose, evaluate
):
    connections.model(judges, "free")
    choose(f"{judges.id}/free")
    _page, result = evaluate()
    assert result.cost_micros is None
    assert rows(Task)[0].cost_micros == 11 * 1 + 7 * 2


def gone(judges):
    return delete(ModelConnection).where(ModelConnection.id == judges.id)


def disabled(judges):
    return update(ModelConnection).where(ModelConnection.id == judges.id).values(enabled=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gone, "The connection of the model wise was deleted."),
        (disabled, "The connection Judges is disabled."),
    ],
)
def test_a_judge_whose_connection_is_gone_fails_the_check_with_the_reason(
    judges, choose, evaluate, server, change, words
):
    choose(f"{judges.id}/wise")
    with as_owner() as session:
        session.execute(change(judges))
    page, result = evaluate({"kind": "contains", "value": "hello"})
    assert not result.passed
    assert [check["passed"] for check in result.checks] == [True, False]
    assert words in result.checks[1]["reason"]
    assert [asked["model"] for asked in server.seen] == ["m"]
    assert words in page


def test_a_judge_that_its_provider_does_not_know_fails_the_check(judges, choose, evaluate, server):
    choose(f"{judges.id}/wise")
    server.choose = lambda asked: (
        Answer(status=404, body=b"{}") if asked["model"] == "wise" else Answer(("Hello",))
    )
    _page, result = evaluate()
    assert not result.passed
    assert "The judge could not be asked: The provider knows no model wise" in result.checks[0]["reason"]


def test_connections_of_another_organisation_do_not_judge(org, agent, judges, choose, server):
    other = connections.connection(orgs.org(slug="other"), name="Theirs", base_url=f"{server.url}/v1")
    connections.model(other, "wise")
    for key in (f"{other.id}/wise", f"{judges.id}/unlisted", f"{judges.id}", "/wise", "x/wise", "x"):
        refused = choose(key)
        assert refused.status_code == 422, key
        assert "Theirs" not in refused.text
    assert rows(Agent)[0].judge_model is None
    theirs = update(Agent).values(judge_connection_id=other.id, judge_model="wise")
    with pytest.raises(IntegrityError, match="judge_connection_id_fkey"), as_owner() as session:
        session.execute(theirs)


def test_models_for_other_purposes_and_of_disabled_connections_are_not_offered(
    org, agent, judges, admin, home, choose
):
    connections.model(judges, "vectors", purpose="embedding")
    off = connections.connection(org, name="Off", enabled=False)
    connections.model(off, "asleep")
    claude = connections.connection(org, name="Claude", kind="anthropic")
    connections.model(claude, "claude-x")
    page = admin.get(home).text
    assert ("wise at Judges" in page, "claude-x at Claude" in page) == (True, True)
    assert ("vectors" in page, "asleep" in page) == (False, False)
    assert choose(f"{off.id}/asleep").status_code == 422


def test_another_judge_asks_for_another_run_before_publishing(agent, judges, choose, evaluate, member):
    choose(f"{judges.id}/wise", gate="all")
    evaluate()
    publish = f"/o/acme/agents/{agent.id}/publish"
    choose("")
    refused = member.submit(publish, {"lock_version": "1"})
    assert refused.status_code == 409
    assert "Run the evaluation cases" in refused.text
    choose(f"{judges.id}/wise")
    assert member.submit(publish, {"lock_version": "1"}).status_code == 303


def test_a_judge_that_is_offered_no_more_stays_until_another_is_chosen(judges, choose, admin, home):
    choose(f"{judges.id}/wise")
    with as_owner() as session:
        session.execute(gone(judges))
    assert "wise, which is not offered any more" in admin.get(home).text
    assert choose("/wise", gate="all").status_code == 303
    (stored,) = rows(Agent)
    assert (stored.judge_connection_id, stored.judge_model, stored.evaluation_gate) == (None, "wise", "all")


def test_members_read_who_judges_and_do_not_choose(agent, judges, choose, member, home):
    assert member.submit(f"{home}/settings", {"judge": f"{judges.id}/wise"}).status_code == 403
    choose(f"{judges.id}/wise")
    assert "wise at Judges" in member.get(home).text

"""An organisation whose agent answers by a model on loopback."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.knowledge.embedders import registry
from app.tasks.services.schedules import tick
from tests.factories import agents, connections, orgs, tasks
from tests.support import embedder, staged
from tests.support.answers import permitting
from tests.support.claims import claims, run
from tests.support.model_server import Answer, model_server


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def person(org):
    return orgs.member(org)


@pytest.fixture
def member(new_client, person):
    return new_client(person)


@pytest.fixture
def server(app, org):
    with permitting(app) as permit, model_server() as server:
        permit(server, kind="model")
        opened = connections.connection(
            org, slug="main", base_url=f"{server.url}/v1", credential_id=connections.credential(org).id
        )
        prices = {"input_price_micros": 1_000_000, "output_price_micros": 2_000_000}
        connections.model(opened, "m", context_size=100_000, **prices)
        yield server


@pytest.fixture
def agent(org, server):
    return agents.agent(
        org, name="Support", primary_model_provider="main", primary_model="m", prompt="Be kind."
    )


@pytest.fixture
def work():
    """Do the waiting tasks, as a worker does; how each ended."""
    return lambda: [run(claim)[0] for claim in claims()]


@pytest.fixture
def begin(member, agent, server):
    """A function that asks an agent with a tool that needs approval; where the conversation is."""

    def ask(approval="ask", *answers, **snapshot):
        values = {"name": "Support", "prompt": "Be kind.", "provider": "main", "model": "m"}
        agents.version(agent, snapshot={**values, "tools": staged.tools(approval), **snapshot})
        first = answers or [Answer(("Let me look.",), calls=(staged.CALL,))]
        server.answers = [*first, Answer(("It is noon.",))]
        asked = member.submit(f"/o/acme/agents/{agent.id}/playground", {"message": "Time?", "version": "1"})
        assert asked.status_code == 303, asked.text
        return asked.location

    return ask


@pytest.fixture
def version(agent):
    return agents.version(
        agent, snapshot={"name": "Support", "prompt": "For {{who}}.", "provider": "main", "model": "m"}
    )


@pytest.fixture
def now(connection):
    """The time of the database, which stands still in a test, at the start of a minute."""
    return connection.scalar(text("SELECT date_trunc('minute', now())"))


@pytest.fixture
def scheduled(org, person, agent, version, now):
    """A function that returns a schedule that is due now."""

    def make(thread="new", prompt="Report for {{date}}, {{time}}", given=None, **values):
        payload = {"agent_id": str(agent.id), "prompt": prompt, "thread": thread, **(given or {})}
        defaults = {
            "name": "Daily",
            "kind": "agent.run.prompt",
            "created_by": person.id,
            "time_zone": "Asia/Tokyo",
        }
        timing = {"cron": "* * * * *", "starts_at": now - timedelta(days=1), "next_run_at": now}
        return tasks.schedule(
            org, **{**defaults, **timing, "payload": payload, "agent_id": agent.id, **values}
        )

    return make


@pytest.fixture
def fire(app, connection, work):
    """A function that has what is due become tasks and does them; how each ended."""

    def act():
        with app.app_context():
            tick()
            return work()

    return act


@pytest.fixture
def quick_models(monkeypatch):
    """Embeddings by models of words."""
    monkeypatch.setattr(registry, "MODELS", embedder.MODELS)
    registry._model.cache_clear()
    yield
    registry._model.cache_clear()

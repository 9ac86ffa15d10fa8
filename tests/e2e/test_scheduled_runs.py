"""A schedule that asks an agent, made in the browser: its answer is there, and whatever happens to the worker, once."""

import pytest
from playwright.sync_api import expect

from app.threads.models import Message, Thread
from tests.factories import agents, connections
from tests.factories.rows import rows
from tests.support.model_server import Answer
from tests.support.processes import wait_until

WORDS = tuple(f"word{number} " for number in range(400))


@pytest.fixture(scope="module")
def outbound(model):
    return f"model:127.0.0.1:{model.server_port}"


@pytest.fixture
def agent(home, model):
    connections.connection(home.org, slug="main", base_url=f"{model.url}/v1")
    made = agents.agent(home.org, name="Helper", primary_model_provider="main", primary_model="m")
    agents.version(made, snapshot={"name": "Helper", "provider": "main", "model": "m"})
    return made


@pytest.fixture
def planned(home, agent, open_as):
    """A function that makes a schedule for the agent, beginning at its page."""

    def make(**options):
        page = open_as(home.owner, f"/o/{home.org.slug}/agents/{agent.id}", **options)
        page.get_by_role("link", name="New schedule").click()
        expect(page.locator("#kind")).to_have_value("agent.run.prompt")
        page.locator("#name").fill("Morning report")
        expect(page.locator("[id$=--agent_id]")).to_have_value(str(agent.id))
        page.locator("[id$=--prompt]").fill("What is new on {{date}}?")
        page.locator("#cron").fill("0 6 * * *")
        page.get_by_role("button", name="Create schedule").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Morning report")
        return page

    return make


@pytest.mark.parametrize("scripts", [True, False])
def test_a_schedule_is_made_run_and_its_answer_read(planned, model, scripts):
    model.answers = [Answer(("Nothing ", "new."))]
    page = planned(java_script_enabled=scripts)
    schedule = page.url
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("link", name="Its schedule")).to_be_visible()
    for _ in range(60):
        page.goto(schedule)
        if (
            page.get_by_role("link", name="Morning report, ").count()
            and page.get_by_text("Succeeded").count()
        ):
            break
        page.wait_for_timeout(500)
    page.get_by_role("link", name="Morning report, ").click()
    expect(page.locator(".message-user .message-body")).to_contain_text("What is new on 20")
    expect(page.locator(".message-assistant .message-body")).to_have_text("Nothing new.")
    page.get_by_role("link", name="Morning report", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Morning report")


def test_a_worker_killed_amid_it_leaves_one_thread_and_one_answer(planned, home, site, model):
    model.answers = [Answer(WORDS, pause=0.1)]
    page = planned()
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("link", name="Read the thread")).to_be_visible(timeout=30_000)
    wait_until(lambda: model.seen and rows(Thread, org_id=home.org.id, origin="schedule"), 30)
    site.worker.kill()
    site.worker.begin()
    page.get_by_role("link", name="Read the thread").click()
    thread = page.url
    wait_until(
        lambda: [row.status for row in answers(home)] == ["failed"], 90, "the end of the answer that was lost"
    )
    page.goto(thread)
    expect(page.locator(".message-assistant .message-body")).to_contain_text(
        "worker that wrote this answer ended"
    )
    assert len(rows(Thread, org_id=home.org.id, origin="schedule")) == 1


def answers(home):
    (thread,) = rows(Thread, org_id=home.org.id, origin="schedule")
    return rows(Message, org_id=home.org.id, thread_id=thread.id, role="assistant")

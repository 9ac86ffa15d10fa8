"""What is done to agents in the background."""

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.agents import kinds
from app.agents.kinds import CHANGE, EXPORT, AgentChange
from app.agents.models import Agent
from app.audit.models import AuditEvent
from app.db.base import db
from app.db.blobs import read_blob
from app.db.queue import enqueue
from app.db.session import transaction
from app.db.tables import Blob, Task, TaskEvent
from app.tasks.repo.runs import Ending
from app.tasks.services.cleaning import clean_up
from app.tasks.services.tasks import retry_tasks
from app.tasks.worker.running import attempt, returned, settle
from app.web.export import written
from app.web.file_tasks import ListFile
from tests.factories import agents, orgs, threads
from tests.factories.rows import rows, save
from tests.support.apart import apart
from tests.support.claims import claims, run
from tests.support.database import as_owner


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def member(org):
    return orgs.member(org)


def do(kind, given):
    with transaction():
        enqueue(kind, given)
    (claim,) = claims()
    return run(claim)[0]


def content(org, ending):
    return b"".join(read_blob(org.id, UUID(ending.result["file"]["id"])))


def test_the_list_is_written_as_its_address_asks(acting, org, member):
    for name in ("Ada", "Bo", "=Evil"):
        agents.agent(org, name=name)
    agents.agent(orgs.org(), name="Elsewhere")
    acting(org, member)
    ending = do(EXPORT, ListFile(format="csv", query="sort=name&cols=name"))
    acting(org, member)
    table = list(csv.reader(io.StringIO(content(org, ending).decode("utf-8-sig"))))
    assert [row[1] for row in table] == ["name", "'=Evil", "Ada", "Bo"]
    assert ending.result["file"]["byte_size"] == rows(Blob)[0].byte_size
    assert [event.actor_label for event in rows(AuditEvent, action="agent.export")] == [member.email]


def test_no_transaction_waits_while_a_file_is_written_and_who_waits_is_told(acting, org, member, monkeypatch):
    agents.agent(org)
    seen = []

    def slowly(*given):
        for part in written(*given):
            seen.append((db.session().in_transaction(), rows(Task)[0].progress))
            yield part

    monkeypatch.setattr(kinds, "written", slowly)
    acting(org, member)
    assert do(EXPORT, ListFile()).status == "succeeded"
    assert seen == [(False, {"done": 1, "total": None, "words": "agent written"})]


@pytest.mark.parametrize(
    "query", ["model=gone", "status=archved", "view=0192f0c1-0000-7000-8000-000000000001", "modell=m1"]
)
def test_a_file_whose_filter_is_not_understood_is_not_written(acting, org, member, query):
    agents.agent(org, primary_model="m1")
    acting(org, member)
    ending = do(EXPORT, ListFile(query=query))
    assert (ending.status, ending.outcome) == ("failed", "failed")
    assert "no longer exists" in ending.error
    assert rows(Blob) == []


def test_a_file_holds_all_pages_wherever_its_address_was_copied(acting, org, member):
    agents.agent(org, name="Ada")
    acting(org, member)
    ending = do(EXPORT, ListFile(format="ndjson", query="cols=name&after=x.y.z&sort=name"))
    acting(org, member)
    assert b"Ada" in content(org, ending)


def test_a_large_file_lies_in_parts_and_the_same_file_once(acting, org, member):
    agents.agent(org, prompt="x" * 3_000_000)
    acting(org, member)
    query = "cols=name,status,model,provider,temperature,reasoning,created,updated"
    first = do(EXPORT, ListFile(format="ndjson", query=query))
    acting(org, member)
    assert len(content(org, first)) > 3_000_000
    with as_owner() as session:
        sizes = session.scalars(text("SELECT length(content) FROM blob_parts ORDER BY position")).all()
    assert len(sizes) == 3
    assert max(sizes) == 1024 * 1024
    again = do(EXPORT, ListFile(format="ndjson", query=query))
    assert again.result["file"]["id"] == first.result["file"]["id"]


def test_a_file_goes_after_a_day_unless_it_is_in_use(acting, org, member):
    acting(org, member)
    ending = do(EXPORT, ListFile())
    clean_up()
    assert len(rows(Blob)) == 1
    with as_owner() as session:
        session.execute(text("UPDATE tasks SET finished_at = now() - interval '25 hours'"))
        session.execute(text("UPDATE blobs SET created_at = now() - interval '25 hours'"))
    message = threads.message(threads.thread(org, member), "See file")
    kept = threads.attachment(message, rows(Blob)[0], "agents.csv")
    clean_up()
    assert len(rows(Blob)) == 1
    with as_owner() as session:
        session.delete(session.get(type(kept), kept.id))
    clean_up()
    assert rows(Blob) == []
    assert ending.result["file"]["name"].startswith("agents-")


def test_whoever_goes_on_with_a_task_leaves_the_file_that_it_has_kept(acting, org, member, monkeypatch):
    agents.agent(org, name="Ada")
    acting(org, member)
    with transaction():
        enqueue(EXPORT, ListFile())
    (claim,) = claims()
    first = attempt_of(claim)
    agents.agent(org, name="Bo")
    acting(org, member)
    assert settle(org.id, claim.task_id, claim.attempt, returned())
    (again,) = claims()
    with monkeypatch.context() as patched:
        patched.setattr(kinds, "written", None)  # nothing is written again
        second = attempt_of(again)
    assert second.result == first.result
    assert (len(rows(Blob)), len(rows(AuditEvent, action="agent.export"))) == (1, 1)


def test_a_task_that_is_run_again_days_later_leaves_a_file_of_that_day(acting, org, member):
    agents.agent(org, name="Ada")
    acting(org, member)
    with transaction():
        enqueue(EXPORT, ListFile())
    (claim,) = claims()
    attempt_of(claim)
    acting(org, member)
    assert settle(org.id, claim.task_id, claim.attempt, Ending("lost", "failed", error="its worker ended"))
    with as_owner() as session:
        session.execute(text("UPDATE tasks SET finished_at = now() - interval '3 days'"))
        session.execute(text("UPDATE blobs SET created_at = now() - interval '3 days'"))
        session.execute(text(LAST_WEEK))
    clean_up()
    acting(org, member)
    assert rows(Blob) == []
    agents.agent(org, name="Bo")
    with transaction():
        assert retry_tasks(org.id, [claim.task_id]).changed == 1
    (again,) = claims()
    ending = run(again)[0]
    acting(org, member)
    assert b"Bo" in content(org, ending)


LAST_WEEK = """
    UPDATE task_events SET data = jsonb_set(data, '{name}', '"write-2020-01-01"') WHERE data->>'name' LIKE 'write-%'
"""


def attempt_of(claim):
    """Do a task whose worker dies before it can write the end down; how it ended."""
    return apart(attempt, claim, lambda *_: None)


def test_many_agents_are_changed_step_by_step(acting, org, member):
    made = [save(Agent(org_id=org.id, name=f"Agent number {number}")) for number in range(250)]
    gone = agents.agent(orgs.org())
    acting(org, member)
    ids = (*(agent.id for agent in made), gone.id)
    ending = do(CHANGE, AgentChange(act="archive", ids=ids))
    assert ending.result == {"changed": 250, "skipped": 1}
    assert {agent.archived for agent in rows(Agent, org_id=org.id)} == {True}
    assert not rows(Agent, id=gone.id)[0].archived
    assert [event.data["name"] for event in rows(TaskEvent, kind="step")] == ["from-0", "from-200"]
    assert len(rows(AuditEvent, action="agent.archive")) == 250
    assert rows(Task)[0].progress == {"done": 251, "total": 251, "words": "agents"}


def test_more_than_200_matching_agents_become_a_task(app, new_client, org, member):
    for number in range(201):
        save(Agent(org_id=org.id, name=f"Agent number {number}"))
    client = new_client(member)
    page = client.page("/o/acme/agents/bulk?act=archive&state=" + signed(client))
    assert "201" in page.text
    client.submit("/o/acme/agents/bulk/matching", {"act": "archive", "state": signed(client)})
    (task,) = rows(Task)
    assert (task.kind, task.status, task.created_by) == ("agent.change", "queued", member.id)
    with app.app_context():
        (claim,) = claims()
        assert run(claim)[0].result == {"changed": 201, "skipped": 0}


def signed(client):
    field = client.page("/o/acme/agents").find("input", attrs={"name": "state"})
    return field["value"]


def test_the_clean_up_has_deleted_agents_erased_by_a_task(acting, org):
    old = datetime.now(UTC) - timedelta(days=31)
    agents.agent(org, deleted_at=old)
    acting()
    clean_up()
    (claim,) = claims()
    assert (claim.trigger, claim.user_id) == ("system", None)
    assert run(claim)[0].result == {"erased": 1}

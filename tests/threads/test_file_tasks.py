"""Lists of threads that are too long to wait for: a task leaves the file."""

import json
from contextlib import ExitStack
from threading import Timer
from time import sleep
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from app.agents.kinds import EXPORT as AGENTS
from app.audit.models import AuditEvent
from app.db.blobs import read_blob
from app.db.engine import FILES_AT_ONCE
from app.db.queue import cancel_tasks, enqueue
from app.db.session import transaction
from app.db.tables import Task
from app.orgs.models import OrgMember
from app.threads.kinds import EXPORT, EXPORT_WHOLE
from app.web import export, file_tasks
from tests.factories import orgs, threads
from tests.factories.rows import rows
from tests.support.claims import claims, run
from tests.support.database import as_owner

QUERY = "q=alpha&sort=created"


@pytest.fixture(autouse=True)
def three_are_many(monkeypatch):
    monkeypatch.setattr(file_tasks, "COUNT_CAP", 2)


@pytest.fixture
def held(org, ana):
    """Three threads of Ana, and others that she or the filter does not let through."""
    mine = [threads.thread(org, ana, name=f"Alpha {number}") for number in range(3)]
    threads.message(mine[0], "Said in the first")
    threads.thread(org, ana, name="Beta")
    threads.thread(org, orgs.member(org), name="Alpha private")
    threads.thread(orgs.org(), name="Alpha foreign", origin="api")
    return mine


@pytest.fixture
def ended(acting, org, ana):
    """A function that has the only task done: its row."""

    def do(who=ana):
        (claim,) = claims()
        ending, settled = run(claim)
        assert (ending.status, settled) == ("succeeded", True)
        acting(org, who)
        (task,) = rows(Task)
        return task

    return do


def kept(org, task):
    return b"".join(read_blob(org.id, UUID(task.result["file"]["id"]))).decode()


@pytest.mark.parametrize(
    ("path", "things"), [("threads.csv", "threads"), ("threads/messages.json", "threads with messages")]
)
def test_ex_3_a_long_list_is_offered_as_a_task_and_reading_writes_nothing(client, held, path, things):
    page = client.page(f"/o/acme/{path}?{QUERY}")
    assert page.h1.get_text(strip=True) == f"Export {things}"
    form = page.select_one("main form")
    assert form["action"] == f"/o/acme/{path}?{QUERY}"
    assert rows(Task) == []
    assert rows(AuditEvent) == []


def test_ex_3_two_threads_are_sent_at_once(client, held):
    answer = client.get("/o/acme/threads.ndjson?q=alpha&cols=name&origin=console&messages=1..")
    assert answer.mimetype == "application/x-ndjson"


def test_ex_3_the_task_waits_for_its_turn(client, held, org, ended, acting, monkeypatch):
    monkeypatch.setattr(export, "POOL_WAIT_SECONDS", 0.1)
    client.submit(f"/o/acme/threads.ndjson?{QUERY}", {})
    with ExitStack() as taken:
        for _ in range(FILES_AT_ONCE - 1):
            taken.enter_context(export.file_session())
        last = ExitStack()
        last.enter_context(export.file_session())
        leaving = Timer(0.5, last.close)
        leaving.start()
        task = ended()
        assert not leaving.is_alive()
    assert len(kept(org, task).splitlines()) == 3


def test_ex_3_a_task_that_waits_for_its_turn_can_be_cancelled(client, held, org, acting, monkeypatch):
    client.submit(f"/o/acme/threads.ndjson?{QUERY}", {})

    def taken(**_given):
        cancel_tasks(org.id, [claim.task_id])
        sleep(1)

    monkeypatch.setattr(export, "_places", SimpleNamespace(acquire=taken))
    monkeypatch.setattr(file_tasks, "TURN_SECONDS", 5)
    (claim,) = claims()
    ending, _ = run(claim)
    assert ending.status == "cancelled"


@pytest.mark.parametrize("kind", [EXPORT, EXPORT_WHOLE, AGENTS])
def test_ex_3_waiting_for_its_turn_leaves_a_task_time_to_write(kind):
    assert kind.seconds - file_tasks.TURN_SECONDS >= 600


def test_ex_3_the_task_writes_what_its_person_sees(client, held, org, ended):
    begun = client.submit(f"/o/acme/threads.ndjson?{QUERY}", {})
    assert begun.status_code == 303
    task = ended()
    assert begun.location == f"/o/acme/tasks/{task.id}"
    found = [json.loads(line) for line in kept(org, task).splitlines()]
    assert [row["name"] for row in found] == ["Alpha 0", "Alpha 1", "Alpha 2"]
    assert client.page(begun.location).find(string=lambda text: "Download threads-" in text)
    (event,) = rows(AuditEvent, action="thread.export")
    assert event.after == {"format": "ndjson", "query": QUERY}


def test_ex_3_the_file_of_an_owner_holds_everyones_threads_with_their_messages(
    new_client, held, org, owner, ended
):
    new_client(owner).submit(f"/o/acme/threads/messages.json?{QUERY}", {})
    found = json.loads(kept(org, ended(owner)))
    assert [row["name"] for row in found] == ["Alpha 0", "Alpha 1", "Alpha 2", "Alpha private"]
    assert [len(row["messages"]) for row in found] == [1, 0, 0, 0]


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("writer", ["owner", "ana"])
@pytest.mark.parametrize("path", ["threads.csv", "threads/messages.json"])
def test_ex_2_the_file_is_for_its_person_and_for_those_who_see_all_threads(
    new_client, org, ended, request, writer, path
):
    person = request.getfixturevalue(writer)
    new_client(person).submit(f"/o/acme/{path}?{QUERY}", {})
    place = f"/o/acme/tasks/{ended(person).id}"
    for reader in (person, orgs.member(org, "admin")):
        assert "Download threads" in new_client(reader).page(place).get_text()
        assert "Alpha 0" in new_client(reader).get(f"{place}/file").text
    for role in ("member", "viewer"):
        other = new_client(orgs.member(org, role))
        assert "Download threads" not in other.page(place).get_text()
        refused = other.get(f"{place}/file")
        assert refused.status_code == 403
        assert "Alpha" not in refused.text


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("path", ["threads.csv", "threads/messages.json"])
def test_ex_2_who_no_longer_sees_all_threads_does_not_get_the_own_file_of_them(new_client, org, ended, path):
    person = orgs.member(org, "admin")
    reader = new_client(person)
    reader.submit(f"/o/acme/{path}?{QUERY}", {})
    place = f"/o/acme/tasks/{ended(person).id}"
    assert "Alpha private" in reader.get(f"{place}/file").text
    for role, status in (("member", 403), ("admin", 200)):
        with as_owner() as session:
            session.execute(update(OrgMember).where(OrgMember.user_id == person.id).values(role=role))
        assert reader.get(f"{place}/file").status_code == status
        assert ("Download threads" in reader.page(place).get_text()) == (status == 200)


def test_ex_3_filters_too_long_to_keep_are_refused(client, held):
    tags = "&".join(f"tag={number:0>90}" for number in range(50))
    answer = client.submit(f"/o/acme/threads.csv?{tags}", {})
    assert answer.status_code == 422
    assert "too many filters" in answer.text
    assert rows(Task) == []


@pytest.mark.parametrize("kind", [EXPORT, EXPORT_WHOLE])
def test_ex_3_no_file_is_written_without_a_filter_that_is_gone(acting, org, ana, held, kind):
    acting(org, ana)
    with transaction():
        enqueue(kind, kind.given(query=f"agent={uuid4()}"))
    (claim,) = claims()
    ending, _ = run(claim)
    assert (ending.status, "no longer exists" in ending.error) == ("failed", True)

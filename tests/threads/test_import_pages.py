"""Importing in the browser: what is refused at once, the task that does it, and what its page says."""

import errno
import io
from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from app.audit.models import AuditEvent
from app.db import blobs
from app.db.queue import enqueue
from app.db.session import transaction
from app.db.tables import Blob, Task
from app.tasks.services.cleaning import clean_up
from app.threads.models import Message, Thread
from app.threads.services import uploads
from app.threads.services.uploads import IMPORT, FileGone, ImportInput
from app.threads.views import importing as views
from app.web.security import CSRF_FIELD
from tests.factories import agents, knowledge, orgs, tasks, world
from tests.factories.rows import rows
from tests.support.claims import claims
from tests.support.claims import run as run_claim
from tests.support.client import SAME_ORIGIN
from tests.threads.test_readers import EXPORTS

URL = "/o/acme/threads/import"


@pytest.fixture
def member(org, ana, new_client):
    return new_client(ana)


def upload(client, content, name="conversations.json", **values):
    return client.submit(
        URL, {"file": (io.BytesIO(content), name), **values}, content_type="multipart/form-data"
    )


def export(name="chatgpt.json"):
    return (EXPORTS / name).read_bytes()


@dataclass
class Steps:
    """A running task as its function sees it; steps that were done before are not repeated."""

    task: Task

    def __post_init__(self):
        self.org_id, self.task_id, self.user_id = self.task.org_id, self.task.id, self.task.created_by
        self.done, self.said = {}, []

    def step(self, name, act):
        if name not in self.done:
            with transaction():
                self.done[name] = act()
        return self.done[name]

    def answered(self, name):
        return self.done.get(name)

    def progress(self, done, total=None, words=""):
        self.said.append((done, total, words))


def run(acting, org, ana, task):
    acting(org, ana)
    steps = Steps(task)
    return IMPORT.run(steps, IMPORT.read(task.payload)), steps


def test_the_form(member, org):
    agents.agent(org, name="Helper")
    page = member.page(URL)
    assert [option.text for option in page.select("#format option")][:3] == [
        "Tell by the content",
        "ChatGPT data export",
        "Claude data export",
    ]
    assert [option.text for option in page.select("#agent_id option")] == ["No agent", "Helper"]
    assert page.select_one("form#form")["enctype"] == "multipart/form-data"


def test_an_upload_becomes_a_task(member, org, ana):
    agent = agents.agent(org)
    response = upload(member, export(), agent_id=str(agent.id))
    (task,) = rows(Task, org_id=org.id)
    assert (response.status_code, response.location) == (303, f"/o/acme/threads/imports/{task.id}")
    (blob,) = rows(Blob, org_id=org.id)
    assert task.payload == {
        "blob_id": str(blob.id),
        "source": "conversations.json",
        "format": None,
        "agent_id": str(agent.id),
    }
    assert (task.kind, task.created_by, blob.byte_size) == ("thread.import", ana.id, len(export()))
    (event,) = rows(AuditEvent, org_id=org.id, action="thread.upload")
    assert (event.target_label, event.actor_id) == ("conversations.json", ana.id)
    page = member.both(response.location, "import_state")
    assert "Import is waiting for a worker" in page.text
    assert page.find(id="import_state")["hx-trigger"] == "every 3s"


def test_the_task_imports_and_deletes_the_file(member, acting, org, ana):
    upload(member, export())
    (task,) = rows(Task, org_id=org.id)
    result, steps = run(acting, org, ana, task)
    assert result == {
        "added": 2, "extended": 0, "unchanged": 0, "messages": 18, "refused": 0, "reasons": [],
    }  # fmt: skip
    assert steps.said == [(len(export()), len(export()), "2 threads read")]
    assert {row.user_id for row in rows(Thread, org_id=org.id)} == {ana.id}
    assert rows(Blob, org_id=org.id) == []


def test_a_large_file_is_kept_in_parts(member, acting, org, ana, monkeypatch):
    monkeypatch.setattr(blobs, "PART_BYTES", 1000)
    upload(member, export())
    (blob,) = rows(Blob, org_id=org.id)
    acting(org, ana)
    parts = list(blobs.read_blob(org.id, blob.id))
    assert [len(part) for part in parts[:-1]] == [1000] * (len(export()) // 1000)
    assert b"".join(parts) == export()
    (task,) = rows(Task, org_id=org.id)
    assert run(acting, org, ana, task)[0]["added"] == 2


def test_a_second_attempt_goes_on_where_the_first_was(member, acting, org, ana, monkeypatch):
    monkeypatch.setattr("app.threads.services.importing.MOST_THREADS", 1)
    upload(member, export())
    (task,) = rows(Task, org_id=org.id)
    acting(org, ana)
    steps = Steps(task)

    def broken(*_arguments):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(steps, "progress", broken)
        with pytest.raises(RuntimeError):
            IMPORT.run(steps, IMPORT.read(task.payload))
    assert len(rows(Thread, org_id=org.id)) == 1
    result = IMPORT.run(steps, IMPORT.read(task.payload))
    assert (result["added"], len(rows(Message, org_id=org.id))) == (2, 18)


def test_a_file_without_any_thread_is_no_success(member, org):
    result = {"added": 0, "extended": 0, "unchanged": 0, "messages": 0, "refused": 1}
    result["reasons"] = [{"place": "line 1", "reason": "It is cut off."}]
    task = tasks.task(
        org, kind="thread.import", status="succeeded", result=result, payload={"source": "x.json"}
    )
    page = member.page(f"/o/acme/threads/imports/{task.id}")
    assert "Nothing was imported" in page.text
    assert "The rest was imported" not in page.text
    assert "It is cut off." in page.text


def test_what_was_left_out_is_shown(member, org):
    result = {
        "added": 1, "extended": 2, "unchanged": 3, "messages": 40, "refused": 300,
        "reasons": [{"place": "item 7", "reason": "It holds <b>no</b> messages."}],
    }  # fmt: skip
    payload = {"source": "<i>x</i>.json"}
    task = tasks.task(org, kind="thread.import", status="succeeded", result=result, payload=payload)
    page = member.both(f"/o/acme/threads/imports/{task.id}", "import_state")
    assert page.h1.text == "<i>x</i>.json"
    assert "300 entries were left out" in page.text
    assert "The first 1." in page.text
    assert [cell.text for cell in page.select("tbody tr > *")] == ["item 7", "It holds <b>no</b> messages."]
    assert "hx-trigger" not in page.find(id="import_state").attrs
    assert "300" in member.page(URL).select_one("tbody").text


@pytest.mark.parametrize(
    ("status", "words"), [("failed", "The import failed"), ("cancelled", "was cancelled")]
)
def test_an_import_that_ended_early(member, org, status, words):
    task = tasks.task(
        org, kind="thread.import", status=status, error="FileGone", payload={"source": "a.json"}
    )
    assert words in member.page(f"/o/acme/threads/imports/{task.id}").text
    assert member.page(URL).select_one("tbody") is not None


@pytest.mark.parametrize(
    ("content", "name", "reason"),
    [
        (b"<html></html>", "chat.html", "This is an HTML page, not JSON."),
        (b"", "empty.json", "The file is empty."),
        (b"\x89PNG", "conversations.json", "This is neither JSON nor a ZIP archive."),
        (b"PK\x03\x04broken", "a.zip", "The ZIP archive is damaged."),
        (b"[]", "conversations.json", "The file holds no threads."),
    ],
)
def test_a_file_that_holds_nothing_is_refused_at_once(member, state, content, name, reason):
    before = state()
    response = upload(member, content, name)
    assert response.status_code == 422
    assert reason in response.text
    assert state() == before


def test_other_wrong_values(member, org, state):
    theirs = agents.agent(orgs.org(slug="other"))
    before = state()
    assert "Choose a file." in member.submit(URL, {}, content_type="multipart/form-data").text
    for values in ({"agent_id": str(theirs.id)}, {"agent_id": "x"}, {"format": "gemini"}):
        response = upload(member, export(), **values)
        assert (response.status_code, "Not a valid choice" in response.text) == (422, True)
    assert state() == before


def test_a_body_over_the_limit_is_refused(member, state, monkeypatch, app):
    monkeypatch.setattr(app.view_functions["thread_imports.create"], "most_bytes", 1000)
    before = state()
    assert upload(member, export()).status_code == 413
    assert state() == before


def test_a_body_may_be_larger_here_than_elsewhere(member, org, app, monkeypatch):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 2000)
    assert upload(member, export()).status_code == 303
    assert member.submit("/o/acme/agents/new", {"name": "a" * 2000}).status_code == 413


@pytest.mark.parametrize(("limit", "status"), [(2000, 413), (4000, 303)])
def test_a_form_in_chunks_is_not_cut_at_the_limit(member, org, app, monkeypatch, limit, status):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", limit)
    form = urlencode({CSRF_FIELD: member.token(), "name": "Long", "prompt": "a" * 2000})
    answer = member.post(
        "/o/acme/agents/new",
        input_stream=io.BytesIO(form.encode()),
        content_type="application/x-www-form-urlencoded",
        headers=SAME_ORIGIN,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == status


@pytest.mark.parametrize(("number", "status"), [(errno.ENOSPC, 507), (errno.EIO, 500)])
def test_a_full_disk_is_said(member, app, state, monkeypatch, number, status):
    def full(*_arguments):
        raise OSError(number, "no room")

    monkeypatch.setattr(views, "begin_import", full)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    before = state()
    response = upload(member, export())
    assert (response.status_code, "The server has no room" in response.text) == (status, status == 507)
    assert state() == before


def test_the_same_form_twice_begins_one_import(member, org):
    once = member.page(URL).select_one("input[name=once]")["value"]
    first, second = (upload(member, export(), once=once) for _ in range(2))
    assert first.location == second.location
    assert len(rows(Task, org_id=org.id)) == 1


def test_the_same_file_twice_is_kept_until_both_are_done(member, acting, org, ana):
    upload(member, export())
    upload(member, export())
    first, second = rows(Task, org_id=org.id)
    run(acting, org, ana, first)
    assert len(rows(Blob, org_id=org.id)) == 1
    with_first_done = rows(Task, id=first.id)
    assert with_first_done
    result, _ = run(acting, org, ana, second)
    assert (result["added"], result["unchanged"]) == (0, 2)


def test_an_import_that_is_done_is_done_for_the_next_attempt_too(member, acting, org, ana):
    upload(member, export())
    (task,) = rows(Task, org_id=org.id)
    result, steps = run(acting, org, ana, task)
    assert rows(Blob, org_id=org.id) == []
    assert IMPORT.run(steps, IMPORT.read(task.payload)) == result


def test_a_file_that_is_gone_is_said(acting, org, ana):
    task = tasks.task(org, kind="thread.import", created_by=ana.id)
    given = ImportInput(blob_id=task.id, source="a.json", format=None, agent_id=None)
    acting(org, ana)
    with pytest.raises(FileGone, match="Upload it again"):
        IMPORT.run(Steps(task), given)


def test_files_left_by_failed_imports_go_after_a_day(member, acting, org, ana, connection):
    upload(member, export("claude.json"))
    acting(org, ana)
    connection.exec_driver_sql("UPDATE blobs SET created_at = now() - interval '25 hours'")
    clean_up()
    assert len(rows(Blob, org_id=org.id)) == 1
    connection.exec_driver_sql("UPDATE tasks SET status = 'failed', finished_at = now()")
    clean_up()
    assert rows(Blob, org_id=org.id) == []


def test_an_import_whose_file_is_gone_says_so_instead_of_running_again(member, acting, org, ana, connection):
    upload(member, export())
    (task,) = rows(Task, org_id=org.id)
    connection.exec_driver_sql("UPDATE tasks SET status = 'failed', finished_at = now()")
    page = f"/o/acme/tasks/{task.id}"
    assert "Run again" in member.page(page).get_text()
    connection.exec_driver_sql("UPDATE blobs SET created_at = now() - interval '25 hours'")
    acting(org, ana)
    clean_up()
    shown = member.page(page).get_text()
    assert "Run again" not in shown
    assert "It cannot be run again, as it has no file any more: upload it again." in shown
    member.submit(f"{page}/retry")
    assert rows(Task, org_id=org.id)[0].status == "failed"
    left = member.page("/o/acme/tasks").get_text()
    assert "has no file any more: upload it again" in left


def test_an_import_whose_file_is_there_runs_again(member, org, connection):
    upload(member, export())
    (task,) = rows(Task, org_id=org.id)
    connection.exec_driver_sql("UPDATE tasks SET status = 'failed', finished_at = now()")
    member.submit(f"/o/acme/tasks/{task.id}/retry")
    assert [each.status for each in rows(Task, org_id=org.id)] == ["queued"]


def test_an_import_whose_file_is_gone_is_not_tried_three_times(acting, org, ana):
    acting(org, ana)
    with transaction():
        enqueue(IMPORT, ImportInput(blob_id=uuid4(), source="a.json", format=None, agent_id=None))
    (claim,) = claims()
    assert run_claim(claim)[0].status == "failed"


def test_a_file_that_is_a_source_too_stays(member, acting, org, ana, connection):
    source = knowledge.file(knowledge.base(org), export())
    upload(member, export())
    (task,) = rows(Task, org_id=org.id)
    assert run(acting, org, ana, task)[0]["added"] == 2
    connection.exec_driver_sql(
        "UPDATE blobs SET created_at = now() - interval '25 hours', media_type = %s", (uploads.MEDIA_TYPE,)
    )
    connection.exec_driver_sql("UPDATE tasks SET status = 'succeeded', finished_at = now()")
    clean_up()
    (kept,) = rows(Blob, org_id=org.id)
    assert kept.id == source.blob_id


def test_a_file_that_a_task_left_stays_for_those_who_take_it(member, acting, org, ana):
    upload(member, export())
    (task,) = rows(Task, org_id=org.id)
    tasks.task(org, status="succeeded", result={"file": {"id": task.payload["blob_id"]}})
    assert run(acting, org, ana, task)[0]["added"] == 2
    assert len(rows(Blob, org_id=org.id)) == 1


def test_another_organisations_import_is_not_there(new_client, org, ana):
    theirs = world.tenant("Theirs")
    task = tasks.task(theirs.org, kind="thread.import", payload={"source": "a.json"})
    other_kind = tasks.task(org, kind="test.plain")
    client = new_client(ana)
    for row in (task, other_kind):
        assert client.get(f"/o/acme/threads/imports/{row.id}").status_code == 404
    assert client.get(f"/o/{theirs.org.slug}/threads/import").status_code == 404
    assert "a.json" not in client.page(URL).text


def test_a_viewer_may_not(new_client, org):
    viewer = new_client(orgs.member(org, "viewer"))
    assert viewer.get(URL).status_code == 403
    assert upload(viewer, export()).status_code == 403


def test_the_page_of_the_task_leads_to_what_was_imported(member, org):
    report = upload(member, export()).location
    page = member.page(f"/o/acme/tasks/{report.rpartition('/')[2]}")
    assert page.find("a", string="What was imported")["href"] == report
    assert "What was imported" not in member.page(f"/o/acme/tasks/{tasks.task(org).id}").text

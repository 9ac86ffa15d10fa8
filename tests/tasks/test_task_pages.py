"""The list of tasks, the page of one, and what people do there."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text

from app.agents.kinds import EXPORT
from app.db.queue import enqueue
from app.db.session import transaction
from app.db.tables import Task, TaskAttempt, TaskEvent
from app.tasks.services.schedules import run_now
from app.web.file_tasks import ListFile
from tests.factories import agents, orgs, tasks, threads
from tests.factories.rows import rows, save, stored
from tests.support.claims import claims, run
from tests.support.client import HTMX
from tests.support.database import as_owner
from tests.support.queries import queries


def names(page):
    return [" ".join(cell.get_text().split()) for cell in page.select("#results tbody th a")]


def test_the_list_shows_tasks_newest_first_in_few_statements(org, member):
    made = [tasks.task(org, kind="agent.export", status="succeeded") for _ in range(3)]
    tasks.task(orgs.org(), kind="thread.import")
    with queries(max=4):
        page = member.page("/o/acme/tasks")
    assert names(page) == ["Export of agents"] * 3
    links = [cell["href"].partition("?")[0] for cell in page.select("#results tbody th a")]
    assert links == [f"/o/acme/tasks/{task.id}" for task in made[::-1]]
    member.both("/o/acme/tasks?status=succeeded&kind=agent.export")
    assert names(member.page("/o/acme/tasks?status=failed")) == []


def test_the_page_of_a_task_shows_attempts_log_input_and_output(org, member):
    task = tasks.task(
        org, kind="agent.export", status="failed", error="RuntimeError", payload={"format": "csv"}, attempt=1
    )
    save(TaskAttempt(org_id=org.id, task_id=task.id, attempt=1, worker_id=UUID(int=1), outcome="failed"))
    save(TaskEvent(org_id=org.id, task_id=task.id, seq=1, attempt=1, kind="log", data={"words": "Half way"}))
    for seq, name in enumerate((f"reading {uuid4()}", f"case-{uuid4()}", "batch-7"), start=2):
        save(TaskEvent(org_id=org.id, task_id=task.id, seq=seq, attempt=1, kind="step", data={"name": name}))
    page = member.page(f"/o/acme/tasks/{task.id}")
    for words in ("RuntimeError", "Half way", '"format": "csv"', "Failed"):
        assert words in page.get_text()
    lines = [cell.get_text(strip=True) for cell in page.select("tbody th")]
    assert {"Step: reading", "Step: case", "Step: batch-7"} <= set(lines)


def test_a_task_that_runs_is_looked_at_again_and_one_that_ended_is_not(org, member):
    running, ended = tasks.task(org, status="running", attempt=1), tasks.task(org, status="succeeded")
    assert member.page(f"/o/acme/tasks/{running.id}").select_one("#task_state[hx-get]")
    assert not member.page(f"/o/acme/tasks/{ended.id}").select_one("#task_state[hx-get]")


def test_one_and_many_are_cancelled_and_run_again(org, member):
    waiting, ended = (
        tasks.task(org, kind="agent.export", status=status) for status in ("queued", "succeeded")
    )
    member.submit(f"/o/acme/tasks/{waiting.id}/cancel")
    assert stored(waiting).status == "cancelled"
    ids = [str(waiting.id), str(ended.id)]
    member.submit("/o/acme/tasks/bulk", {"act": "retry", "ids": ids})
    assert (stored(waiting).status, stored(ended).status) == ("queued", "succeeded")
    page = member.page("/o/acme/tasks")
    assert "is succeeded" in page.get_text()
    answer = member.submit("/o/acme/tasks/bulk", {"act": "eat", "ids": ids})
    assert answer.status_code == 422


def test_who_may_not_begin_a_task_may_not_run_it_again(org, member, new_client):
    found, export = (
        tasks.task(org, kind=kind, status="failed") for kind in ("connections.discover", "agent.export")
    )
    place = f"/o/acme/tasks/{found.id}"
    assert "Run again" not in member.page(place).get_text()
    assert member.submit(f"{place}/retry").status_code == 403
    assert member.submit("/o/acme/tasks/bulk", {"act": "retry", "ids": [str(found.id)]}).status_code == 403
    member.submit("/o/acme/tasks/bulk", {"act": "retry", "ids": [str(found.id), str(export.id)]})
    assert (stored(found).status, stored(export).status) == ("failed", "queued")
    assert "is not for your role to begin" in member.page("/o/acme/tasks").get_text()
    new_client(orgs.member(org, "admin")).submit(f"{place}/retry")
    assert stored(found).status == "queued"


def test_a_task_of_a_kind_that_is_not_known_is_not_run_again(org, member):
    task = tasks.task(org, status="failed")
    member.submit(f"/o/acme/tasks/{task.id}/retry")
    assert stored(task).status == "failed"
    assert "is of a kind that this version does not know" in member.page("/o/acme/tasks").get_text()


def test_viewers_look_and_change_nothing(org, viewer, member):
    waiting = tasks.task(org)
    page = viewer.page(f"/o/acme/tasks/{waiting.id}")
    assert "Cancel" not in page.get_text()
    assert viewer.submit(f"/o/acme/tasks/{waiting.id}/cancel").status_code == 403
    assert stored(waiting).status == "queued"


def test_what_was_said_in_the_thread_of_another_person_is_not_shown(org, new_client):
    person = orgs.member(org)
    said = {"variables": {"who": "Canary of Ana"}}
    for origin, seen, owner in (
        ("playground", False, person),
        ("api", True, person),
        ("console", False, None),
    ):
        thread = threads.thread(org, owner, origin=origin)
        task = tasks.task(org, kind="agent.run", thread_id=thread.id, payload=said, created_by=person.id)
        place = f"/o/acme/tasks/{task.id}"
        for reader in (owner or orgs.member(org, "owner"), orgs.member(org, "admin")):
            assert "Canary of Ana" in new_client(reader).page(place).get_text()
        for role in ("member", "viewer"):
            page = new_client(orgs.member(org, role)).page(place).get_text()
            assert ("Canary of Ana" in page) == seen
            assert ("a thread that you do not see" in page) != seen


def test_why_the_answer_to_another_person_failed_is_not_told(org, new_client):
    person, words = orgs.member(org), "Canary of Ana"
    about = {"thread_id": threads.thread(org, person, origin="playground").id, "attempt": 1}
    task = tasks.task(org, kind="agent.run", status="failed", error=words, **about)
    of_task = {"org_id": org.id, "task_id": task.id, "attempt": 1}
    save(TaskAttempt(**of_task, worker_id=UUID(int=1), outcome="failed", error=words))
    save(TaskEvent(**of_task, seq=1, kind="log", data={"words": words}))
    for reader, seen in (
        (person, True),
        *((orgs.member(org, role), role == "admin") for role in ("admin", "member", "viewer")),
    ):
        client = new_client(reader)
        pages = [client.page(f"/o/acme/{place}").get_text() for place in ("tasks", f"tasks/{task.id}")]
        assert [words in page for page in pages] == [seen, seen]
        assert len(names(client.page("/o/acme/tasks?q=canary"))) == seen
        cells = client.get(f"/o/acme/tasks/status?ids={task.id}&cols=task,status", headers=HTMX).text
        assert (words in cells) <= seen


def test_what_was_said_in_a_thread_that_is_gone_is_shown_to_admins_only(org, new_client):
    said = {"thread_id": str(uuid4()), "variables": {"who": "Canary of Ana"}}
    task = tasks.task(org, kind="agent.run", payload=said)
    for role in ("viewer", "member", "admin", "owner"):
        page = new_client(orgs.member(org, role)).page(f"/o/acme/tasks/{task.id}").get_text()
        assert ("Canary of Ana" in page) == (role in {"admin", "owner"})


def test_the_file_of_an_export_is_there_for_a_day(app, acting, org, new_client):
    person = orgs.member(org)
    agents.agent(org, name="Ada")
    acting(org, person)
    with transaction():
        task_id = enqueue(EXPORT, ListFile(format="csv", query="cols=name"))
    run(claims()[0])
    client = new_client(person)
    page = client.page(f"/o/acme/tasks/{task_id}")
    link = page.find("a", href=f"/o/acme/tasks/{task_id}/file")
    assert "Download agents-" in link.get_text()
    answer = client.get(link["href"])
    assert "Ada" in answer.text
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="agents-')
    task = rows(Task)[0]
    with as_owner() as session:
        session.get(Task, task.id).finished_at = datetime.now(UTC) - timedelta(hours=25)
    assert client.get(link["href"]).status_code == 404


def test_the_tasks_of_another_organisation_are_not_there(org, new_client):
    task = tasks.task(org)
    other = orgs.org(slug="other")
    stranger = new_client(orgs.member(other, "owner"))
    assert stranger.get(f"/o/other/tasks/{task.id}").status_code == 404
    assert stranger.get(f"/o/acme/tasks/{task.id}").status_code == 404
    answer = stranger.submit("/o/other/tasks/bulk", {"act": "cancel", "ids": [str(task.id)]})
    assert answer.status_code == 404
    assert stored(task).status == "queued"


def test_a_task_keeps_the_version_of_its_agent_that_was_published(acting, org, member):
    person, agent = orgs.member(org), agents.agent(org, name="Ada")
    for number in (1, 2):
        agents.version(agent, number=number)
    foreign = agents.agent(orgs.org())
    agents.version(foreign, number=9)
    acting(org, person)
    with transaction():
        given = ListFile(format="csv")
        ids = [enqueue(EXPORT, given, agent_id=agent.id), enqueue(EXPORT, given)]
    agents.version(agent, number=3)
    with queries(max=4):
        shown = " ".join(member.page(f"/o/acme/tasks/{ids[0]}").main.get_text(" ").split())
    assert "Agent Ada , version 2" in shown
    assert rows(Task, id=ids[1])[0].agent_version_id is None
    assert "version" not in member.page(f"/o/acme/tasks/{ids[1]}").main.get_text()


def test_a_scheduled_task_keeps_the_version_too(acting, org, member):
    person, agent = orgs.member(org), agents.agent(org, name="Ada")
    unpublished = agents.agent(org, name="Ben")
    version = agents.version(agent, number=1)
    acting(org, person)
    for about in (agent, unpublished):
        nightly = tasks.schedule(org, kind="agent.export", agent_id=about.id, created_by=person.id)
        with transaction():
            run_now(org.id, nightly.id)
    assert {task.agent_id: task.agent_version_id for task in rows(Task)} == {
        agent.id: version.id,
        unpublished.id: None,
    }
    with as_owner() as session:
        session.execute(text("DELETE FROM agents WHERE id = :id"), {"id": agent.id})
    assert {task.agent_version_id for task in rows(Task)} == {None}


def test_an_import_tells_of_threads_not_of_the_bytes_it_counts(org, viewer):
    told = {"done": 636, "total": 636, "words": "1 thread read"}
    task = tasks.task(org, kind="thread.import", status="running", progress=told)
    assert viewer.page("/o/acme/tasks").find(id=f"progress-{task.id}").text.strip() == "1 thread read"
    assert "636" not in viewer.page(f"/o/acme/tasks/{task.id}").find(class_="progress").text

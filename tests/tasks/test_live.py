"""What of a page about tasks stays true while they go on: the number in the top bar, the cells of the list."""

from datetime import UTC, datetime, timedelta

from app.db.tables import Task
from tests.factories import orgs, tasks
from tests.support.database import as_owner
from tests.support.queries import queries


def shown(page):
    link = page.find(id="live-tasks")
    return " ".join(link.get_text(" ").split()) if link else None


def test_the_top_bar_counts_what_waits_or_runs_here_and_costs_no_statement(org, viewer):
    viewer.page("/o/acme/agents")
    with queries() as without:
        page = viewer.page("/o/acme/agents")
    assert shown(page) is None
    tasks.task(org, status="queued")
    assert shown(viewer.page("/o/acme/agents")) == "1 live task"
    for status in ("running", "waiting", "succeeded", "failed"):
        tasks.task(org, status=status)
    tasks.task(orgs.org(), status="running")
    with queries() as counted:
        page = viewer.page("/o/acme/agents")
    assert len(counted) == len(without) <= 4
    with queries(max=4):
        viewer.page("/o/acme/tasks")
    assert shown(page) == "2 live tasks"
    listed = viewer.page(page.find(id="live-tasks")["href"])
    assert len(listed.select("#results tbody tr")) == 2
    assert shown(viewer.page("/o/acme/agents")) == "2 live tasks"
    assert shown(viewer.page("/me")) is None


def test_the_count_is_bounded(org, viewer):
    with as_owner() as session:
        session.add_all(Task(org_id=org.id, kind="test.plain") for _ in range(120))
    assert shown(viewer.page("/o/acme/agents")) == "99+ live tasks"


def test_the_count_is_asked_for_while_something_goes_on_and_costs_one_statement(org, viewer):
    task = tasks.task(org, status="running")
    count = viewer.page("/o/acme/agents").find(id="live_count")
    assert (count["hx-get"], count["hx-trigger"]) == ("/o/acme/tasks/live", "every 15s")
    with queries(max=1):
        assert viewer.fragment("/o/acme/tasks/live").find(id="live_count")["hx-get"]
    with as_owner() as session:
        session.get(Task, task.id).status = "succeeded"
    ended = viewer.fragment("/o/acme/tasks/live").find(id="live_count")
    assert (ended.contents, ended.get("hx-get")) == ([], None)
    assert viewer.get("/o/acme/tasks/live").location.startswith("/o/acme/tasks?status=queued")


def test_strangers_count_nothing(org, new_client):
    tasks.task(org, status="running")
    stranger = new_client(orgs.member(orgs.org(slug="other"), "owner"))
    assert shown(stranger.page("/o/other/agents")) is None
    assert stranger.get("/o/acme/tasks/live").status_code == 404


def test_the_list_asks_for_the_rows_that_go_on_and_stops_when_all_have_ended(org, viewer):
    running = tasks.task(org, status="running", progress={"done": 1, "total": 9, "words": "rows"})
    tasks.task(org, status="succeeded")
    page = viewer.both("/o/acme/tasks")
    asks = page.find(id="live_rows")
    assert asks["hx-trigger"] == "every 3s"
    assert asks["hx-get"] == f"/o/acme/tasks/status?cols=status,progress&ids={running.id.hex}"
    with queries(max=2):
        fragment = viewer.fragment(asks["hx-get"])
    assert fragment.find(id=f"progress-{running.id}")["hx-swap-oob"] == "true"
    assert fragment.find(id=f"progress-{running.id}").get_text(strip=True) == "1 of 9 rows"
    assert fragment.find(id="live_rows")["hx-get"] == asks["hx-get"]
    with as_owner() as session:
        session.get(Task, running.id).status = "succeeded"
    fragment = viewer.fragment(asks["hx-get"])
    assert fragment.find(id=f"status-{running.id}").get_text(strip=True) == "Succeeded"
    assert not fragment.find(id="live_rows").has_attr("hx-get")
    assert not viewer.page("/o/acme/tasks").find(id="live_rows").has_attr("hx-get")
    assert viewer.get(asks["hx-get"]).location == "/o/acme/tasks"


def test_what_waits_for_later_is_asked_for_less_often(org, viewer):
    tasks.task(org, status="queued", available_at=datetime.now(UTC) + timedelta(hours=1))
    asks = viewer.page("/o/acme/tasks?cols=task,status,attempts,finished").find(id="live_rows")
    assert asks["hx-trigger"] == "every 15s"
    assert "cols=status,attempts,finished&" in asks["hx-get"]


def test_rows_of_others_and_nonsense_are_left_out(org, viewer, new_client):
    mine = tasks.task(org, status="running")
    other = orgs.org(slug="other")
    theirs = tasks.task(other, status="running")
    ids = f"{mine.id.hex},{theirs.id.hex},nonsense"
    fragment = viewer.fragment(f"/o/acme/tasks/status?cols=status,password,&ids={ids}")
    assert [cell["id"] for cell in fragment.select("[hx-swap-oob]")] == [f"status-{mine.id}"]
    assert theirs.id.hex not in str(fragment)
    assert viewer.fragment("/o/acme/tasks/status").find(id="live_rows")
    stranger = new_client(orgs.member(other))
    assert stranger.get(f"/o/acme/tasks/status?ids={mine.id.hex}").status_code == 404

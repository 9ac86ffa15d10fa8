"""What changes by itself on pages about tasks, and what stays as the visitor left it."""

import pytest
from playwright.sync_api import expect

from app.db.tables import Task
from tests.factories import tasks
from tests.support.database import as_owner

pytestmark = pytest.mark.e2e


def _change(task: Task, **values) -> None:
    with as_owner() as session:
        for name, value in values.items():
            setattr(session.get(Task, task.id), name, value)


def test_cells_change_and_ticks_and_focus_stay(home, open_as):
    task = tasks.task(home.org, status="queued")
    page = open_as(home.owner, f"/o/{home.org.slug}/tasks")
    box = page.locator("#results tbody tr").first.get_by_role("checkbox")
    box.check()
    page.locator("#live-tasks").focus()
    asked = []
    page.on("request", lambda request: "/tasks/status" in request.url and asked.append(request.url))
    _change(task, progress={"done": 3, "total": 4, "words": "parts"})
    expect(page.locator(f"#progress-{task.id}")).to_have_text("3 of 4 parts")
    _change(task, status="succeeded")
    expect(page.locator(f"#status-{task.id}")).to_have_text("Succeeded")
    expect(box).to_be_checked()
    expect(page.locator("#live-tasks")).to_be_focused()
    expect(page.locator("[data-bulk-count]")).to_have_text("1 selected")
    before = len(asked)
    expect(page.locator("#live_count")).to_be_empty(timeout=20_000)
    expect(page.locator("#live-tasks")).to_be_focused()
    box.focus()
    expect(page.locator("#live-tasks")).to_be_hidden()
    assert len(asked) == before, "once all have ended nothing is asked for"


def test_without_scripts_the_list_is_there_and_nothing_asks(home, open_as):
    tasks.task(home.org, status="queued")
    page = open_as(home.owner, f"/o/{home.org.slug}/tasks", java_script_enabled=False)
    page.locator("#live-tasks").click()
    expect(page.locator("#results tbody tr")).to_have_count(1)

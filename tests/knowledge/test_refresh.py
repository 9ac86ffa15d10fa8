"""Addresses that are crawled again by themselves: once, in time, and only for people who still may."""

from datetime import UTC, datetime, timedelta

import pytest

from app.audit.models import AuditEvent
from app.db.tables import Task
from app.knowledge.models.sources import WebUrl
from app.knowledge.services import upkeep, web
from app.orgs.models import OrgMember
from tests.factories import knowledge, tasks
from tests.factories.rows import rows, stored
from tests.support.knowledge import set_all

SITE = {"scope": "site", "max_depth": 2, "max_pages": 100, "refresh_seconds": 3600}


@pytest.fixture
def due(base, org, member, acting):
    """An address whose time has come."""
    acting(org, member)
    return knowledge.web(
        base,
        refresh_seconds=3600,
        created_by=member.id,
        next_crawl_at=datetime.now(UTC) - timedelta(minutes=1),
    )


def test_what_is_due_is_crawled_again_once_in_the_name_of_its_creator(due, member):
    assert upkeep.queue_due_crawls() == 1
    assert upkeep.queue_due_crawls() == 0
    (task,) = rows(Task)
    assert (task.kind, task.trigger, task.created_by) == ("knowledge.crawl", "schedule", member.id)
    now = stored(due)
    assert (now.task_id, now.status) == (task.id, "queued")
    assert timedelta(minutes=59) < now.next_crawl_at - datetime.now(UTC) <= timedelta(hours=1)


@pytest.mark.parametrize("values", [{"enabled": False}, {"status": "fetching"}, {"archived": True}])
def test_what_is_disabled_archived_or_busy_waits_for_its_next_turn(due, base, org, values):
    if "archived" in values:
        set_all(type(base), **values)
    else:
        set_all(WebUrl, **values, task_id=tasks.task(org, status="running").id)
    count = len(rows(Task))
    assert upkeep.queue_due_crawls() == 0
    assert len(rows(Task)) == count
    assert stored(due).next_crawl_at > datetime.now(UTC)


@pytest.mark.parametrize("lost", ["role", "membership"])
def test_nothing_is_refreshed_for_people_who_may_no_longer(due, member, base, start, lost):
    if lost == "role":
        set_all(OrgMember, role="viewer")
    else:
        set_all(WebUrl, created_by=None)
    assert upkeep.queue_due_crawls() == 0
    assert stored(due).next_crawl_at is None
    assert rows(Task) == []
    (event,) = rows(AuditEvent, action="knowledge_source.stop")
    assert event.after["reason"] == upkeep.NO_LONGER_PERMITTED
    set_all(OrgMember, role="member")
    start(
        web.change_web, base.id, due.id, {**SITE, "max_depth": 2, "max_pages": 100, "refresh_seconds": 3600}
    )
    assert stored(due).next_crawl_at is not None

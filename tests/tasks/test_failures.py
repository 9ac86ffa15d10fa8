"""Mail about failed tasks: to whom, how often, and never twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.auth.models import User
from app.db.session import transaction
from app.db.tables import EmailOutbox
from app.tasks.repo.tasks import TasksRepo
from app.tasks.services import failures
from app.tasks.services.failures import tell_failures
from app.tasks.services.mail import deliver_one
from tests.factories import orgs, tasks
from tests.factories.rows import rows, stored
from tests.support.database import as_owner

BEFORE = timedelta(minutes=5)


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme", name="Acme")


@pytest.fixture
def member(org):
    return orgs.member(org)


def failed(org, person, **values):
    usual = {"status": "failed", "kind": "agent.export", "finished_at": datetime.now(UTC) - BEFORE}
    return tasks.task(org, created_by=person.id, **{**usual, **values})


def outbox():
    return [(mail.recipient, mail.subject, mail.org_id) for mail in rows(EmailOutbox)]


def change(statement, **values):
    with as_owner() as session:
        session.execute(text(statement), values)


def test_failures_share_one_message_in_two_parts_with_a_link(acting, sink, org, member):
    for _ in range(3):
        failed(org, member)
    failed(org, member, status="expired")
    failed(org, member, status="succeeded")
    acting()
    assert tell_failures() == 1
    assert outbox() == [(member.email, "AgentPress: 4 tasks of yours failed", org.id)]
    assert deliver_one()
    (mail,) = sink.to(member.email)
    for part in (mail.text, mail.html):
        for words in ("Export of agents: 3 failed", "Export of agents: 1 expired", "/me/preferences", "Acme"):
            assert words in part
    assert "/o/acme/tasks?status=expired&status=failed" in mail.text
    assert "/o/acme/tasks?status=expired&amp;status=failed" in mail.html


def test_the_link_leads_to_what_failed(org, member, new_client):
    failed(org, member)
    tasks.task(org, status="succeeded")
    page = new_client(member).page("/o/acme/tasks?status=expired&status=failed")
    assert len(page.select("#results tbody tr")) == 1


def test_a_person_gets_one_message_an_hour_and_nothing_is_told_twice(acting, org, member):
    failed(org, member)
    acting()
    assert [tell_failures(), tell_failures()] == [1, 0]
    second = failed(org, member)
    assert tell_failures() == 0
    assert stored(second).told_at is None
    change("UPDATE users SET failures_told_at = failures_told_at - interval '1 hour'")
    assert tell_failures() == 1
    assert [subject for _, subject, _ in outbox()] == ["AgentPress: A task of yours failed"] * 2
    change("UPDATE users SET failures_told_at = failures_told_at - interval '1 hour'")
    assert tell_failures() == 0


def test_a_fresh_failure_waits_a_minute_for_others(acting, org, member):
    failed(org, member, finished_at=datetime.now(UTC) - timedelta(seconds=20))
    acting()
    assert tell_failures() == 0
    failed(org, member)
    assert tell_failures() == 1
    assert outbox()[0][1] == "AgentPress: 2 tasks of yours failed"


def test_several_organisations_share_the_message(acting, org, member):
    other = orgs.org(slug="beta", name="Beta")
    change(
        "INSERT INTO org_members (id, org_id, user_id, role) VALUES (gen_random_uuid(), :org, :person, 'viewer')",
        org=other.id,
        person=member.id,
    )
    failed(org, member)
    failed(other, member)
    acting()
    assert tell_failures() == 1
    assert outbox() == [(member.email, "AgentPress: 2 tasks of yours failed", None)]


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM org_members",
        "UPDATE users SET disabled_at = now()",
        """UPDATE users SET preferences = '{"failure_mail": false}'""",
    ],
)
def test_who_lost_access_or_does_not_want_to_know_is_told_nothing_later_either(
    acting, org, member, statement
):
    task = failed(org, member)
    change(statement)
    acting()
    assert tell_failures() == 0
    assert stored(task).told_at is not None
    assert stored(member).failures_told_at is None
    change("UPDATE users SET preferences = '{}', disabled_at = NULL")
    assert tell_failures() == 0
    assert outbox() == []


def test_access_lost_in_one_organisation_hides_that_one_only(acting, sink, org, member):
    other = orgs.org(slug="beta", name="Beta")
    failed(org, member)
    failed(other, member)
    acting()
    assert tell_failures() == 1
    assert outbox() == [(member.email, "AgentPress: A task of yours failed", org.id)]
    deliver_one()
    assert "Beta" not in sink.to(member.email)[0].text


def test_the_systems_tasks_and_old_failures_are_no_news(acting, org, member):
    failed(org, member, trigger="system")
    tasks.task(org, status="failed", finished_at=datetime.now(UTC) - BEFORE)
    failed(org, member, finished_at=datetime.now(UTC) - timedelta(days=8))
    acting()
    assert tell_failures() == 0


def test_a_scheduled_task_is_told_to_whom_its_schedule_acts_for(acting, org, member):
    nightly = tasks.schedule(org, created_by=member.id)
    failed(org, member, trigger="schedule", schedule_id=nightly.id, slot_at=datetime.now(UTC))
    acting()
    assert tell_failures() == 1
    assert outbox()[0][0] == member.email


def test_a_task_that_fails_again_after_a_retry_is_told_again(acting, org, member):
    task = failed(org, member)
    acting()
    tell_failures()
    acting(org, member)
    with transaction():
        TasksRepo().again(org.id, [task.id])
    assert stored(task).told_at is None


def test_a_message_that_cannot_be_written_leaves_the_failures_untold(acting, org, member, monkeypatch):
    task = failed(org, member)
    acting()

    def broken(*_values):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(failures, "queue_email", broken)
        with pytest.raises(RuntimeError):
            tell_failures()
    assert stored(task).told_at is None
    acting()
    assert tell_failures() == 1


def test_the_setting_is_on_until_it_is_switched_off(org, member, new_client):
    client = new_client(member)
    assert client.page("/me/preferences").find(id="failure_mail").has_attr("checked")
    client.submit("/me/preferences", {"theme": "auto", "time_zone": ""})
    assert not client.page("/me/preferences").find(id="failure_mail").has_attr("checked")
    assert rows(User, id=member.id)[0].preferences["failure_mail"] is False

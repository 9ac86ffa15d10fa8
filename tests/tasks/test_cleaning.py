"""What the hourly clean-up deletes, and what it leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from app.audit.models import AuditEvent
from app.auth.models import LoginAttempt, OAuthFlow, PasswordReset, SignInSession
from app.db.tables import Blob, EmailOutbox, IdempotencyKey, TaskEvent, WorkerProcess
from app.tasks.services.cleaning import clean_up
from app.threads.models import MessageAttachment
from app.web.export import KINDS
from tests.factories import agents, auth, knowledge, orgs, tasks, threads
from tests.factories.rows import rows, save, stored
from tests.support.claims import claims, run
from tests.support.database import as_owner

NOW = datetime.now(UTC)
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
LONG_AGO = NOW - timedelta(days=31)


def session(person, number, **values):
    return SignInSession(user_id=person.id, token_hash=bytes([number]), **values)


def reset(person, number, **values):
    return PasswordReset(user_id=person.id, token_hash=bytes([number]), **values)


def flow(_person, number, **values):
    return OAuthFlow(provider="GITHUB", state_hash=bytes([number]), browser_hash=b"b", **values)


def key(person, number, **values):
    return IdempotencyKey(user_id=person.id, key=str(number), fingerprint=b"f", status=303, **values)


def attempt(_person, number, **values):
    return LoginAttempt(key_hash=bytes([number]), moments=[], **values)


def worker(_person, _number, **values):
    return WorkerProcess(host="h", pid=1, **values)


def mail(_person, _number, **values):
    return EmailOutbox(recipient="a@example.org", template="test", subject="s", **values)


@pytest.mark.parametrize(
    ("make", "over", "current"),
    [
        (session, {"expires_at": EARLIER}, {"expires_at": LATER}),
        (session, {"expires_at": LATER, "last_seen_at": NOW - timedelta(days=15)}, {"expires_at": LATER}),
        (reset, {"expires_at": LONG_AGO}, {"expires_at": EARLIER}),
        (flow, {"expires_at": EARLIER}, {"expires_at": LATER}),
        (key, {"expires_at": EARLIER}, {"expires_at": LATER}),
        (attempt, {"updated_at": LONG_AGO}, {"updated_at": EARLIER}),
        (worker, {"seen_at": LONG_AGO}, {"seen_at": EARLIER}),
        (mail, {"sent_at": LONG_AGO}, {"sent_at": EARLIER}),
        (mail, {"failed_at": LONG_AGO}, {"created_at": LONG_AGO}),
    ],
)
def test_what_is_over_goes_and_the_rest_stays(acting, make, over, current):
    acting()
    person = auth.user()
    gone, kept = save(make(person, 1, **over)), save(make(person, 2, **current))
    clean_up()
    assert stored(gone) is None
    assert stored(kept) is not None


@pytest.mark.parametrize(("thing", "make"), [("agent", agents.agent), ("thread", threads.thread)])
def test_what_was_deleted_30_days_ago_is_erased_in_every_organisation(acting, thing, make):
    acting()
    erased = [make(orgs.org(), name="Old", deleted_at=LONG_AGO) for _ in range(2)]
    kept = [make(orgs.org(), deleted_at=EARLIER), make(orgs.org())]
    clean_up()
    clean_up()
    erasures = claims()
    assert {claim.org_id for claim in erasures} == {row.org_id for row in erased}
    assert len(erasures) == 2
    for claim in erasures:
        assert run(claim)[0].result == {"erased": 1}
    assert [stored(row) for row in erased] == [None, None]
    assert None not in [stored(row) for row in kept]
    events = rows(AuditEvent, action=f"{thing}.erase")
    assert {(event.org_id, event.target_id) for event in events} == {(row.org_id, row.id) for row in erased}
    assert {(event.actor_label, event.target_label) for event in events} == {("system", "Old")}


def test_nothing_that_was_said_in_an_erased_thread_is_left(acting):
    acting()
    org = orgs.org()
    gone = threads.thread(org, name="Old", origin="playground", deleted_at=LONG_AGO)
    said, kept = threads.message(gone), threads.message(threads.thread(org))
    (taught,) = rows(Blob, id=knowledge.file(knowledge.base(org)).blob_id)
    alone, shared = (threads.blob(org, content) for content in (b"alone", b"shared"))
    for position, blob in enumerate((alone, shared, taught)):
        save(
            MessageAttachment(
                org_id=org.id, message_id=said.id, blob_id=blob.id, name="a.png", position=position
            )
        )
    threads.attachment(kept, shared)
    payload = {"thread_id": str(gone.id), "variables": {"who": "Ana"}}
    done = tasks.task(org, kind="agent.run", status="succeeded", thread_id=gone.id, payload=payload)
    told = save(TaskEvent(org_id=org.id, task_id=done.id, seq=1, attempt=1, kind="part", data={"part": {}}))
    clean_up()
    (claim,) = claims()
    assert run(claim)[0].result == {"erased": 1}
    assert [stored(row) is None for row in (gone, said, told, alone, shared, taught)] == [True] * 4 + [
        False
    ] * 2
    left = stored(done)
    assert (left.status, left.thread_id, left.payload) == ("succeeded", None, {"thread_id": str(gone.id)})


DAY_AGO = NOW - timedelta(hours=25)
LIST = b"name\r\nAda\r\n"


def left_file(org, content=LIST, media_type=KINDS["csv"], created_at=DAY_AGO):
    """Store what a task left in an organisation."""
    return threads.blob(org, content, media_type, created_at=created_at)


@pytest.mark.parametrize("attach", ["message", "source", "nothing"])
def test_files_that_tasks_left_go_after_a_day_unless_something_shows_them(acting, attach):
    acting()
    org, other = orgs.org(), orgs.org()
    if attach == "source":
        (blob,) = rows(Blob, id=knowledge.file(knowledge.base(org), LIST).blob_id)
        with as_owner() as session:
            session.execute(update(Blob).values(media_type=KINDS["csv"], created_at=DAY_AGO))
    else:
        blob = left_file(org)
    if attach == "message":
        message = threads.message(threads.thread(org), "Look")
        save(MessageAttachment(org_id=org.id, message_id=message.id, blob_id=blob.id, name="a", position=0))
    ended = {"status": "succeeded", "finished_at": DAY_AGO}
    tasks.task(org, result={"file": {"id": str(blob.id)}}, **ended)
    theirs = left_file(other)
    tasks.task(other, result={"file": {"id": str(theirs.id)}}, **ended)
    clean_up()
    assert (stored(blob) is None) == (attach == "nothing")
    assert stored(theirs) is None


def test_the_file_of_an_old_task_that_was_run_again_goes_too(acting):
    acting()
    org = orgs.org()
    blob = left_file(org)
    ended = {"status": "succeeded", "finished_at": DAY_AGO}
    tasks.task(org, created_at=LONG_AGO, result={"file": {"id": str(blob.id)}}, **ended)
    clean_up()
    assert stored(blob) is None


@pytest.mark.parametrize(
    ("values", "stays"),
    [
        ({"status": "running", "attempt": 1}, True),
        ({"status": "queued"}, True),
        ({"status": "failed", "finished_at": EARLIER}, True),
        ({"status": "failed", "finished_at": DAY_AGO}, False),
        ({"status": "cancelled", "finished_at": DAY_AGO}, False),
    ],
)
def test_a_file_that_a_task_has_kept_stays_while_it_may_be_wanted(acting, values, stays):
    acting()
    org = orgs.org()
    blob = left_file(org)
    ended = {"status": "succeeded", "finished_at": DAY_AGO}
    tasks.task(org, result={"file": {"id": str(blob.id)}}, **ended)
    again = tasks.task(org, **values)
    step = {"name": "write-2026-11-20", "answer": {"id": str(blob.id)}}
    event = save(TaskEvent(org_id=org.id, task_id=again.id, seq=1, attempt=1, kind="step", data=step))
    clean_up()
    assert (stored(blob) is not None) == stays
    with as_owner() as session:
        session.delete(session.get(TaskEvent, event.id))
    clean_up()
    assert stored(blob) is None


def test_a_file_that_no_task_names_goes_after_a_day(acting):
    acting()
    org = orgs.org()
    tasks.task(org, kind="agent.run", status="failed", finished_at=DAY_AGO)
    old, new = left_file(org), left_file(org, b"new", created_at=EARLIER)
    picture = left_file(org, b"picture", "image/png")
    clean_up()
    assert [stored(blob) is None for blob in (old, new, picture)] == [True, False, False]


def test_a_file_that_waits_to_be_imported_stays(acting):
    acting()
    org = orgs.org()
    blob = left_file(org)
    tasks.task(org, kind="thread.import", status="queued", payload={"blob_id": str(blob.id)})
    clean_up()
    assert stored(blob) is not None


def test_messages_go_with_their_thread(acting):
    acting()
    message = threads.message(threads.thread(orgs.org(), deleted_at=LONG_AGO), "Hello")
    clean_up()
    (claim,) = claims()
    run(claim)
    assert stored(message) is None

"""What triggers keep: counters, revisions, and the forms that searches read."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from app.db.session import transaction
from app.threads.models import Message
from tests.factories import agents, auth, orgs, threads
from tests.support.database import as_owner


@pytest.fixture
def searched(connection):
    """A function that returns the searched form of a message: its words and its tiers."""

    def read(message):
        with as_owner() as session:
            row = session.execute(
                text("SELECT tsv::text, tiers FROM message_search WHERE message_id = :id"), {"id": message.id}
            ).one_or_none()
        return row and (row[0], set(row[1]))

    return read


def remove(row) -> None:
    with as_owner() as session:
        session.delete(session.merge(row))


def test_a_thread_counts_its_messages(thread):
    threads.message(thread, "Where is it?", input_tokens=3)
    late = datetime(2027, 1, 2, tzinfo=UTC)
    answer = threads.message(
        thread,
        "On its way.",
        role="assistant",
        input_tokens=10,
        output_tokens=5,
        cost_micros=42,
        created_at=late,
    )
    threads.message(thread, parts=[{"kind": "error", "message": "No answer."}], role="assistant")
    now = threads.fresh(thread)
    assert (now.message_count, now.error_count, now.tokens, now.cost_micros) == (3, 1, 18, 42)
    assert now.last_message_at == late
    assert now.revision > thread.revision
    remove(answer)
    after = threads.fresh(thread)
    assert (after.message_count, after.tokens, after.cost_micros) == (2, 3, 0)


def test_many_messages_of_many_threads_are_counted_in_one_statement(org, thread):
    other = threads.thread(org)
    with as_owner() as session:
        session.add_all(
            Message(org_id=org.id, thread_id=of.id, role="user", parts=[], output_tokens=2)
            for of in [thread] * 3 + [other]
        )
    assert [(row.message_count, row.tokens) for row in map(threads.fresh, (thread, other))] == [
        (3, 6),
        (1, 2),
    ]


def test_a_changed_message_is_counted_and_searched_anew(thread, searched):
    message = threads.message(thread, "first words", output_tokens=1)
    with as_owner() as session:
        session.execute(
            text(
                "UPDATE messages SET text_content = 'second thing', output_tokens = 7, error = 'x' WHERE id = :id"
            ),
            {"id": message.id},
        )
    now = threads.fresh(thread)
    assert (now.message_count, now.error_count, now.tokens) == (1, 1, 7)
    assert "'first'" not in searched(message)[0]
    assert "'second'" in searched(message)[0]


def test_the_searched_form_names_organisation_week_and_frequent_words(org, thread, searched):
    message = threads.message(
        thread, "Refund, refund, refunds! Once.", created_at=datetime(2026, 11, 25, tzinfo=UTC)
    )
    words, tiers = searched(message)
    assert f"'{org.id}'" in words
    assert f"'{org.id}/2026-11-23'" in words
    assert "'refund':1,2,3" in words
    assert tiers == {str(org.id), "refund#2", "refund#3"}
    remove(message)
    assert searched(message) is None


def test_a_message_without_frequent_words_has_no_tiers(thread, searched):
    assert searched(threads.message(thread, "Every word once"))[1] == set()


def test_names_are_searched_in_lower_case_by_their_trigrams(org, thread, connection):
    def trigrams():
        with as_owner() as session:
            return set(
                session.execute(
                    text("SELECT trigrams FROM thread_names WHERE thread_id = :id"), {"id": named.id}
                ).scalar_one()
            )

    named = threads.thread(org, name="ÄBCD")
    assert trigrams() == {str(org.id), "äbc", "bcd"}
    with as_owner() as session:
        session.execute(text("UPDATE threads SET name = 'xyz' WHERE id = :id"), {"id": named.id})
    assert trigrams() == {str(org.id), "xyz"}


def test_a_thread_counts_what_people_think(thread, ana):
    message = threads.message(thread)
    up = threads.feedback(message, ana, 1)
    threads.feedback(message, rating=-1, external_user="Kim")
    assert (threads.fresh(thread).up_count, threads.fresh(thread).down_count) == (1, 1)
    with as_owner() as session:
        session.execute(text("UPDATE feedback SET rating = -1 WHERE id = :id"), {"id": up.id})
    assert (threads.fresh(thread).up_count, threads.fresh(thread).down_count) == (0, 2)


def test_the_feedback_of_deleted_people_stays_without_their_names(acting, org, thread):
    message = threads.message(thread)
    for _ in range(2):
        gone = orgs.member(org, "member", auth.user())
        kept = threads.feedback(message, gone, 1)
        acting()
        with transaction() as session:
            session.execute(text("DELETE FROM users WHERE id = :id"), {"id": gone.id})
    assert threads.stored(kept).user_id is None
    assert threads.fresh(thread).up_count == 2


def test_a_deleted_person_leaves_threads_behind(acting, org):
    gone = auth.user()
    left = threads.thread(org, gone)
    acting()
    with transaction() as session:
        session.execute(text("DELETE FROM users WHERE id = :id"), {"id": gone.id})
    assert threads.fresh(left).user_id is None


def test_a_published_version_never_changes(org):
    version = agents.version(agents.agent(org), created_by=auth.user().id)
    with pytest.raises(Exception, match="a published version never changes"), as_owner() as session:
        session.execute(text("UPDATE agent_versions SET number = 2 WHERE id = :id"), {"id": version.id})


def test_a_published_version_outlives_its_author(acting, org):
    author = auth.user()
    version = agents.version(agents.agent(org), created_by=author.id)
    acting()
    with transaction() as session:
        session.execute(text("DELETE FROM users WHERE id = :id"), {"id": author.id})
    assert threads.stored(version).created_by is None

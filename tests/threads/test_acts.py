"""What people do from the page of a thread: rate answers, leave notes, rename."""

from datetime import UTC, datetime

import pytest

from app.threads.models import Feedback, ThreadNote
from tests.factories import orgs, threads
from tests.factories.rows import rows
from tests.support.pages import parse


@pytest.fixture
def answer(thread):
    return threads.message(thread, "Five days.", role="assistant")


def rate(client, url, answer, *, htmx=False, **values):
    return client.submit(f"{url}/messages/{answer.id}/feedback", values, htmx=htmx)


def test_given_changed_and_cleared(client, url, thread, answer, ana):
    response = rate(client, url, answer, rating="1")
    assert response.status_code == 303
    assert response.location.endswith(f"?at={answer.id}#{answer.id}")
    rate(client, url, answer, rating="-1", reason="inaccurate", comment="  It took\r\nsix. ")
    [row] = rows(Feedback, message_id=answer.id)
    assert (row.rating, row.reason, row.comment, row.user_id) == (
        -1,
        "inaccurate",
        "It took\nsix.",
        ana.id,
    )
    page = client.page(url)
    assert page.find(id=f"rate-1-{answer.id}")["aria-pressed"] == "true"
    assert "1 down" in page.select_one(".facts").get_text()
    rate(client, url, answer, rating="0")
    assert rows(Feedback, message_id=answer.id) == []


def test_htmx_gets_what_stands_below_the_message(client, url, answer):
    response = rate(client, url, answer, htmx=True, rating="1")
    fragment = parse(response.text)
    assert response.status_code == 200
    assert fragment.find(id=f"rate1-{answer.id}")["aria-pressed"] == "true"
    whole = client.page(url).find(id=f"feedback-{answer.id}")
    assert str(whole) == str(fragment.find(id=f"feedback-{answer.id}"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"rating": "2"},
        {"rating": "1", "reason": "rude"},
        {"rating": "1", "comment": "x" * 2_001},
        {"rating": "1", "comment": "\0"},
    ],
)
def test_wrong_values_are_refused(client, url, answer, values):
    assert rate(client, url, answer, **values).status_code == 422
    assert rows(Feedback, message_id=answer.id) == []


def test_nothing_to_clear_is_no_failure(client, url, answer):
    assert rate(client, url, answer, rating="0").status_code in {303, 404}


def test_others_are_counted(client, url, org, answer):
    threads.feedback(answer, orgs.member(org), 1)
    threads.feedback(answer, orgs.member(org), -1)
    assert "Rated: 1 up, 1 down" in client.page(url).find(id=f"feedback-{answer.id}").get_text()


def test_a_message_elsewhere_cannot_be_rated(client, url, org, answer):
    foreign = threads.message(threads.thread(orgs.org(), origin="api"), "abroad", role="assistant")
    other = threads.message(threads.thread(org, origin="api"), "elsewhere", role="assistant")
    for message in (foreign, other):
        assert rate(client, url, message, rating="1").status_code == 404
        assert rows(Feedback, message_id=message.id) == []


def test_viewers_only_read(new_client, org, ana, answer, thread):
    shared = threads.thread(org, ana, origin="api")
    answer = threads.message(shared, "Yes.", role="assistant")
    client, url = new_client(orgs.member(org, "viewer")), f"/o/acme/threads/{shared.id}"
    page = client.page(url)
    assert not page.select(".feedback-form, #note-form")
    assert rate(client, url, answer, rating="1").status_code == 403


def test_a_note_is_left_and_removed_by_its_author(client, new_client, org, url, thread, owner):
    assert client.submit(f"{url}/notes", {"body": "Call <b>back</b>\r\ntoday"}).status_code == 303
    [note] = rows(ThreadNote, thread_id=thread.id)
    assert note.body == "Call <b>back</b>\ntoday"
    assert "Call <b>back</b>" in client.page(url).select_one(".note-body").get_text()
    assert client.submit(f"{url}/notes/{note.id}/remove").status_code == 303
    assert rows(ThreadNote, thread_id=thread.id) == []


def test_a_note_of_somebody_else_stays(new_client, org, ana, owner):
    shared = threads.thread(org, ana, origin="api")
    note, url = threads.note(shared, ana), f"/o/acme/threads/{shared.id}"
    other = new_client(orgs.member(org))
    assert not other.page(url).select("form[action$=remove]")
    assert other.submit(f"{url}/notes/{note.id}/remove").status_code == 403
    assert new_client(owner).submit(f"{url}/notes/{note.id}/remove").status_code == 303


def test_notes_of_another_thread_are_not_found(client, org, url):
    elsewhere = threads.note(threads.thread(org, origin="api"), orgs.member(org))
    assert client.submit(f"{url}/notes/{elsewhere.id}/remove").status_code == 404


@pytest.mark.parametrize("body", ["", "  ", "x" * 4_001, "\0"])
def test_a_bad_note_comes_back_with_its_error(client, url, body):
    response = client.submit(f"{url}/notes", {"body": body})
    assert response.status_code == 422
    assert parse(response.text).find(id="error-summary")


def test_renaming(client, url, thread):
    assert client.page(f"{url}/edit").find(id="name")["value"] == thread.name
    assert client.submit(f"{url}/edit", {"name": "Order 7, refund"}).status_code == 303
    assert client.page(url).h1.get_text() == "Order 7, refund"
    history = client.page(f"{url}/history").get_text()
    assert "Refund for order 7" in history
    assert "Order 7, refund" in history


@pytest.mark.parametrize("name", ["", " ", "x" * 256, "a\nb", "\0"])
def test_a_bad_name_comes_back_with_its_error(client, url, thread, name):
    response = client.submit(f"{url}/edit", {"name": name})
    assert response.status_code == 422
    assert threads.fresh(thread).name == thread.name


def test_a_deleted_thread_is_read_only(client, url, thread, org, ana):
    gone = threads.thread(org, ana, deleted_at=datetime.now(UTC))
    url = f"/o/acme/threads/{gone.id}"
    page = client.page(url)
    assert "can be restored within 30 days" in page.get_text()
    assert page.select(f'form[action="{url}/restore"]')
    assert not page.select("#note-form")
    for path, values in (("/edit", {"name": "x"}), ("/notes", {"body": "x"})):
        assert client.submit(url + path, values).status_code == 409

"""Changes of threads for those who have read them, by If-Match; and answers that somebody has already."""

import pytest

from app.audit.models import AuditEvent
from app.threads.repo.threads import ThreadRepo, Viewer
from app.threads.services.writing import Stale, rename_thread
from tests.factories import threads
from tests.factories.rows import rows, stored


@pytest.fixture
def path(home):
    return f"/api/v1/threads/{home.thread.id}"


def renamed(program, path, name, etag):
    return program.patch(path, {"name": name}, headers={"If-Match": etag})


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_the_second_of_two_who_have_read_the_same_thread_is_refused(ours, home, path, encoding):
    read = ours.get(path, headers={"Accept-Encoding": encoding}).headers["ETag"]
    assert renamed(ours, path, "First", read).status_code == 200
    late = renamed(ours, path, "Second", read)
    assert (late.status_code, late.json["current"]["name"]) == (412, "First")
    assert late.mimetype == "application/problem+json"
    assert stored(home.thread).name == "First"
    assert len(rows(AuditEvent, action="thread.rename")) == 1


def test_what_a_change_answers_serves_for_the_next_one(ours, path):
    first = renamed(ours, path, "First", ours.get(path).headers["ETag"])
    assert renamed(ours, path, "Second", first.headers["ETag"]).status_code == 200
    archived = ours.post(f"{path}/archive")
    assert renamed(ours, path, "Third", archived.headers["ETag"]).status_code == 200


def test_a_message_is_a_change_of_its_thread(ours, home, path):
    read = ours.get(path).headers["ETag"]
    threads.message(home.thread, "What is more")
    assert renamed(ours, path, "First", read).status_code == 412


@pytest.mark.parametrize("etag", ['"other"', "other", '""', f'"{"9" * 40}"', '"0.x", "1"', 'W/"1"', "½"])
def test_what_names_no_answer_of_ours_is_refused(ours, path, etag):
    for number in range(3):
        assert ours.patch(path, {"name": f"Name {number}"}).status_code == 200
    assert renamed(ours, path, "First", etag).status_code == 412


def test_one_of_several_and_any_are_taken(ours, path):
    read = ours.get(path).headers["ETag"]
    assert renamed(ours, path, "First", f'"other", {read}').status_code == 200
    assert renamed(ours, path, "Second", "*").status_code == 200
    assert ours.patch(path, {"name": "Third"}).status_code == 200


def test_the_same_name_is_refused_too_to_whom_the_thread_has_changed(ours, path):
    read = ours.get(path).headers["ETag"]
    renamed(ours, path, "First", read)
    assert renamed(ours, path, "First", read).status_code == 412


def test_a_change_between_reading_and_writing_is_seen(acting, home, monkeypatch):
    acting(home.org, home.owner)
    change = ThreadRepo.change

    def overtaken(repo, org_id, thread_id, values, seen):
        change(repo, org_id, thread_id, {"name": "Faster"})
        return change(repo, org_id, thread_id, values, seen)

    monkeypatch.setattr(ThreadRepo, "change", overtaken)
    seen = [stored(home.thread).revision]
    with pytest.raises(Stale):
        rename_thread(home.org.id, Viewer(home.owner.id, sees_all=True), home.thread.id, "Slower", seen)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_who_has_a_thread_is_not_sent_it_again_until_it_changes(ours, home, path, encoding):
    def ask(etag):
        return ours.get(path, headers={"Accept-Encoding": encoding, "If-None-Match": etag})

    read = ask('"other"').headers["ETag"]
    assert (ask(read).status_code, ask(read).data) == (304, b"")
    ours.patch(f"/api/v1/agents/{home.agent.id}", {"version": 1, "name": "Called otherwise"})
    again = ask(read)
    assert again.status_code == 200
    assert again.headers["ETag"] != read

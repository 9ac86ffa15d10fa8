"""Files that are sent as they are read: how many places one person takes, and what the audit log says of them."""

from contextlib import ExitStack

import pytest

from app.audit.models import AuditEvent
from app.db.engine import FILES_AT_ONCE
from app.db.session import TooSlow
from app.web import export
from tests.factories import auth, orgs, threads
from tests.factories.rows import rows

FILES = (
    "/o/acme/threads.csv",
    "/o/acme/threads/messages.json",
    "/o/acme/threads/{thread}.md",
    "/o/acme/threads/{thread}.json",
    "/o/acme/agents.ndjson",
    "/o/acme/audit.csv",
    "/o/acme/analytics/day.csv",
    "/platform/data/users/rows.csv",
)


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def person(org):
    return orgs.member(org, "owner", auth.platform_admin())


@pytest.fixture
def client(new_client, person):
    return new_client(person)


@pytest.fixture
def thread(org, person):
    return threads.thread(org, person, name="Refund")


@pytest.fixture
def taken(acting, monkeypatch):
    """A function that takes places, for somebody or for nobody, until the test ends."""
    monkeypatch.setattr(export, "POOL_WAIT_SECONDS", 0.1)
    acting()
    with ExitStack() as held:

        def take(number, who=None):
            for _ in range(number):
                held.enter_context(export.file_session(**({"who": who.id} if who else {})))
            return held.close

        yield take


def noted():
    return [event.action for event in rows(AuditEvent)]


def test_one_person_takes_two_places_and_leaves_the_others(client, new_client, org, thread, taken, person):
    leave = taken(2, person)
    answer = client.get("/o/acme/threads.csv")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "2 files are on their way to you" in answer.text
    other = new_client(orgs.member(org))
    for _ in range(2 * FILES_AT_ONCE):
        assert other.get("/o/acme/threads.csv").status_code == 200
    leave()
    for _ in range(2 * FILES_AT_ONCE):
        assert client.get("/o/acme/threads.csv").status_code == 200


@pytest.mark.parametrize("path", FILES)
def test_every_file_counts_for_its_person(client, thread, taken, person, path):
    taken(2, person)
    assert client.get(path.format(thread=thread.id)).status_code == 429


def test_a_place_is_refused_for_what_is_in_the_way(client, thread, taken, person):
    taken(FILES_AT_ONCE - 1)
    taken(1, person)
    assert client.get("/o/acme/threads.csv").status_code == 503


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_is_refused_is_not_noted(client, thread, taken, path):
    leave = taken(FILES_AT_ONCE)
    assert client.get(path.format(thread=thread.id)).status_code == 503
    assert noted() == []
    leave()
    assert client.get(path.format(thread=thread.id)).status_code == 200
    assert len(noted()) == 1


def test_a_file_whose_first_rows_do_not_come_is_not_noted(client, thread, monkeypatch):
    monkeypatch.setattr("app.threads.repo.listed.ThreadListRepo.stream", lambda *_given: Slow())
    assert client.get("/o/acme/threads.csv").status_code == 503
    assert noted() == []


class Slow:
    def count(self):
        return 1

    def lines(self, *_given, **_more):
        raise TooSlow


def test_a_file_is_noted_before_any_of_it_leaves(client, thread):
    answer = client.get("/o/acme/threads.csv", buffered=False)
    assert noted() == ["thread.export"]
    answer.close()


def test_a_file_that_cannot_be_noted_leaves_its_place(client, thread, monkeypatch):
    def fail(*_given, **_more):
        raise export.Refusal(503)

    monkeypatch.setattr("app.threads.views.files.record", fail)
    for _ in range(2 * FILES_AT_ONCE):
        assert client.get("/o/acme/threads.csv").status_code == 503
    monkeypatch.undo()
    assert client.get("/o/acme/threads.csv").status_code == 200

"""What waits beside the indexes of names and words."""

from app import handlers
from app.late import load
from app.threads.services.settling import settle
from tests.factories import threads


def test_what_waits_is_written_into_the_indexes_once(app, org, ana, new_client):
    thread = threads.thread(org, ana, name="Quagmire")
    threads.message(thread, "A zeppelin is a zeppelin.")
    with app.app_context():
        assert settle() >= 3
        assert settle() == 0
    client = new_client(ana)
    for query in ("q=quagm", "q=zeppelin&in=messages"):
        assert client.page(f"/o/acme/threads?{query}").find(string="Quagmire")


def test_every_worker_does_it():
    assert load(handlers.DUTIES["indexes"]) is settle

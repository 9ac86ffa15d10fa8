"""A worker empties the lists beside the indexes of names and words, as the login that owns them and as no other."""

import time

import pytest

from app.tasks.worker.process import DUTY_SECONDS
from tests.factories import orgs, threads

pytestmark = pytest.mark.conformance
WAITING = """
    SELECT sum(gin_clean_pending_list(oid)) FROM pg_class
     WHERE relname IN ('threads_name_trigrams_gin_idx', 'messages_text_content_gin_idx')
"""


def waiting(live, org, name):
    """Write a thread with a message, give the worker its time, and return how many pages wait then."""
    threads.message(threads.thread(org, name=name), "A zeppelin is a zeppelin.")
    time.sleep(DUTY_SECONDS + 5)
    with live.connect() as superuser:
        return superuser.execute(WAITING).fetchone()[0]


def test_a_worker_settles_what_it_owns(live):
    org = orgs.org(slug="acme")
    assert waiting(live, org, "Quagmire") == 0
    with live.connect() as superuser:
        superuser.execute("ALTER TABLE thread_names OWNER TO postgres")
        superuser.execute("ALTER TABLE message_search OWNER TO postgres")
    assert waiting(live, org, "Zeppelin") > 0
    assert "duty failed" not in live.worker.output()

"""KN: what is found of a knowledge base is exactly what its sources say, whatever happens to workers."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import current_app

from app.db.session import transaction
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services import bases, passages, sources, upkeep, web
from tests.support.answers import serving
from tests.support.database import start_cluster
from tests.support.knowledge import SEARCHABLE, WITHOUT_LIVE_SOURCE
from tests.support.processes import wait_until
from tests.support.stage import say, stage

pytestmark = pytest.mark.conformance

TEXTS = 24
KILLS = 8
START_SECONDS = 60  # of a worker on a busy machine
STALLED_SECONDS = 30
# Sources of which some passages are found and others are not.
HALF = """
    SELECT count(*) FROM knowledge_base_freeform_texts t
     WHERE t.chunk_count <> (
        SELECT count(*) FROM knowledge_base_chunks c JOIN knowledge_bases b ON b.id = c.knowledge_base_id
         WHERE c.freeform_text_id = t.id AND c.first_generation <= b.live_generation
           AND coalesce(c.last_generation, b.live_generation) >= b.live_generation)
"""


@pytest.fixture
def place(tmp_path):
    cluster = start_cluster()
    try:
        with stage(cluster, tmp_path, tenants=1) as made:
            yield made
    finally:
        cluster.remove()


def body(number, version=1):
    parts = [
        f"## Part {part}\n\n" + f"Rule {number} of version {version} says {part}. " * 40 for part in range(5)
    ]
    return "\n\n".join(parts)


def change(place, service, *arguments, **options):
    place.enter()
    with transaction():
        return service(place.tenants[0][0], *arguments, **options)


def judge(place):
    """Nothing is found without its source, and no source by halves."""
    assert place.ask(str(WITHOUT_LIVE_SOURCE)) == [(0,)]
    assert place.ask(HALF) == [(0,)]


def kill_now_and_then(place, acts):
    """Kill the worker at any moment while things are changed; says how often."""
    (worker,) = place.workers
    for act in acts:
        until = time.monotonic() + random.uniform(0.5, 3)
        while time.monotonic() < until:
            judge(place)
            time.sleep(0.05)
        worker.kill()
        judge(place)
        act()
        place.again(worker)
        wait_until(
            lambda: place.ask("SELECT count(*) FROM tasks WHERE status = 'running'") != [(0,)], START_SECONDS
        )
    return len(acts)


def try_again(place, base_id, kind="text"):
    """What a person does with sources whose workers were killed too often."""
    place.enter()
    with transaction():
        left = [
            source_id
            for _kind, source_id in SourcesRepo().all(place.tenants[0][0], base_id)
            if SourcesRepo().row(place.tenants[0][0], base_id, source_id).status == "failed"
        ]
    for source_id in left:
        change(place, sources.retry_source, base_id, kind, source_id)
    return len(left)


def test_kn_1_a_killed_worker_leaves_nothing_half_and_nothing_without_its_source(place):
    base_id = change(place, bases.create_base, {"name": "Rules", "size": 60, "overlap": 10}).id
    texts = {}
    for number in range(TEXTS):
        texts[number] = change(place, sources.add_text, base_id, f"Rule {number}", body(number))
    expected = {number: body(number) for number in texts}
    acts = []
    for number in range(KILLS // 2):
        expected.pop(number)
        acts.append(
            lambda number=number: change(place, sources.delete_source, base_id, "text", texts[number])
        )
    for number in range(KILLS // 2, KILLS):
        expected[number] = body(number, version=2)
        acts.append(
            lambda number=number: change(
                place, sources.edit_text, base_id, texts[number], f"Rule {number}", expected[number]
            )
        )
    place.worker(4)
    kills = kill_now_and_then(place, acts)
    wait_until(place.idle, STALLED_SECONDS + 120)
    again = try_again(place, base_id)
    wait_until(place.idle, STALLED_SECONDS + 120)
    judge(place)
    wanted = sorted(
        piece.text
        for number, words in expected.items()
        for piece in passages.cut(
            passages.Content(passages.text_of_text(f"Rule {number}", words), markdown=True),
            {"size": 60, "overlap": 10},
        )
    )
    found = sorted(row[0] for row in place.ask(str(SEARCHABLE)))
    say(f"{kills} kills, {again} sources tried again, {len(found)} passages")
    assert found == wanted
    assert place.ask("SELECT count(*) FROM knowledge_base_chunks WHERE first_generation IS NULL") == [(0,)]


CRAWLED = 60


def page_of(number, version=1):
    links = "".join(f'<a href="/{other}">on</a>' for other in (number * 2 + 1, number * 2 + 2))
    words = f"<p>Rule {number} of version {version}.</p>" * 20
    return 200, {"Content-Type": "text/html"}, f"<main>{words}</main><nav>{links}</nav>".encode()


def test_kn_2_a_killed_worker_s_crawl_leaves_each_page_once_and_none_without_its_address(tmp_path):
    """A site is crawled while the worker is killed, and pages change and go; the base says what it says in the end."""
    site = {f"{number}" if number else "": page_of(number) for number in range(CRAWLED)}
    cluster = start_cluster()
    try:
        with (
            serving(**site) as server,
            stage(
                cluster, tmp_path, tenants=1, OUTBOUND_ALLOW=f"crawl:127.0.0.1:{server.server_port}"
            ) as place,
        ):
            base_id = change(place, bases.create_base, {"name": "Rules"}).id
            bounds = {"scope": "site", "max_depth": 10, "max_pages": 200, "refresh_seconds": None}
            web_id = change(place, web.add_web, base_id, f"{server.url}/", bounds)
            place.worker(4)
            versions = dict.fromkeys(range(CRAWLED), 1)
            acts = []
            for kill in range(KILLS // 2):
                changed, gone = 3 + kill, CRAWLED - 1 - kill
                versions[changed] = 2
                versions.pop(gone)
                acts.append(
                    lambda changed=changed, gone=gone: server.answers.update(
                        {f"/{changed}": page_of(changed, 2), f"/{gone}": (404, {}, b"")}
                    )
                )
            kills = kill_now_and_then(place, acts)
            wait_until(place.idle, STALLED_SECONDS + 120)
            change(place, sources.retry_source, base_id, "web", web_id)
            wait_until(place.idle, STALLED_SECONDS + 120)
            judge(place)
            pages = place.ask("SELECT url, status, chunk_count FROM knowledge_base_web_pages ORDER BY url")
            found = place.ask(str(SEARCHABLE))
            say(
                f"{kills} kills, {len(pages)} pages, {len(server.seen)} requests, "
                f"most often {Counter(path for path, _ in server.seen).most_common(12)}"
            )
            assert len({url for url, _, _ in pages}) == len(pages) == len(versions)
            assert {status for _, status, _ in pages} == {"ready"}
            assert len(found) == sum(count for _, _, count in pages) == len(versions)
            for number, version in versions.items():
                assert sum(f"Rule {number} of version {version}." in row[0] for row in found) == 1
    finally:
        cluster.remove()


DUE = 20


def test_kn_3_what_is_due_is_crawled_once_however_many_workers_look(place):
    base_id = change(place, bases.create_base, {"name": "Sites"}).id
    bounds = {"scope": "page", "refresh_seconds": 3600}
    for number in range(DUE):
        change(place, web.add_web, base_id, f"https://example.com/{number}", bounds, queued=False)
    place.change(
        "UPDATE knowledge_base_web_urls SET status = 'ready', next_crawl_at = now() - interval '1 minute'"
    )
    app = current_app._get_current_object()  # type: ignore[attr-defined]

    def look(_number):
        with app.app_context():
            return upkeep.queue_due_crawls()

    with ThreadPoolExecutor(4) as workers:
        assert sum(workers.map(look, range(8))) == DUE
    tasks = "SELECT count(*), count(DISTINCT payload->>'source_id'), min(trigger) FROM tasks"
    assert place.ask(tasks) == [(DUE, DUE, "schedule")]

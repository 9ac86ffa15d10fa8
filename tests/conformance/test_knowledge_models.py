"""Knowledge bases built while workers are killed and servers fail, and searched all the while."""

import hashlib
import io
import random
import sysconfig
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from flask import current_app

from app.db.session import transaction
from app.knowledge.readers.detection import HEAD_BYTES, detect
from app.knowledge.services import bases, generations, sources
from app.knowledge.services.choosing import offered_models
from app.knowledge.services.retrieval import Question, search
from app.orgs.models import Org
from tests.conformance.test_knowledge import START_SECONDS, change, judge, try_again
from tests.factories import connections
from tests.factories.rows import rows
from tests.support.database import start_cluster
from tests.support.embedding_server import MODEL, WIDTH, embedding_server
from tests.support.processes import wait_until
from tests.support.stage import say, stage

pytestmark = pytest.mark.conformance

TEXTS, TOP = 40, 10
DOCUMENTS = 200
KILLS = 4
PATIENCE = 300
RUNNING = "SELECT count(*) FROM tasks WHERE status = 'running'"
SPANS = "SELECT id, first_generation, coalesce(last_generation, 1000) FROM knowledge_base_chunks"


@pytest.fixture
def server():
    with embedding_server() as made:
        made.slow_seconds = 0.5
        yield made


@pytest.fixture
def place(tmp_path, server):
    cluster = start_cluster()
    allowed = f"model:127.0.0.1:{server.server_port}"
    try:
        with stage(cluster, tmp_path, tenants=1, OUTBOUND_ALLOW=allowed) as made:
            before = current_app.extensions["settings"]
            allow = frozenset({("model", "127.0.0.1", server.server_port)})
            current_app.extensions["settings"] = replace(before, outbound_allow=allow)
            yield made
    finally:
        cluster.remove()


@dataclass
class Searchers:
    """Threads that search without a pause; what each search found, and what went wrong."""

    place: object
    base_id: object
    found: list[list[object]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def look(self, app, legs):
        while not self.stopped.is_set():
            with app.app_context():
                self.place.enter()
                number = random.randrange(TEXTS)
                asked = Question(f"What does rule {number} say?", [self.base_id], top_k=TOP, legs=legs)
                try:
                    result = search(self.place.tenants[0][0], asked)
                except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
                    self.wrong.append(f"{type(error).__name__}: {error}")
                    continue
                self.wrong += result.notices
                self.found.append([hit.passage.id for hit in result.hits])


@contextmanager
def searching(place, base_id):
    """Searches by either way and by likeness alone, for as long as the block lasts."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    made = Searchers(place, base_id)
    threads = [
        threading.Thread(target=made.look, args=(app, legs))
        for legs in (("vector", "fulltext"), ("vector",), ("vector",))
    ]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made.stopped.set()
        for thread in threads:
            thread.join(30)


def body(number):
    return "\n\n".join(
        f"Rule {number} says {part} of {number * 7}. " * 25 for part in ("one", "two", "three")
    )


def generation(place):
    return place.ask("SELECT live_generation, model FROM knowledge_bases")[0]


def switch(place, base_id, opened):
    """Save the base with the server's model and shorter passages."""
    place.enter()
    with transaction():
        org_id = place.tenants[0][0]
        now = bases.editable_base(org_id, base_id)
        key = next(one.model.key for one in offered_models(org_id) if one.model.connection_id == opened.id)
        values = {**bases.values_of(now), "model": key, "size": 60, "overlap": 10}
        bases.change_base(org_id, base_id, now.lock_version, values)


def kill_while_running(place, worker, times):
    """Kill the worker some moments after its task has begun, again and again."""
    for _kill in range(times):
        wait_until(lambda: place.ask(RUNNING) != [(0,)] or place.idle(), START_SECONDS)
        time.sleep(random.uniform(0.3, 1.5))
        worker.kill()
        place.again(worker)


def one_generation(found, spans):
    """The numbers of the generations that hold all of these passages."""
    numbers = set(range(1, 9))
    for chunk_id in found:
        first, last = spans[chunk_id]
        numbers &= set(range(first, last + 1))
    return numbers


def filled(place, server):
    """A base of texts embedded on this machine, and a connection to the server."""
    opened = connections.connection(rows(Org)[0], name="Vectors", base_url=server.url)
    connections.model(opened, MODEL, purpose="embedding", dimensions=WIDTH)
    base_id = change(place, bases.create_base, {"name": "Rules", "size": 120, "overlap": 10}).id
    for number in range(TEXTS):
        change(place, sources.add_text, base_id, f"Rule {number}", body(number))
    return base_id, opened


def some_more(made):
    """Wait until some more searches are done."""
    before = len(made.found)
    wait_until(lambda: len(made.found) > before + 50, 60)


def switch_and_go_back(place, server, base_id, opened):
    """Have the model changed until it works, the worker killed meanwhile, and changed back; searched all the while."""
    worker = place.worker(4)
    wait_until(place.idle, PATIENCE)
    with searching(place, base_id) as made:
        for fault in ("wide", "nan", "few", "html"):
            server.always = fault
            switch(place, base_id, opened)
            wait_until(place.idle, PATIENCE)
            assert generation(place) == (1, "all-MiniLM-L6-v2"), fault
        server.always, server.pause = "", 0.1
        server.faults = ["429", "500", "slow", "cut", "reset"]
        switch(place, base_id, opened)
        kill_while_running(place, worker, 3)
        wait_until(place.idle, PATIENCE)
        assert generation(place) == (6, MODEL)
        some_more(made)
        change(place, generations.roll_back, base_id, 1)
        wait_until(place.idle, PATIENCE)
        some_more(made)
        assert generation(place) == (1, "all-MiniLM-L6-v2")
    return made


def test_kn_4_searches_run_throughout_a_switch_of_the_model_and_never_find_fewer(place, server):
    made = switch_and_go_back(place, server, *filled(place, server))
    spans = {row[0]: row[1:] for row in place.ask(SPANS)}
    held = [one_generation(found, spans) for found in made.found]
    new = sum(6 in numbers and 1 not in numbers for numbers in held)
    say(f"{len(held)} searches, {new} of them in the new generation")
    assert made.wrong == []
    assert {len(found) for found in made.found} == {TOP}
    assert all(held)
    assert new > 0
    assert 1 in held[0]
    assert 1 in held[-1]


def documentation():
    """The shortest texts that installed packages bring along, each once."""
    found = {}
    for path in Path(sysconfig.get_paths()["purelib"]).rglob("*"):
        if (path.suffix.lower() in {".md", ".rst", ".txt"} or path.name == "METADATA") and path.is_file():
            content = path.read_bytes()
            if len(content) >= 300:
                found.setdefault(hashlib.sha256(content).digest(), (len(content), path, content))
    return [(path, content) for _size, path, content in sorted(found.values())[:DOCUMENTS]]


def test_kn_5_the_documentation_of_packages_is_brought_in_by_a_killed_worker_and_searched(place):
    documents = documentation()
    assert len(documents) == DOCUMENTS
    base_id = change(place, bases.create_base, {"name": "Packages"}).id
    added = {}
    for path, content in documents:
        kind = detect(content[:HEAD_BYTES], path.name)
        name = "/".join(path.parts[-2:])
        source_id = change(place, sources.add_file, base_id, name, io.BytesIO(content), kind)
        added[source_id] = content.decode("utf-8", "replace")
    worker = place.worker(4)
    for _kill in range(KILLS):
        wait_until(lambda: place.ask(RUNNING) != [(0,)], START_SECONDS)
        time.sleep(random.uniform(1, 4))
        worker.kill()
        judge(place)
        place.again(worker)
    wait_until(place.idle, PATIENCE)
    again = try_again(place, base_id, "file")
    wait_until(place.idle, PATIENCE)
    judge(place)
    assert place.ask("SELECT status, count(*) FROM knowledge_base_files GROUP BY 1") == [("ready", DOCUMENTS)]
    asked = random.sample(sorted(added, key=str), 40)
    place.enter()
    good = 0
    for source_id in asked:
        words = " ".join(added[source_id].split()[:40])
        with transaction():
            hits = search(place.tenants[0][0], Question(words, [base_id])).hits
        good += source_id in [hit.passage.source_id for hit in hits]
    passages = place.ask("SELECT chunk_count FROM knowledge_bases")[0][0]
    say(
        f"{KILLS} kills, {again} tried again, {passages} passages, {good} of {len(asked)} found by their beginning"
    )
    assert good >= 36

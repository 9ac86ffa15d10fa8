"""CA: Redis holds nothing that could run, leak or outlive its truth, and pages do not need it."""

import re
import time

import pytest

from tests.conformance import inventory
from tests.factories import agents, world
from tests.support import programs
from tests.support.live import Live
from tests.support.redis import Redis

SECRETS = re.compile(
    rb"\$argon2|csrf|password|token(?!s|_ms)", re.IGNORECASE
)  # what models count is no secret
EXTRA_SECONDS = 0.5


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


def crawl(app, client, tenant):
    return {
        str(call): client.get(call.path).text
        for call in inventory.calls(app, tenant)
        if call.safe and call.access.kind in {"org", "signed_in"}
    }


def test_ca_1_what_is_stored_is_plain_owned_and_ends(app, redis, new_client, home):
    programs.need("redis-server")
    crawl(app, new_client(home.owner), home)
    with redis.client() as client:
        for key, value in redis.values().items():
            assert value[:1] not in {b"!", b"\x80"}, key
            assert client.ttl(key) > 0, key
            assert not SECRETS.search(value), key
            if home.canary.encode() in value:
                assert str(home.org.id) in key, key


def test_ca_2_another_organisation_and_a_lower_role_get_their_own_pages(app, new_client, home):
    other = world.tenant("Othercanary")
    crawl(app, new_client(home.owner), home)
    for path, text in crawl(app, new_client(other.owner), other).items():
        assert home.canary not in text, path
    viewer = new_client(home.people["viewer"])
    assert viewer.get(f"/o/{home.org.slug}/settings").status_code == 403


def test_ca_2_a_change_shows_at_the_next_request(new_client, home):
    client, reader = new_client(home.owner), new_client(home.people["viewer"])
    address = f"/o/{home.org.slug}/agents"
    assert inventory.row_names(reader.get(address).text) == [home.agent.name]
    client.submit(f"{address}/new", {"name": "Second"})
    assert set(inventory.row_names(reader.get(address).text)) == {home.agent.name, "Second"}
    client.submit(f"{address}/{home.agent.id}/archive")
    assert inventory.row_names(reader.get(address).text) == ["Second"]


def test_ca_2_what_was_absent_is_found_once_it_exists(new_client, home):
    client = new_client(home.owner)
    address = f"/o/{home.org.slug}/agents"
    assert client.get(f"{address}/{inventory.UNKNOWN}").status_code == 404
    agents.agent(home.org, id=inventory.UNKNOWN)
    assert client.get(f"{address}/{inventory.UNKNOWN}").status_code == 200


@pytest.fixture
def own_redis():
    server = Redis()
    yield server
    server.remove()


def visit(client, path) -> float:
    """Return how long a page took; it must be a good one."""
    started = time.monotonic()
    response = client.get(path)
    assert response.status_code == 200, (path, response.status_code, response.text[:500])
    return time.monotonic() - started


@pytest.mark.conformance
def test_ca_3_pages_work_through_every_outage_of_redis(cluster, tmp_path, own_redis):
    with Live(cluster, tmp_path, REDIS_URL=own_redis.url) as live:
        home = world.tenant("Homecanary")
        path = f"/o/{home.org.slug}/agents"
        with live.client(home.owner) as client:
            visit(client, path)
            usual = max(visit(client, path) for _ in range(5))
            outages = {
                "absent at start": lambda: None,
                "killed": lambda: (own_redis.start(), visit(client, path), own_redis.kill()),
                "stopped": lambda: (own_redis.start(), visit(client, path), own_redis.pause()),
            }
            for what, begin in outages.items():
                begin()
                visit(client, path)
                assert max(visit(client, path) for _ in range(5)) < usual + EXTRA_SECONDS, what
                ready = client.get("/readyz")
                assert (ready.status_code, "degraded" in ready.text) == (200, True), what
            own_redis.resume()
            own_redis.flush()
            visit(client, path)
            flap(client, path, own_redis)


def flap(client, path, server):
    """Let the server come and go each second; every page is good and nobody is signed out."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        server.kill()
        visit(client, path)
        server.start()
        visit(client, path)
        time.sleep(0.5)

"""ME: the processes that run for weeks are small at rest."""

import time

import psutil
import pytest

from tests.support import programs
from tests.support.live import Live
from tests.support.processes import wait_until
from tests.support.redis import Redis
from tests.support.stage import say

pytestmark = pytest.mark.conformance

MIB = 2**20
LIMIT = 120 * MIB
HEARTBEAT = "SELECT 1 FROM workers"
REST_SECONDS = 10  # two heartbeats, and each duty of the worker several times


@pytest.fixture
def own_redis():
    programs.need("redis-server")
    server = Redis()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def at_rest(cluster, tmp_path, own_redis):
    with Live(cluster, tmp_path, REDIS_URL=own_redis.url) as running:
        with running.connect() as connection:
            wait_until(lambda: connection.execute(HEARTBEAT).fetchone(), 60, "the worker")
        time.sleep(REST_SECONDS)
        yield running


def resident(pid):
    """The memory of the largest process of a family, in bytes."""
    process = psutil.Process(pid)
    return max(part.memory_info().rss for part in (process, *process.children(recursive=True)))


def test_me_1_web_server_and_worker_hold_at_most_120_mib(at_rest):
    held = {"web": resident(at_rest.web.pid), "worker": resident(at_rest.worker.pid)}
    say(*(f"{name}: {size / MIB:.1f} MiB" for name, size in held.items()))
    assert {name: size for name, size in held.items() if size > LIMIT} == {}

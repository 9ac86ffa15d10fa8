"""Limits count in Redis, for all processes together, and in the process while Redis is away."""

import time

import pytest
from limits import RateLimitItemPerMinute

from app.web.limits import _Counter
from tests.support.redis import Redis

THREE = RateLimitItemPerMinute(3)
SECONDS = 0.5


@pytest.fixture
def own_redis():
    server = Redis()
    server.start()
    yield server
    server.remove()


def spent(counter, who="a") -> list[bool]:
    return [counter.spend(THREE, who)[0] for _ in range(4)]


def test_without_redis_the_process_counts():
    counter = _Counter(None)
    assert spent(counter) == [True, True, True, False]
    assert spent(counter, "b") == [True, True, True, False]


def test_processes_count_together(own_redis):
    one, other = _Counter(own_redis.url), _Counter(own_redis.url)
    assert [one.spend(THREE, "a")[0], other.spend(THREE, "a")[0], one.spend(THREE, "a")[0]] == [True] * 3
    assert not other.spend(THREE, "a")[0]
    with own_redis.client() as client:
        keys = list(client.scan_iter())
        assert keys
        assert all(client.ttl(key) > 0 for key in keys)


@pytest.mark.parametrize("outage", ["kill", "pause"])
def test_ca_3_an_outage_of_redis_lets_nobody_exceed_and_refuses_nobody(own_redis, outage):
    counter = _Counter(own_redis.url)
    assert spent(counter) == [True, True, True, False]
    getattr(own_redis, outage)()
    started = time.monotonic()
    assert spent(counter) == [True, True, True, False]
    assert time.monotonic() - started < SECONDS

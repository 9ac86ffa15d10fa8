"""PostgreSQL restarts, ends, freezes: pages say so within seconds, and everything goes on by itself afterwards."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.factories import auth
from tests.support.database import start_cluster
from tests.support.live import Live
from tests.support.postgres import LASTING
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance

LIMIT = 5  # three seconds of ours, and a busy machine


@pytest.fixture(scope="module")
def server():
    """A server of this module's own, which its tests stop and freeze."""
    postgres = start_cluster(tuned=LASTING)
    yield postgres
    postgres.remove()


@pytest.fixture
def product(server, tmp_path):
    with Live(server.dsn(), tmp_path) as running:
        auth.platform_admin()
        yield running


def timed(url):
    began = time.monotonic()
    response = httpx2.get(url, timeout=20, trust_env=False)
    return response, time.monotonic() - began


def answers(url, status=200):
    return lambda: httpx2.get(url, timeout=20, trust_env=False).status_code == status


def state(product):
    return httpx2.get(f"{product.url}/readyz", timeout=20, trust_env=False).json()["checks"]


def assert_away(product):
    assert timed(f"{product.url}/healthz")[0].status_code == 200
    timed(f"{product.url}/nothing")  # a process that has just begun compiles its templates
    for path in ("/readyz", "/sign-in", "/sign-in", "/nothing"):
        response, seconds = timed(product.url + path)
        assert (response.status_code, seconds < LIMIT) == (404 if path == "/nothing" else 503, True), (
            path,
            seconds,
        )
        if response.status_code == 503:
            assert response.headers["Retry-After"]
    stale = httpx2.get(f"{product.url}/nothing", cookies={"session": "x"}, timeout=20, trust_env=False)
    assert stale.status_code == 404


def assert_back(product):
    wait_until(answers(f"{product.url}/sign-in"), 5, "a page after the return")
    wait_until(lambda: state(product)["worker"] == "ok", 15, "the worker's heartbeat after the return")


def test_dd_2_a_frozen_server(server, product):
    wait_until(lambda: state(product)["worker"] == "ok", 15)
    server.pause()
    try:
        assert_away(product)
        with ThreadPoolExecutor(40) as crowd:
            results = list(crowd.map(timed, [f"{product.url}/sign-in"] * 40))
        assert {response.status_code for response, _ in results} == {503}
        assert max(seconds for _, seconds in results) < LIMIT + 1
        metrics = httpx2.get(f"{product.url}/metrics", timeout=10, trust_env=False).text
        assert 'dependency_up{dependency="database"} 0.0' in metrics
    finally:
        server.resume()
    assert_back(product)


def test_dd_2_a_stopped_server(server, product):
    wait_until(lambda: state(product)["worker"] == "ok", 15)
    server.stop()
    try:
        assert_away(product)
        for process in (product.web, product.worker):
            process.stop()
            process.begin()
        assert_away(product)
    finally:
        server.start()
    assert_back(product)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_dd_1_a_restarted_server(server, product, mode):
    wait_until(lambda: state(product)["worker"] == "ok", 15)
    pids = (product.web.pid, product.worker.pid)
    server.restart(mode)
    assert_back(product)
    assert (product.web.running, product.worker.running) == (True, True)
    assert (product.web.pid, product.worker.pid) == pids


def test_dd_1_lost_connections_are_not_seen_by_anyone(server, product):
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(timed, [f"{product.url}/sign-in"] * 16))
    server.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'agentpress'"
    )
    assert {timed(f"{product.url}/sign-in")[0].status_code for _ in range(10)} == {200}

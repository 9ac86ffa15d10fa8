"""DD: PostgreSQL and the mail server may go away; the product says so and recovers by itself."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx2
import pytest

from app.web.mail import DELIVERY_SECONDS
from tests.factories import auth, orgs, world
from tests.support import smtp
from tests.support.database import start_cluster
from tests.support.live import Live
from tests.support.postgres import LASTING
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance

AWAY_SECONDS = 3.5
LOCK_SECONDS = 4
LOOK_SECONDS = 30
RETURN_SECONDS = 5


@pytest.fixture
def own_cluster():
    """A PostgreSQL this test may stop; what it acknowledged survives that."""
    server = start_cluster(tuned=LASTING)
    yield server
    if not server.running:
        server.start()
    server.resume()
    server.remove()


@pytest.fixture
def live(own_cluster, tmp_path):
    with Live(own_cluster.dsn(), tmp_path) as running:
        yield running
        if not own_cluster.running:
            own_cluster.start()
        own_cluster.resume()


@pytest.fixture
def home(live):
    return world.tenant("Homecanary")


@dataclass
class Writer:
    """Creates agents with unique names, twenty a second, and notes what was acknowledged."""

    client: httpx2.Client
    address: str
    acknowledged: set[str] = field(default_factory=set)
    attempted: set[str] = field(default_factory=set)
    statuses: list[int] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, token: str) -> None:
        while not self.stopping.wait(0.05):
            name = f"marker-{len(self.attempted)}"
            self.attempted.add(name)
            data = {"name": name, "csrf_token": token}
            answer = self.client.post(self.address, data=data, headers={"Sec-Fetch-Site": "same-origin"})
            self.statuses.append(answer.status_code)
            if answer.status_code == httpx2.codes.SEE_OTHER:
                self.acknowledged.add(name)


def fault_restart(cluster) -> None:
    for mode in ("fast", "immediate"):
        cluster.restart(mode)
        time.sleep(1)


def fault_terminate(cluster) -> None:
    for _ in range(50):
        cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'agentpress' ORDER BY random() LIMIT 1"
        )
        time.sleep(0.05)


@pytest.mark.parametrize("fault", [fault_restart, fault_terminate])
def test_dd_1_acknowledged_writes_are_there_once(live, home, own_cluster, fault):
    with live.client(home.owner) as client:
        address = f"/o/{home.org.slug}/agents/new"
        token = client.token(address)
        writer = Writer(client, address)
        thread = threading.Thread(target=writer.run, args=(token,))
        thread.start()
        time.sleep(1)
        fault(own_cluster)
        returned = time.monotonic()
        count = len(writer.acknowledged)
        wait_until(lambda: len(writer.acknowledged) > count, RETURN_SECONDS, "a write after the return")
        assert time.monotonic() - returned < RETURN_SECONDS
        writer.stopping.set()
        thread.join()
    assert set(writer.statuses) <= {303, 503}
    with live.connect() as connection:
        rows = connection.execute("SELECT name FROM agents WHERE name LIKE 'marker-%'").fetchall()
    names = [name for (name,) in rows]
    assert len(names) == len(set(names))
    assert writer.acknowledged <= set(names) <= writer.attempted
    assert live.worker.running


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_dd_2_pages_say_so_while_the_database_is_away(live, home, own_cluster, how):
    with live.client(home.owner) as client:
        path = f"/o/{home.org.slug}/agents"
        assert client.get(path).status_code == 200
        own_cluster.stop() if how == "stopped" else own_cluster.pause()
        for _ in range(3):
            started = time.monotonic()
            answer = client.get(path)
            assert answer.status_code == 503, how
            assert int(answer.headers["Retry-After"]) > 0
            assert time.monotonic() - started < AWAY_SECONDS
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        own_cluster.start() if how == "stopped" else own_cluster.resume()
        wait_until(lambda: client.get(path).status_code == 200, RETURN_SECONDS, "a page after the return")
        wait_until(
            lambda: client.get("/readyz").status_code == 200, RETURN_SECONDS, "readiness after the return"
        )


def test_dd_2_the_product_starts_without_its_database_and_recovers(live, home, own_cluster):
    live.web.stop()
    live.worker.stop()
    own_cluster.stop()
    live.web.begin()
    live.worker.begin()
    with live.client() as client:
        assert client.get("/readyz").status_code == 503
        own_cluster.start()
        wait_until(lambda: client.get("/readyz").status_code == 200, 30, "readiness after the return")


def test_dd_3_a_locked_table_holds_up_nobody_else(live, home):
    with live.client(home.owner) as client, live.client() as other, live.connect() as blocker:
        with blocker.transaction():
            blocker.execute("LOCK TABLE agents IN ACCESS EXCLUSIVE MODE")
            started = time.monotonic()
            answer = client.get(f"/o/{home.org.slug}/agents")
            assert answer.status_code == 503
            assert time.monotonic() - started < LOCK_SECONDS + 2  # a page takes a second where all tests run
            times = []
            for _ in range(20):
                begun = time.monotonic()
                assert other.get("/sign-in").status_code == 200
                times.append(time.monotonic() - begun)
            assert sorted(times)[-2] < 1
        assert client.get(f"/o/{home.org.slug}/agents").status_code == 200


def test_dd_3_a_client_that_leaves_takes_its_query_with_it(live, home):
    with live.connect() as blocker, blocker.transaction():
        blocker.execute("LOCK TABLE agents IN ACCESS EXCLUSIVE MODE")
        with live.client(home.owner) as client, pytest.raises(httpx2.ReadTimeout):
            client.get(f"/o/{home.org.slug}/agents", timeout=1)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'agentpress' AND state = 'active'"
    with live.connect() as connection:
        wait_until(
            lambda: connection.execute(waiting).fetchone() == (0,), LOCK_SECONDS + 1, "the query to be gone"
        )


def test_dd_3_a_long_look_at_data_ends_in_a_message_and_holds_up_nobody(live, home):
    """A policy that sleeps stands for a bad plan over many rows."""
    admin = orgs.member(home.org, "owner", auth.platform_admin())
    with live.connect() as connection:
        for statement in (
            "CREATE TABLE slow (id int PRIMARY KEY, org_id uuid, name text)",
            "INSERT INTO slow SELECT n, (SELECT id FROM orgs LIMIT 1), 'x' FROM generate_series(1, 60) AS n",
            "ALTER TABLE slow ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            "CREATE POLICY slow_tenant ON slow USING (pg_sleep(1) IS NOT NULL)",
            "GRANT SELECT ON slow TO agentpress_app",
        ):
            connection.execute(statement)
    with live.client(admin) as client, live.client(home.owner) as other, ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        looking = pool.submit(client.get, "/platform/data/slow/rows", timeout=60)
        times = []
        while not looking.done():
            begun = time.monotonic()
            assert other.get(f"/o/{home.org.slug}/agents").status_code == 200
            times.append(time.monotonic() - begun)
            time.sleep(0.5)
        assert LOOK_SECONDS - 1 < time.monotonic() - started < LOOK_SECONDS + 5
        assert looking.result().status_code == 200
        assert "This takes too long" in looking.result().text
        assert sorted(times)[int(len(times) * 0.95)] < 1
        assert client.get("/platform/data/users/rows").status_code == 200


@pytest.mark.parametrize("mode", ["refusing", smtp.HANG, smtp.TEMPORARY, smtp.DROP])
def test_dd_4_mail_waits_for_its_server(live, home, mode):
    live.mail.mode = mode
    if mode == "refusing":
        live.mail.stop()
    with live.client(home.owner) as client:
        path = f"/o/{home.org.slug}/invitations/new"
        token = client.token(path)
        for address in ("first@example.org", "second@example.org"):
            form = {"email": address, "role": "member", "expires_in_hours": "24", "csrf_token": token}
            started = time.monotonic()
            answer = client.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"})
            assert answer.status_code in {200, 303}
            assert time.monotonic() - started < DELIVERY_SECONDS / 4
    wait_for_attempts(live)
    live.mail.mode = smtp.ACCEPT
    if mode == "refusing":
        live.mail.start()
    for address in ("first@example.org", "second@example.org"):
        hurry(live)
        mails = live.mail.wait_for(address, seconds=60)
        assert len({mail.message["Message-ID"] for mail in mails}) == 1


def test_dd_4_a_permanent_refusal_is_shown(live, home):
    live.mail.mode = smtp.PERMANENT
    with live.client(home.owner) as client:
        form = {"email": "nobody@example.org", "role": "member", "expires_in_hours": "24"}
        client.submit(f"/o/{home.org.slug}/invitations/new", form)
        wait_until(
            lambda: "No such person here" in client.get(f"/o/{home.org.slug}/invitations").text,
            30,
            "the reason",
        )


def wait_for_attempts(live) -> None:
    """Wait until the worker has tried the mails at least once."""
    with live.connect() as connection:
        tried = "SELECT count(*) FROM email_outbox WHERE attempts > 0"
        wait_until(lambda: connection.execute(tried).fetchone()[0] > 0, 60, "an attempt to send")


def hurry(live) -> None:
    """Let the next attempt be due now."""
    with live.connect() as connection, connection.transaction():
        connection.execute("UPDATE email_outbox SET next_attempt_at = now() WHERE sent_at IS NULL")

"""The parts of the harness do what the other tests rely on."""

import smtplib
import time

import httpx2
import psycopg
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.support import checksum, pages, smtp
from tests.support.browser import Watch, axe, screenshots
from tests.support.oauth_provider import OAuthProvider
from tests.support.postgres import Postgres, execute
from tests.support.redis import Redis
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture
def cluster():
    server = Postgres()
    server.create()
    yield server
    server.remove()


def test_postgres_brings_vector_clones_and_survives_a_crash(cluster):
    cluster.create_database("first")
    execute(cluster.dsn("first", "agentpress"), "CREATE TABLE notes (body text)")
    address = cluster.create_database("second", template="first")
    cluster.restart("immediate")
    assert execute(address, "SELECT count(*) FROM notes") == [(0,)]
    assert execute(address, "SELECT '[1,2]'::vector <-> '[1,2]'") == [(0.0,)]
    assert execute(address, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]


def test_a_paused_postgres_answers_nothing(cluster):
    cluster.pause()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(cluster.dsn(), connect_timeout=2)
    cluster.resume()
    assert cluster.execute("SELECT 1") == [(1,)]


def test_the_checksum_sees_rows_but_not_their_order_or_last_use(cluster):
    address = cluster.create_database("state")
    execute(address, "CREATE TABLE notes (id int, last_seen_at timestamptz)")
    with psycopg.connect(cluster.dsn("state"), autocommit=True) as connection:
        connection.execute("INSERT INTO notes VALUES (1), (2)")
        before = checksum.state(connection)
        connection.execute("UPDATE notes SET last_seen_at = now()")
        assert checksum.state(connection) == before
        connection.execute("UPDATE notes SET id = 3 WHERE id = 1")
        assert checksum.differences(before, checksum.state(connection)).keys() == {"notes"}


def test_redis_forgets_when_killed_and_comes_back():
    server = Redis()
    server.start()
    with server.client() as client:
        client.set("org:1", "x")
        assert server.values() == {"org:1": b"x"}
        server.kill()
        with pytest.raises(RedisConnectionError):
            client.ping()
        server.start()
        assert server.values() == {}
    server.remove()


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        (smtp.TEMPORARY, smtplib.SMTPDataError),
        (smtp.PERMANENT, smtplib.SMTPDataError),
        (smtp.DROP, smtplib.SMTPServerDisconnected),
    ],
)
def test_the_mail_sink_fails_as_told(mode, error):
    with smtp.MailSink(mode=mode) as sink:
        with smtplib.SMTP("127.0.0.1", sink.port) as client, pytest.raises(error):
            client.sendmail("a@example.org", "b@example.org", "Subject: Hello\r\n\r\nhttps://x.example/1\r\n")
        sink.mode = smtp.ACCEPT
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.sendmail("a@example.org", "b@example.org", "Subject: Again\r\n\r\nhttps://x.example/2\r\n")
        assert sink.wait_for("b@example.org")[-1].links == ["https://x.example/2"]


def test_the_proxy_delays_and_cuts():
    with smtp.MailSink() as sink, TcpProxy(sink.port) as proxy:
        proxy.latency = 0.2
        started = time.monotonic()
        client = smtplib.SMTP("127.0.0.1", proxy.port, timeout=5)
        assert time.monotonic() - started > 0.2
        proxy.reset()
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            client.noop()
        client.close()


def test_the_oauth_provider_checks_the_verifier():
    with OAuthProvider() as provider, httpx2.Client(trust_env=False) as client:
        discovery = client.get(f"{provider.google}/.well-known/openid-configuration").json()
        ask = {"client_id": "client", "redirect_uri": "http://127.0.0.1/cb", "state": "s", "nonce": "n"}
        challenge = {
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
        form = {"redirect_uri": ask["redirect_uri"], "client_id": "client", "client_secret": "client-secret"}
        verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        for given, status in ((verifier, 200), ("wrong", 400)):
            answer = client.get(discovery["authorization_endpoint"], params={**ask, **challenge})
            code = httpx2.URL(answer.headers["Location"]).params["code"]
            token = client.post(
                discovery["token_endpoint"], data={**form, "code": code, "code_verifier": given}
            )
            assert token.status_code == status


GOOD_PAGE = """<!doctype html><html lang="en"><head><title>Agents – Acme</title></head><body><main>
<h1>Agents</h1>
<form action="/x" method="post"><input type="hidden" name="csrf_token" value="t">
<label for="name">Name</label><input id="name" name="name"><button>Save</button></form>
</main></body></html>"""


def test_the_page_checker_accepts_a_good_page():
    assert pages.check_page(GOOD_PAGE).h1.string == "Agents"


@pytest.mark.parametrize(
    ("good", "bad", "finding"),
    [
        ("<h1>Agents</h1>", "<h1>Tools</h1>", "does not start"),
        ('value="t"', 'value=""', "CSRF"),
        ("<h1>", "<h1>A</h1><h1>", "2 h1"),
        ('for="name"', 'for="other"', "absent id"),
        ("<button>", '<button onclick="x()">', "onclick"),
        ("<button>Save", "<button>", "without a name"),
        ('action="/x"', "", "no action"),
        ("</form>", '</form><p id="name">', "occurs 2 times"),
        ("<main>", '<main hx-boost="true">', "dialect"),
    ],
)
def test_the_page_checker_refuses(good, bad, finding):
    with pytest.raises(AssertionError, match=finding):
        pages.check_page(GOOD_PAGE.replace(good, bad))


def test_chromium_finds_violations_and_takes_screenshots(browser, tmp_path):
    context = browser.new_context()
    watch = Watch(context)
    page = context.new_page()
    page.set_content('<html lang="en"><title>t</title><main><h1>t</h1><img src="data:,"></main></html>')
    assert [line.split(":")[0] for line in axe(page)] == ["image-alt"]
    screenshots(page, tmp_path, "page")
    assert len(list(tmp_path.glob("page-*.png"))) == 4
    watch.check()
    page.evaluate("() => console.error('broken')")
    with pytest.raises(AssertionError, match="broken"):
        watch.check()
    context.close()

"""Where secrets must not be: the dump, the logs, Redis, pages. Everything here was really typed, sent and followed."""

import subprocess
from datetime import UTC, datetime

import pyotp
import pytest

from app.auth.models import TotpDevice
from app.db.embedded.postgres import installed_binaries
from app.orgs.models import Invitation
from tests.conformance import inventory
from tests.factories import auth, orgs, world
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows, save
from tests.support.live import Live
from tests.support.postgres import in_database
from tests.support.redis import Redis

COLLEAGUE = "colleague@example.org"
NEW_PASSWORD = "another sentence nobody guesses"


@pytest.fixture
def own_redis():
    server = Redis()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def live(cluster, tmp_path, own_redis):
    with Live(cluster, tmp_path, REDIS_URL=own_redis.url) as running:
        yield running


def dump(live) -> str:
    """Return the whole database as pg_dump writes it."""
    command = [installed_binaries() / "pg_dump", "--inserts", in_database(live.cluster, live.name)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def token_of(link: str) -> str:
    return link.rstrip("/").rpartition("/")[2]


def test_secrets_are_kept_as_hashes_and_written_nowhere_else(live, own_redis):
    home = world.tenant("Homecanary")
    with live.client() as owner:
        assert owner.submit("/sign-in", {"email": home.owner.email, "password": PASSWORD}).status_code == 303
        session = owner.cookies["session"]
        form = {"email": COLLEAGUE, "role": "member", "expires_in_hours": "24"}
        sent = owner.submit(f"/o/{home.org.slug}/invitations/new", form)
        invitation = token_of(live.mail.wait_for(COLLEAGUE)[0].links[0])
        assert invitation in sent.text
        shown = [
            owner.get(f"/o/{home.org.slug}{path}").text
            for path in ("/invitations", "/members", "/agents", "")
        ]
        shown.append(owner.get("/me/sessions").text)
    with live.client() as colleague:
        answer = colleague.get(f"/invitations/{invitation}")
        assert (answer.status_code, answer.headers["Referrer-Policy"]) == (302, "no-referrer")
        assert invitation not in answer.headers["Location"]
        values = {"first_name": "Col", "last_name": "League", "password": NEW_PASSWORD}
        assert colleague.submit("/invitations/open", values).status_code == 303
        second = colleague.cookies["session"]
    with live.client() as forgetful:
        forgetful.submit("/reset", {"email": home.people["viewer"].email})
        reset = token_of(live.mail.wait_for(home.people["viewer"].email)[0].links[0])
    secrets = {PASSWORD, NEW_PASSWORD, session, second, invitation, reset}
    places = {
        "dump": dump(live),
        "web log": live.web.output(),
        "worker log": live.worker.output(),
        "redis": str(own_redis.values()),
        "pages": "".join(shown),
    }
    found = {(place, secret) for place, text in places.items() for secret in secrets if secret in text}
    assert found == set()
    assert "$argon2id$" in places["dump"]
    assert len(rows(Invitation, email=COLLEAGUE)[0].token_hash) == 32


def test_a_log_line_cannot_be_forged(live):
    home = world.tenant("Homecanary")
    person = orgs.member(home.org, "owner", auth.user(email="forger@example.org"))
    with live.client(person) as client:
        agent = b'x"}\r\n{"level":"critical","event":"forged"}\x1b[31m'.replace(b"\r\n", b" ")
        client.get(
            f"/o/{home.org.slug}/agents%0a%7b%22event%22:%22forged%22%7d", headers={"User-Agent": agent}
        )
        client.submit(f"/o/{home.org.slug}/agents/new", {"name": 'a\u2028{"event":"forged"}'})
    for line in live.web.output().splitlines():
        assert not line.startswith('{"event":"forged"')
        assert "\x1b" not in line


@pytest.mark.parametrize("role", ["owner", "admin", "member", "viewer"])
def test_rm_3_no_page_of_any_role_shows_a_secret(app, connection, new_client, role):
    """RM-3: what is secret once it is made stays so for everyone, the person it belongs to included."""
    home = world.tenant("Homecanary")
    person = home.people[role]
    _, key = orgs.api_key(home.org, home.owner)
    _, invitation = orgs.invitation(home.org, email="invited@example.org", invited_by=home.owner.id)
    totp = pyotp.random_base32()
    with app.app_context():
        save(TotpDevice(user_id=person.id, secret=totp, confirmed_at=datetime.now(UTC)))
    client = new_client(person)
    session = client.get_cookie("session").value
    pages = [
        client.get(call.path).text
        for call in inventory.calls(app, home)
        if call.safe and call.access.kind in {"org", "signed_in"}
    ]
    assert len(pages) > 20
    secrets = {key, invitation, totp, session, person.password}
    assert {secret for secret in secrets for page in pages if secret in page} == set()

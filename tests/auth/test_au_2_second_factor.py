"""A second factor, from turning it on to losing the phone."""

import re
import secrets as random
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from app.audit.models import AuditEvent
from app.auth.models import LoginAttempt, RecoveryCode, SignInSession, TotpDevice
from app.auth.services import second_factor
from app.auth.views import second_factor as views
from tests.factories import auth
from tests.factories.auth import PASSWORD
from tests.factories.rows import rows, save
from tests.support.pages import parse

SECRET = pyotp.random_base32()
WRONG = "000-wrong"


@pytest.fixture
def clock(monkeypatch):
    """A function that shows an authenticator app at a number of steps from now."""
    now = datetime.now(UTC).timestamp() // 30 * 30 + 5
    shown = {"at": now}
    monkeypatch.setattr(second_factor.time, "time", lambda: shown["at"])

    def code(steps: int = 0, secret: str = SECRET) -> str:
        return pyotp.TOTP(secret).at(int(shown["at"]) + 30 * steps)

    code.wait = lambda seconds: shown.update(at=shown["at"] + seconds)
    return code


@pytest.fixture
def owner(app, connection):
    """A person whose second factor is on."""
    user = auth.user()
    with app.app_context():
        since = datetime.now(UTC) - timedelta(days=1)
        save(TotpDevice(user_id=user.id, secret=SECRET, confirmed_at=since))
    return user


def prove_password(client, user):
    answer = client.submit("/sign-in", {"email": user.email, "password": PASSWORD, "next": "/me"})
    assert (answer.status_code, answer.location) == (303, "/sign-in/code")
    assert rows(SignInSession) == []


def test_an_address_too_long_for_the_cookie_does_not_keep_anybody_out(client, owner, clock):
    there = f"/me?{random.token_hex(3000)}"
    given = {"email": owner.email, "password": PASSWORD, "next": there}
    assert client.submit("/sign-in", given).location == "/sign-in/code"
    assert client.get("/sign-in/code").status_code == 200
    assert client.submit("/sign-in/code", {"code": clock()}).location == "/"


def test_turning_on_shows_recovery_codes_once(client, connection, clock):
    user = auth.user()
    client.sign_in(user)
    assert "Turn on" in client.page("/me/two-factor").get_text()
    assert client.submit("/me/two-factor").location == "/me/two-factor/enrol"
    page = client.page("/me/two-factor/enrol")
    assert page.find("img", class_="qr")["src"].startswith("data:image/svg+xml")
    secret = page.find(id="key")["value"]
    assert client.submit("/me/two-factor/enrol", {"code": WRONG}).status_code == 422
    shown = client.submit("/me/two-factor/enrol", {"code": clock(secret=secret)})
    codes = re.findall(r"[a-z2-9]{5}-[a-z2-9]{5}", parse(shown.text).find("ul", class_="codes").get_text())
    assert len(set(codes)) == 10
    assert not {code for code in codes if code in client.get("/me/two-factor").text}
    stored = rows(RecoveryCode)
    assert len(stored) == 10
    assert not any(code.encode() in row.code_hash for code in codes for row in stored)
    assert client.submit("/me/two-factor").status_code == 409


def test_the_password_alone_opens_nothing(client, owner, clock):
    prove_password(client, owner)
    assert client.get("/me").status_code == 302
    assert client.page("/sign-in/code")
    answer = client.submit("/sign-in/code", {"code": f" {clock()[:3]} {clock()[3:]} "})
    assert (answer.status_code, answer.location) == (303, "/me")
    assert client.page("/me")


def test_au_2_d_a_code_works_once(client, new_client, owner, clock):
    prove_password(client, owner)
    code = clock()
    assert client.submit("/sign-in/code", {"code": code}).status_code == 303
    other = new_client()
    other.submit("/sign-in", {"email": owner.email, "password": PASSWORD})
    assert other.submit("/sign-in/code", {"code": code}).status_code == 422
    assert other.submit("/sign-in/code", {"code": clock(-1)}).status_code == 422
    assert other.submit("/sign-in/code", {"code": clock(1)}).status_code == 303


@pytest.mark.parametrize(("steps", "status"), [(-2, 422), (-1, 303), (0, 303), (1, 303), (2, 422)])
def test_clocks_may_differ_by_a_step(client, owner, clock, steps, status):
    prove_password(client, owner)
    assert client.submit("/sign-in/code", {"code": clock(steps)}).status_code == status


def test_a_recovery_code_works_once(client, new_client, owner, clock):
    client.sign_in(owner)
    shown = client.submit("/me/two-factor/codes")
    code = parse(shown.text).find("ul", class_="codes").find("li").get_text().strip()
    for status in (303, 422):
        other = new_client()
        other.submit("/sign-in", {"email": owner.email, "password": PASSWORD})
        answer = other.submit("/sign-in/code", {"code": code.upper()})
        assert (answer.status_code, "another recovery code" in answer.text) == (status, status == 422)
    (event,) = rows(AuditEvent, action="second_factor.use_code")
    assert (event.actor_id, event.target_id, event.after) == (owner.id, owner.id, {"codes_left": 9})


def test_a_code_of_the_app_uses_no_recovery_code(client, owner, clock):
    prove_password(client, owner)
    assert client.submit("/sign-in/code", {"code": clock()}).status_code == 303
    assert rows(AuditEvent, action="second_factor.use_code") == []


def test_a_recovery_code_works_without_the_key_that_the_secret_was_sealed_with(
    client, new_client, owner, clock, connection
):
    shown = parse(client.sign_in(owner).submit("/me/two-factor/codes").text)
    connection.exec_driver_sql("UPDATE totp_devices SET secret = decode('00', 'hex')")
    other = new_client()
    other.submit("/sign-in", {"email": owner.email, "password": PASSWORD})
    assert other.submit("/sign-in/code", {"code": clock()}).status_code == 422
    code = shown.find("ul", class_="codes").find("li").get_text().strip()
    assert other.submit("/sign-in/code", {"code": code}).status_code == 303
    assert other.submit("/me/two-factor/remove").status_code == 303
    assert rows(TotpDevice) == []


def test_new_recovery_codes_are_told_by_mail(client, owner, mails):
    client.sign_in(owner)
    client.submit("/me/two-factor/codes")
    (mail,) = mails()
    assert (mail.recipient, mail.template) == (owner.email, "account_changed")
    assert mail.context["title"] == "Recovery codes renewed"


def test_guessing_is_limited(client, owner, clock):
    prove_password(client, owner)
    for _ in range(second_factor.ATTEMPTS):
        assert client.submit("/sign-in/code", {"code": "123456"}).status_code == 422
    limited = client.submit("/sign-in/code", {"code": clock()})
    assert limited.status_code == 429
    assert int(limited.headers["Retry-After"]) > 0
    assert rows(LoginAttempt)


def test_the_proof_ends_after_ten_minutes_and_with_the_password(client, owner, clock):
    prove_password(client, owner)
    clock.wait(601)
    assert client.submit("/sign-in/code", {"code": clock()}).location == "/sign-in?next=/me"
    assert "Sign in again" in client.page("/sign-in?next=/me").find(id="toasts").text
    assert client.get("/sign-in/code").location == "/sign-in"
    assert rows(SignInSession) == []


def test_a_password_changed_while_the_code_is_looked_at_opens_nothing(client, owner, clock, monkeypatch):
    def looked_at(user_id, code):
        second_factor.check(user_id, code)
        owner.password = "another one"
        save(owner)

    monkeypatch.setattr(views, "check", looked_at)
    prove_password(client, owner)
    answer = client.submit("/sign-in/code", {"code": clock()})
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/me")
    assert "Your account was changed a moment ago." in client.get("/sign-in").text
    assert rows(SignInSession) == []


def test_without_a_proven_password_there_is_no_question(client, owner, clock):
    assert client.get("/sign-in/code").location == "/sign-in"
    assert client.submit("/sign-in/code", {"code": clock()}).location == "/sign-in"
    assert rows(SignInSession) == []


@pytest.mark.parametrize("code", ["", "\x00", "\uff11\uff12", "9" * 41, b"x\xed\xa0\x80"])
def test_odd_codes(client, owner, clock, code):
    prove_password(client, owner)
    assert client.submit("/sign-in/code", {"code": code}).status_code in {400, 422}


def test_turning_off(client, owner, clock):
    client.sign_in(owner)
    assert client.submit("/me/two-factor/remove").status_code == 303
    assert (rows(TotpDevice), rows(RecoveryCode)) == ([], [])
    assert client.submit("/me/two-factor/codes").status_code == 409


def test_the_secret_is_stored_encrypted(client, owner, connection):
    raw = connection.exec_driver_sql("SELECT secret FROM totp_devices").scalar_one()
    assert SECRET.encode() not in bytes(raw)

"""AU-1: which passwords are accepted, and how they are kept."""

from dataclasses import replace

import bcrypt
import pytest

from app.auth.services.passwords import hash_password, password_problem, verify_password
from tests.factories import auth
from tests.factories.auth import PASSWORD
from tests.factories.rows import stored

ACCEPTED = ["8 letter", "x" * 31 + "y" * 30 + "z12", "ab" * 36 + "c", "a€" * 100, "🔑🗝️🔒🔓" * 12 + "🔑" * 4]
REFUSED = ["7 chars", "x" * 201, "nul\0 inside", "password1", "PASSWORD1", "12345678", "AAAAaaaa"]


@pytest.mark.parametrize("password", REFUSED)
def test_short_long_and_common_passwords_are_refused(password):
    assert password_problem(password)


@pytest.mark.parametrize("password", ["ana.lopez@example.org", "Ana.Lopez@Example.org", "ANA.LOPEZ"])
def test_the_address_of_the_account_is_no_password(password):
    assert password_problem(password, "ana.lopez@example.org")
    assert password_problem(password, "ben@example.org") is None


@pytest.mark.parametrize("password", ACCEPTED)
def test_others_are_accepted_and_compared_whole(app, password):
    assert password_problem(password) is None
    with app.app_context():
        kept = hash_password(password)
        assert kept.startswith("$argon2id$")
        assert verify_password(kept, password)
        for other in (password.encode()[:72].decode(errors="ignore"), password[:-1], password.swapcase()):
            assert other == password or not verify_password(kept, other)


def test_a_bcrypt_hash_is_verified_and_replaced(client, sign_in):
    planted = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    person = auth.user(password=planted)
    assert sign_in(client, person.email, "something else").status_code == 422
    assert sign_in(client, person.email).status_code == 303
    assert stored(person).password.startswith("$argon2id$")
    client.submit("/sign-out")
    assert sign_in(client, person.email).status_code == 303


@pytest.mark.parametrize(
    "planted", ["$2b$04$broken", "not a hash", "", None, "$argon2id$v=19$m=8,t=1,p=1$x$y"]
)
def test_a_malformed_hash_is_a_wrong_password(client, sign_in, planted):
    assert sign_in(client, auth.user(password=planted).email).status_code == 422


def test_bcrypt_never_sees_more_than_it_compares(app):
    kept = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4)).decode()
    with app.app_context():
        assert verify_password(kept, "a" * 72)
        assert not verify_password(kept, "a" * 73)


def test_production_never_hashes_below_the_library_default(app, monkeypatch):
    monkeypatch.setitem(app.extensions, "settings", replace(app.extensions["settings"], testing=False))
    with app.app_context():
        assert "$m=65536,t=3,p=4$" in hash_password(PASSWORD)

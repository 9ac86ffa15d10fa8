"""Accounts and their sign-ins."""

import itertools
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
from argon2 import PasswordHasher
from flask import Flask

from app.auth.models import RecoveryCode, SignInSession, TotpDevice, User
from app.web.security import hash_token
from tests.factories.rows import save

PASSWORD = "a long enough passphrase"
PASSWORD_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

_numbers = itertools.count(1)


def user(**values: Any) -> User:
    """Return a stored account with a proven address, whose password is PASSWORD."""
    number = next(_numbers)
    defaults = {"email": f"person{number}@example.org", "first_name": "Pat", "last_name": f"Person {number}"}
    proven = {"password": PASSWORD_HASH, "email_proven_at": datetime.now(UTC) - timedelta(days=1)}
    return save(User(**{**defaults, **proven, **values}))


def platform_admin(**values: Any) -> User:
    return user(role="ADMIN", **values)


def sign_in_token(user: User, **values: Any) -> str:
    """Return the token of a stored session of this person."""
    token = secrets.token_urlsafe(32)
    expires = datetime.now(UTC) + timedelta(days=30)
    save(
        SignInSession(
            **{"token_hash": hash_token(token), "user_id": user.id, "expires_at": expires, **values}
        )
    )
    return token


def second_factor(app: Flask, user: User, recovery_code: bytes = b"0" * 32) -> None:
    """Turn this person's second factor on, with one recovery code that has this hash."""
    with app.app_context():
        save(TotpDevice(user_id=user.id, secret=pyotp.random_base32(), confirmed_at=datetime.now(UTC)))
    save(RecoveryCode(user_id=user.id, code_hash=recovery_code))

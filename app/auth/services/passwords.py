"""Passwords: what is accepted, how they are kept and compared."""

import re
import threading
from functools import lru_cache

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.auth.services.common_passwords import COMMON_PASSWORDS
from app.web.security import settings

SHORTEST, LONGEST = 8, 200
RULES = (
    f"{SHORTEST} to {LONGEST} characters of any kind, spaces too. "
    "Common passwords and your e-mail address are refused."
)
_BCRYPT_BYTES = 72
_BCRYPT = re.compile(r"\$2[aby]\$")
# Each hash takes 64 MiB for its moment; more at once would only make all of them wait.
_SLOTS = threading.BoundedSemaphore(4)


def password_problem(password: str, address: str = "") -> str | None:
    """What is wrong with a new password of the account with this address, in words; None if it is accepted."""
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    if "\0" in password:
        return "Leave out the NUL character."
    if password.lower() in COMMON_PASSWORDS:
        return "This password is among the first ones that attackers try. Choose another."
    if password.lower() in {address.lower(), address.lower().partition("@")[0]}:
        return "Attackers try the e-mail address itself, too. Choose another password."
    return None


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    with _SLOTS:
        return _hasher().hash(_encoded(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Whether `password` belongs to the stored hash; takes as long when there is none."""
    with _SLOTS:
        if stored and _BCRYPT.match(stored):
            return _verify_bcrypt(stored, _encoded(password))
        try:
            return _hasher().verify(stored or _dummy_hash(), _encoded(password))
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(stored: str) -> bool:
    """Whether the hash was made by another method or at another cost than today's."""
    return bool(_BCRYPT.match(stored)) or _hasher().check_needs_rehash(stored)


def _verify_bcrypt(stored: str, password: bytes) -> bool:
    if len(password) > _BCRYPT_BYTES or b"\0" in password:
        return False
    try:
        return bcrypt.checkpw(password, stored.encode())
    except ValueError:
        return False


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _hasher() -> PasswordHasher:
    return _cheap() if settings().testing else _strong()


@lru_cache(1)
def _strong() -> PasswordHasher:
    """The library's defaults, never less."""
    return PasswordHasher()


@lru_cache(1)
def _cheap() -> PasswordHasher:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def _dummy_hash() -> str:
    """A hash of today's cost that no password is known to have."""
    cost = _hasher()
    return (
        f"$argon2id$v=19$m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}${'A' * 22}${'A' * 43}"
    )

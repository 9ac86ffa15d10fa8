"""Limits on guessing, kept in PostgreSQL so that every process and every restart sees the same count."""

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.auth.repo.attempts import AttemptRepo


@dataclass(frozen=True)
class Limit:
    """At most `attempts` under `key` in any `seconds`."""

    key: str
    attempts: int
    seconds: int = 60

    @property
    def key_hash(self) -> bytes:
        """What the database knows of the key."""
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).digest()


class TooManyAttempts(Exception):
    """Over a limit; `retry_after` seconds until the next attempt is allowed."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after

    @property
    def message(self) -> str:
        """The words for the person."""
        return f"Too many attempts. {self.advice}"

    @property
    def advice(self) -> str:
        """How long to wait."""
        seconds = self.retry_after
        wait = f"{seconds} second{'s' * (seconds != 1)}"
        if seconds > 90 * 60:
            wait = f"{math.ceil(seconds / 3600)} hours"
        elif seconds > 90:
            wait = f"{math.ceil(seconds / 60)} minutes"
        return f"Wait {wait}, then try again."


@dataclass(frozen=True)
class Attempt:
    """A counted attempt, to be taken back when it succeeds."""

    counted: Sequence[tuple[Limit, datetime]]

    def take_back(self) -> None:
        """Let the attempt not count; in the caller's transaction."""
        for limit, moment in self.counted:
            AttemptRepo().take_back(limit.key_hash, moment)


def count_attempt(limits: Sequence[Limit]) -> Attempt:
    """Count an attempt under each limit, in the caller's transaction. Raises TooManyAttempts, which counts nothing."""
    counted: list[tuple[Limit, datetime]] = []
    for limit in limits:
        result = AttemptRepo().count(limit.key_hash, limit.attempts, limit.seconds)
        if not result.granted:
            Attempt(counted).take_back()
            raise TooManyAttempts(max(1, math.ceil(result.wait)))
        counted.append((limit, result.moment))
    return Attempt(counted)


def source_network(address: str | None) -> str:
    """The address as limits count it: an IPv6 customer has a whole /64."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)

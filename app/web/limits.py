"""How many requests a program may make: counted in Redis, and in this process while Redis is away.

The engine of Flask-Limiter without its hooks: who calls is known only once the gate has read the key.
"""

import logging
import math
import time
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from redis import RedisError

from app.db.cached import PAUSE_SECONDS, TIMEOUT_SECONDS
from app.web.errors import Refusal

UNKNOWN_KEYS = RateLimitItemPerMinute(60)
"""How many requests an address may make with keys that do not work."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit: requests, and whole seconds until it is full again."""

    limit: int
    seconds: int
    remaining: int
    reset: int


class _Counter:
    """Counts in Redis if it answers."""

    def __init__(self, redis_url: str | None) -> None:
        self._here: RateLimiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: RateLimiter | None = None
        self._quiet_until = 0.0
        if redis_url:
            options: dict[str, Any] = {
                "socket_timeout": TIMEOUT_SECONDS,
                "socket_connect_timeout": TIMEOUT_SECONDS,
                "retry": None,
            }
            storage = RedisStorage(redis_url, key_prefix="agentpress:limits", **options)
            self._shared = SlidingWindowCounterRateLimiter(storage)

    def spend(self, limit: RateLimitItem, who: str) -> tuple[bool, Allowance]:
        """Count one request; whether it is within the limit, and what is left."""
        if self._shared is not None and time.monotonic() >= self._quiet_until:
            try:
                return _spend(self._shared, limit, who)
            except RedisError as error:
                _log.warning("limits are counted here", extra={"reason": type(error).__name__})
                self._quiet_until = time.monotonic() + PAUSE_SECONDS
        return _spend(self._here, limit, who)


def _spend(limiter: RateLimiter, limit: RateLimitItem, who: str) -> tuple[bool, Allowance]:
    within = limiter.hit(limit, who)
    window = limiter.get_window_stats(limit, who)
    reset = max(1, math.ceil(window.reset_time - time.time()))
    return within, Allowance(limit.amount, limit.get_expiry(), max(0, window.remaining), reset)


def spend(limit: RateLimitItem, who: str) -> None:
    """Count a request of `who`, whose answer tells what is left. Refusal 429 beyond the limit."""
    counter = current_app.extensions["limits"]
    assert isinstance(counter, _Counter)
    within, g.allowance = counter.spend(limit, who)
    if not within:
        raise Refusal(429, "You have made too many requests. Wait a moment.", g.allowance.reset)


def _tell(response: Response) -> Response:
    """The headers of draft-ietf-httpapi-ratelimit-headers, in the form that clients know."""
    allowance: Allowance | None = g.get("allowance")
    if allowance is not None:
        response.headers["RateLimit-Policy"] = f"{allowance.limit};w={allowance.seconds}"
        response.headers["RateLimit-Limit"] = str(allowance.limit)
        response.headers["RateLimit-Remaining"] = str(allowance.remaining)
        response.headers["RateLimit-Reset"] = str(allowance.reset)
    return response


def register(app: Flask, redis_url: str | None) -> None:
    """Count for this application."""
    app.extensions["limits"] = _Counter(redis_url)
    app.after_request(_tell)

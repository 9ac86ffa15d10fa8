"""Read models in Redis: never stale, never needed, never executable.

The version of what is kept stands in the key and comes from PostgreSQL in the same request, so nothing is invalidated.
Values are JSON that names its organisation. Without Redis, or while it is silent, PostgreSQL answers.
"""

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from cachelib.serializers import RedisSerializer
from flask import Flask, current_app
from flask_caching import Cache
from flask_caching.backends.rediscache import RedisCache
from redis import RedisError

SECONDS = 300
TIMEOUT_SECONDS = 0.05
PAUSE_SECONDS = 1.0
"""How long Redis is left alone after it failed, so that a silent one costs one timeout a second."""
_PREFIX = b"j"

cache = Cache()
_log = logging.getLogger(__name__)


class JsonSerializer(RedisSerializer):
    """One byte and JSON. The stock serializer unpickles, which runs whatever was planted."""

    def dumps(self, value: Any, protocol: int = 0) -> bytes:  # noqa: ARG002 - the stock signature
        """What Redis keeps."""
        return _PREFIX + orjson.dumps(value)

    def loads(self, value: bytes | None) -> Any:
        """The value; None for anything that is not ours."""
        if value is None or not value.startswith(_PREFIX):
            return None
        try:
            return orjson.loads(value[len(_PREFIX) :])
        except orjson.JSONDecodeError:
            return None


class JsonRedisCache(RedisCache):
    """Flask-Caching's Redis backend with our serializer."""

    serializer = JsonSerializer()


class _Pause:
    """Remembers that Redis failed a moment ago."""

    def __init__(self) -> None:
        self.until = 0.0

    def begin(self, error: RedisError) -> None:
        _log.warning("redis does not answer; PostgreSQL does", extra={"reason": type(error).__name__})
        self.until = time.monotonic() + PAUSE_SECONDS


def read_through(org_id: UUID, what: str, version: int, build: Callable[[], Any]) -> Any:
    """What `build` returns, as JSON gives it back; from Redis if this version is kept there.

    `what` begins with the name of the read model and its format, such as `agents:v1:choices`.
    """
    pause, owner = current_app.extensions["cache_pause"], str(org_id)
    if pause.until > time.monotonic():
        return build()
    key = f"{what}:{owner}:{version}"
    try:
        kept = cache.get(key)
        if isinstance(kept, dict) and kept.get("org") == owner and "value" in kept:
            return kept["value"]
        value = build()
        cache.set(key, {"org": owner, "value": value}, timeout=SECONDS)
    except RedisError as error:
        pause.begin(error)
        return build()
    return value


def register(app: Flask, redis_url: str | None) -> None:
    """Keep read models in that Redis, or none without it."""
    app.extensions["cache_pause"] = _Pause()
    timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS, "retry": None}
    cache.init_app(
        app,
        {
            "CACHE_TYPE": "app.db.cached.JsonRedisCache" if redis_url else "NullCache",
            "CACHE_NO_NULL_WARNING": True,
            "CACHE_REDIS_URL": redis_url,
            "CACHE_OPTIONS": timeouts,
            "CACHE_KEY_PREFIX": "agentpress:",
            "CACHE_DEFAULT_TIMEOUT": SECONDS,
        },
    )

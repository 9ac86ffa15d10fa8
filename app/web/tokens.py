"""Values that travel through addresses and forms and come back unchanged: signed, readable, valid for one purpose."""

from typing import Any

import orjson
from itsdangerous import BadData, URLSafeSerializer

from app.web.security import settings


class Forged(Exception):
    """A token that was not made here for this purpose."""


def sign(purpose: str, value: Any) -> str:
    """A token for `value`, which JSON can hold."""
    return _serializer(purpose).dumps(value)


def unsign(purpose: str, token: str) -> Any:
    """The value in a token. Raises Forged."""
    try:
        return _serializer(purpose).loads(token)
    except (BadData, ValueError) as error:
        raise Forged from error


def _serializer(purpose: str) -> URLSafeSerializer:
    config = settings()
    keys = [*reversed(config.secret_key_fallbacks), config.secret_key]
    return URLSafeSerializer(keys, salt=purpose, serializer=_Compact)


class _Compact:
    """orjson in the shape itsdangerous asks for."""

    @staticmethod
    def dumps(value: Any) -> str:
        return orjson.dumps(value).decode()

    @staticmethod
    def loads(value: bytes | str) -> Any:
        return orjson.loads(value)

"""Encrypted columns, with the keys of the running application."""

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.types import TypeDecorator

from app.late import load

if TYPE_CHECKING:
    from app.db.keyring import Keyring


class SealBroken(Exception):
    """A sealed value was made with a key this instance does not have, or was changed."""


def register(app: Flask, secrets: Sequence[str]) -> None:
    """Give the application the secrets its keys are derived from, the current one first."""
    app.extensions["sealing_secrets"] = tuple(secrets)


def keyring() -> "Keyring":
    """The running application's keys."""
    extensions = current_app.extensions
    if "keyring" not in extensions:
        extensions["keyring"] = load("app.db.keyring:Keyring")(extensions["sealing_secrets"])
    ring: Keyring = extensions["keyring"]
    return ring


def seal_json(value: Any) -> str:
    """A JSON value as a text that only this instance can read, for what is kept where people look."""
    return base64.b64encode(keyring().seal(json.dumps(value).encode())).decode()


def open_json(text: str) -> Any:
    """The value again. Raises SealBroken."""
    return json.loads(keyring().open(base64.b64decode(text)))


class Sealed(TypeDecorator[str]):
    """A text column that is stored encrypted; it cannot be searched."""

    impl = BYTEA
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> Any:
        """Encrypt on the way in."""
        return None if value is None else keyring().seal(value.encode())

    def process_result_value(self, value: Any, _dialect: Dialect) -> str | None:
        """Decrypt on the way out."""
        return None if value is None else keyring().open(bytes(value)).decode()

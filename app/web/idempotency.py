"""One record per form: a creating form carries a token, and the same token again leads to the same record."""

import hashlib
import hmac
import secrets
from collections.abc import Callable

import orjson
from flask import Flask, request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.db.base import db
from app.db.scope import current_scope
from app.db.tables import IdempotencyKey
from app.web.errors import Refusal
from app.web.identity import require_visitor
from app.web.security import CSRF_FIELD

ONCE_FIELD = "once"
_LONGEST = 64


def once_token() -> str:
    """The value of the hidden field `once`: kept when the form comes back with errors, new otherwise."""
    return request.form.get(ONCE_FIELD, "")[:_LONGEST] or secrets.token_urlsafe(18)


def once(create: Callable[[], str]) -> str:
    """Run `create` within the transaction and return the address it gives; the token again gives it without running.

    Two submits at the same time wait for each other. Refusal 409 if the token came with other values before. Without a
    token (a script) `create` runs.
    """
    token = request.form.get(ONCE_FIELD, "")
    if not token:
        return create()
    own = {"org_id": current_scope().org_id, "user_id": require_visitor().id, "key": token[:_LONGEST]}
    fingerprint = _fingerprint()
    key = insert(IdempotencyKey).values(**own, fingerprint=fingerprint, status=303)
    mine = db.session.scalar(key.on_conflict_do_nothing(index_elements=[*own]).returning(IdempotencyKey))
    if mine is not None:
        mine.location = location = create()
        return location
    earlier = db.session.scalars(select(IdempotencyKey).filter_by(**own)).one()
    if not hmac.compare_digest(earlier.fingerprint, fingerprint) or earlier.location is None:
        raise Refusal(409, "This form was sent before with other values. Open it anew to create another one.")
    return earlier.location


def _fingerprint() -> bytes:
    values = [pair for pair in request.form.items(multi=True) if pair[0] not in {CSRF_FIELD, ONCE_FIELD}]
    return hashlib.sha256(orjson.dumps([request.path, sorted(values)])).digest()


def register(app: Flask) -> None:
    """Give templates the token."""
    app.jinja_env.globals["once_token"] = once_token

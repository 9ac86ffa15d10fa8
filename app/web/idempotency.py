"""One record per creating request: the same key again leads to the same answer.

A form carries its key in a hidden field, a program in the header `Idempotency-Key`. Keys belong to a person in an
organisation, and to what was sent with them.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from os import SEEK_END
from typing import Any

import orjson
from flask import Flask, Response, make_response, request
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.db.base import db
from app.db.scope import current_scope
from app.db.session import transaction
from app.db.tables import IdempotencyKey
from app.web.errors import PROBLEM_TYPE, FieldError, Refusal, refused
from app.web.json_body import JSON_TYPE
from app.web.security import CSRF_FIELD

ONCE_FIELD = "once"
ONCE_HEADER = "Idempotency-Key"
_KEY_USED = "This Idempotency-Key came with another request before. Send a new one to create another one."
_FORM_USED = "This was sent before with other values. To send others, open the form anew."
_LONGEST = 64
_HEADER = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True)
class Reply:
    """An answer that can be given again: status, JSON, and where what it made is."""

    status: int
    body: str
    location: str | None = None


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
    values = [pair for pair in request.form.items(multi=True) if pair[0] not in {CSRF_FIELD, ONCE_FIELD}]
    sent = orjson.dumps([request.path, sorted(values), *_files()])
    mine, kept = _claim(token[:_LONGEST], _fingerprint(sent), _FORM_USED)
    if mine:
        kept.status, kept.location = 303, create()
    if kept.location is None:
        raise _UsedOtherwise(409, _FORM_USED)
    return kept.location


def answer_once(create: Callable[[], Reply]) -> Response:
    """Run `create` in a transaction of its own and answer with its reply; the key again gives that without running.

    A Refusal is an answer too, kept as such unless it says when to try again. Refusal 409 if the key came with another
    request before, 422 for an unusable key. Without a key `create` runs.
    """
    key = request.headers.get(ONCE_HEADER)
    if key is None:
        with transaction():
            return _response(create())
    if not _HEADER.fullmatch(key):
        words = "Use 1 to 255 visible ASCII characters."
        raise Refusal(422, words, errors=[FieldError(ONCE_HEADER, words)])
    sent = _fingerprint(f"{request.method} {request.path}\n".encode() + request.get_data())
    try:
        with transaction():
            return _response(_replied(key, sent, create))
    except Refusal as refusal:
        if isinstance(refusal, _UsedOtherwise) or refusal.retry_after is not None:
            raise
        reply = Reply(refusal.status, refused(refusal).get_data(as_text=True))
        with transaction():
            return _response(_replied(key, sent, lambda: reply))


class _UsedOtherwise(Refusal):
    """The key was sent before with something else."""


def _files() -> list[tuple[str, str, int]]:
    """Field, name and size of each file that was sent."""
    found = []
    for field, file in request.files.items(multi=True):
        found.append((field, file.filename or "", file.stream.seek(0, SEEK_END)))
        file.stream.seek(0)
    return found


def _replied(key: str, sent: bytes, create: Callable[[], Reply]) -> Reply:
    mine, kept = _claim(key, sent, _KEY_USED)
    if mine:
        reply = create()
        kept.status, kept.location, kept.body = reply.status, reply.location, reply.body
    if kept.body is None:
        raise _UsedOtherwise(409, _KEY_USED)
    return Reply(kept.status, kept.body, kept.location)


def _claim(key: str, sent: bytes, used: str) -> tuple[bool, IdempotencyKey]:
    """The row of this key, and whether it is new; another one who claims it at the same time waits until it is filled.

    Refusal 409 with the words `used` if it belongs to another request.
    """
    scope = current_scope()
    own: dict[str, Any] = {"org_id": scope.org_id, "user_id": scope.user_id, "key": key}
    row = insert(IdempotencyKey).values(**own, fingerprint=sent, status=0)
    mine = db.session.scalar(row.on_conflict_do_nothing(index_elements=[*own]).returning(IdempotencyKey))
    if mine is not None:
        return True, mine
    kept = db.session.scalars(select(IdempotencyKey).filter_by(**own)).one()
    if not hmac.compare_digest(kept.fingerprint, sent):
        raise _UsedOtherwise(409, used)
    return False, kept


def _fingerprint(sent: bytes) -> bytes:
    return hashlib.sha256(sent).digest()


def _response(reply: Reply) -> Response:
    response = make_response(reply.body, reply.status)
    response.mimetype = JSON_TYPE if reply.status < 400 else PROBLEM_TYPE
    if reply.location:
        response.headers["Location"] = reply.location
    return response


def register(app: Flask) -> None:
    """Give templates the token."""
    app.jinja_env.globals["once_token"] = once_token

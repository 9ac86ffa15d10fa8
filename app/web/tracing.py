"""Each request's id, times and statements: on the answer, in the log, and in the figures."""

import logging
import re
import time
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, before_render_template, g, has_app_context, request, template_rendered
from jinja2_fragments.flask import before_render_template_blocks, template_blocks_rendered
from sqlalchemy import event
from uuid_utils.compat import uuid7

from app.db.base import db
from app.web.metrics import metrics
from app.web.security import SAFE_METHODS

_SECRET = re.compile(r"[\w~.-]{40,}")  # the token of a one-time link; an id is shorter
_QUIET = frozenset({"static", "health.live", "health.ready", "health.figures"})
_SETTING = "SELECT set_config("

_log = logging.getLogger(__name__)


@dataclass
class Trace:
    """What one request has cost so far, in seconds and statements."""

    started: float = field(default_factory=time.perf_counter)
    database: float = 0.0
    render: float = 0.0
    statements: int = 0
    since: float = 0.0

    @property
    def seconds(self) -> float:
        """The time since the request began."""
        return time.perf_counter() - self.started

    def header(self) -> str:
        """The value of `Server-Timing`."""
        total = f"total;dur={self.seconds * 1000:.1f}"
        render = f"render;dur={self.render * 1000:.1f}"
        return f'db;dur={self.database * 1000:.1f};desc="{self.statements} statements", {render}, {total}'


def _trace() -> Trace | None:
    return g.get("trace") if has_app_context() else None


def _begin() -> None:
    g.request_id = uuid7().hex
    g.trace = Trace()


def _finish(response: Response) -> Response:
    """An anonymous POST carries no times: they could tell a known address from an unknown one."""
    response.headers["X-Request-ID"] = g.request_id
    visitor = g.get("_login_user")
    signed_in = visitor is not None and visitor.is_authenticated
    if signed_in or request.method in SAFE_METHODS:
        response.headers["Server-Timing"] = g.trace.header()
    _report(response.status_code, visitor if signed_in else None)
    return response


def _report(status: int, visitor: Any) -> None:
    """Log and measure the request of a person or of a program, which acts for one, or of nobody."""
    trace, endpoint = g.trace, request.endpoint or "unknown"
    metrics().observe(endpoint, request.method, status, trace.seconds)
    metrics().observe_database(endpoint, trace.statements, trace.database)
    level = logging.DEBUG if endpoint in _QUIET else logging.INFO
    caller = g.get("caller")
    user_id = visitor.id if visitor else caller and caller.user_id
    facts = {
        "method": request.method,
        "path": _SECRET.sub("***", request.path),
        "status": status,
        "ms": round(trace.seconds * 1000, 1),
        "database_ms": round(trace.database * 1000, 1),
        "statements": trace.statements,
        "user_id": user_id and str(user_id),
        "key_id": caller and str(caller.key_id),
        "address": request.remote_addr,
    }
    _log.log(level, "request", extra=facts)


def _before_statement(_connection: Any, _cursor: Any, _statement: str, *rest: Any) -> None:
    rest[1].started = time.perf_counter()


def _after_statement(_connection: Any, _cursor: Any, statement: str, *rest: Any) -> None:
    trace = _trace()
    if trace is not None:
        trace.database += time.perf_counter() - rest[1].started
        trace.statements += not statement.startswith(_SETTING)


def _before_render(_app: Flask, **_names: Any) -> None:
    if trace := _trace():
        trace.since = time.perf_counter()


def _after_render(_app: Flask, **_names: Any) -> None:
    if trace := _trace():
        trace.render += time.perf_counter() - trace.since


def register(app: Flask) -> None:
    """Give each request an id before anything else runs, and time its statements and templates."""
    app.before_request(_begin)
    app.after_request(_finish)
    for begun in (before_render_template, before_render_template_blocks):
        begun.connect(_before_render, app)
    for done in (template_rendered, template_blocks_rendered):
        done.connect(_after_render, app)
    with app.app_context():
        for engine in db.engines.values():
            event.listen(engine, "before_cursor_execute", _before_statement)
            event.listen(engine, "after_cursor_execute", _after_statement)

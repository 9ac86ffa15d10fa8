"""What monitoring asks: alive, ready, and figures."""

from flask import Blueprint, Response, make_response, request

from app.web import metrics
from app.web.access import always
from app.web.errors import NotFound
from app.web.readiness import readiness
from app.web.security import settings, source_address, tokens_match

bp = Blueprint("health", __name__)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


@bp.get("/healthz")
@always
def live() -> Response:
    """The process answers; needs nothing else."""
    return make_response({"status": "ok"})


@bp.get("/readyz")
@always
def ready() -> Response:
    """The state of each dependency; 503 while requests cannot be answered."""
    found = readiness()
    response = make_response({"status": found.status, "checks": found.states()}, 200 if found.ready else 503)
    if not found.ready:
        response.headers["Retry-After"] = "5"
    return response


@bp.get("/metrics")
@always
def figures() -> Response:
    """Prometheus' text format, for this machine or whoever has METRICS_TOKEN."""
    if not _may_measure():
        raise NotFound
    body, content_type = metrics.exposition(readiness())
    return Response(body, content_type=content_type)


def _may_measure() -> bool:
    """A proxy on this machine makes every visitor look local, so a forwarded request needs the token."""
    token = settings().metrics_token
    if token and tokens_match(request.headers.get("Authorization", ""), f"Bearer {token}"):
        return True
    forwarded = any(name in request.headers for name in _FORWARDED)
    return source_address(request) in _LOOPBACK and not forwarded

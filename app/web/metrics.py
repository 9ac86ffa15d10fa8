"""Figures for Prometheus: requests, statements, the pool, the worker, the mail queue."""

from collections.abc import Mapping
from datetime import UTC, datetime

from flask import Flask, current_app
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from sqlalchemy import Engine, QueuePool

from app.db.base import db
from app.web.readiness import Readiness

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)


class Metrics:
    """The figures of one application with these engines."""

    def __init__(self, engines: Mapping[str | None, Engine]) -> None:
        self._pools = {name or "main": engine.pool for name, engine in engines.items()}
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "agentpress_requests",
            "Answered requests.",
            ("endpoint", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "agentpress_request_seconds",
            "Time to answer.",
            ("endpoint",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._statements = Counter(
            "agentpress_statements", "SQL statements of requests.", ("endpoint",), registry=self.registry
        )
        self._database_seconds = Counter(
            "agentpress_database_seconds", "Time requests waited for SQL.", registry=self.registry
        )
        self._up = self._gauge("dependency_up", "1 if the dependency is usable.", "dependency")
        self._pool = self._gauge("pool_connections", "Connections of the pool.", "engine", "state")
        self._heartbeat = self._gauge("worker_heartbeat_age_seconds", "Since a worker's last sign of life.")
        self._mail = self._gauge("mail_messages", "Messages waiting, and given up within 24 hours.", "state")
        self._mail_age = self._gauge("mail_oldest_waiting_seconds", "Age of the oldest unsent message.")

        self._tasks = self._gauge("tasks", "Tasks that wait, and that run.", "state")
        self._tasks_age = self._gauge(
            "tasks_oldest_waiting_seconds", "How long the oldest due task has waited."
        )
        self._workers = self._gauge("workers", "Workers with a recent sign of life.")

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"agentpress_{name}", words, labels, registry=self.registry)

    def observe(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(endpoint, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def observe_database(self, endpoint: str, statements: int, seconds: float) -> None:
        """Count what the answer asked of the database."""
        self._statements.labels(endpoint).inc(statements)
        self._database_seconds.inc(seconds)

    def refresh(self, found: Readiness) -> None:
        """Take over the state of the dependencies; what is unknown is `NaN`."""
        for name, state in found.states().items():
            self._up.labels(name).set(state in {"ok", "on"})
        self._heartbeat.set(float("nan") if found.heartbeat_age is None else found.heartbeat_age)
        queue = found.queue
        oldest = queue.oldest if queue else None
        self._mail.labels("waiting").set(queue.waiting if queue else float("nan"))
        self._mail.labels("failed").set(queue.failed if queue else float("nan"))
        self._mail_age.set((datetime.now(UTC) - oldest).total_seconds() if oldest else 0)
        tasks = found.tasks
        self._tasks.labels("queued").set(tasks.queued if tasks else float("nan"))
        self._tasks.labels("running").set(tasks.running if tasks else float("nan"))
        self._tasks_age.set(tasks.oldest if tasks else float("nan"))
        self._workers.set(tasks.workers if tasks else float("nan"))
        for name, pool in self._pools.items():
            if isinstance(pool, QueuePool):
                self._pool.labels(name, "used").set(pool.checkedout())
                self._pool.labels(name, "idle").set(pool.checkedin())


def metrics() -> Metrics:
    """The running application's figures."""
    found = current_app.extensions["metrics"]
    assert isinstance(found, Metrics)
    return found


def exposition(found: Readiness) -> tuple[bytes, str]:
    """The figures as text, and its content type."""
    figures = metrics()
    figures.refresh(found)
    encode, content_type = choose_encoder("")
    return encode(figures.registry), content_type


def register(app: Flask) -> None:
    """Begin counting at zero."""
    with app.app_context():
        app.extensions["metrics"] = Metrics(db.engines)

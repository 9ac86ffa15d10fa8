"""The state of everything the product depends on, found out within three seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import redis
from flask import Flask, current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.db.base import db
from app.web.errors import DATABASE_AWAY
from app.web.security import settings

STALLED_SECONDS = 30
REDIS_SECONDS = 0.5
_HEAD = Path(__file__).parents[2] / "migrations" / "HEAD"
_STATE = text(
    """
    SELECT (SELECT version_num FROM alembic_version) AS revision,
           (SELECT EXTRACT(epoch FROM now() - max(seen_at))::float FROM workers) AS heartbeat_age,
           q.waiting, q.oldest, q.failed, t.queued AS tasks_queued, t.running AS tasks_running,
           EXTRACT(epoch FROM now() - t.oldest)::float AS tasks_oldest,
           (SELECT count(*) FROM workers WHERE seen_at > now() - interval '30 seconds') AS workers
      FROM mail_queue() q, task_queue() t
    """
)


@dataclass(frozen=True)
class MailQueue:
    """Messages not yet sent, the moment the oldest was written, and those given up within 24 hours."""

    waiting: int
    oldest: datetime | None
    failed: int


@dataclass(frozen=True)
class TaskQueue:
    """Tasks that wait and run, for how many seconds the oldest due one has waited, and workers that live."""

    queued: int
    running: int
    oldest: float
    workers: int


@dataclass(frozen=True)
class Readiness:
    """One word for each dependency; `heartbeat_age` is in seconds, None without a worker or a database."""

    database: str
    migrations: str
    redis: str
    worker: str
    mail: str
    heartbeat_age: float | None = None
    queue: MailQueue | None = None
    tasks: TaskQueue | None = None

    @property
    def ready(self) -> bool:
        """Whether requests can be answered; also on what a newer version, about to take over, has migrated."""
        return self.database == "ok" and self.migrations in {"ok", "ahead"}

    @property
    def status(self) -> str:
        """`ok`, `degraded` (works without something) or `unavailable`."""
        if not self.ready:
            return "unavailable"
        whole = self.redis != "away" and self.worker == "ok" and self.migrations == "ok"
        return "ok" if whole else "degraded"

    def states(self) -> dict[str, str]:
        """The words by dependency."""
        names = ("database", "migrations", "redis", "worker", "mail")
        return {name: getattr(self, name) for name in names}


def readiness() -> Readiness:
    """Ask every dependency; an error is a state, never an exception."""
    mail = "on" if settings().mail else "off"
    try:
        row = db.session.execute(_STATE).one()
    except DATABASE_AWAY:
        return Readiness("away", "unknown", _redis_state(), "unknown", mail)
    except SQLAlchemyError:  # a table, function or role of a later revision is missing
        return Readiness("ok", "behind", _redis_state(), "unknown", mail)
    age = row.heartbeat_age
    worker = "absent" if age is None else "stalled" if age > STALLED_SECONDS else "ok"
    head, revision = current_app.extensions["migrations_head"], row.revision or ""
    migrations = "ok" if revision == head else "ahead" if revision > head else "behind"
    queue = MailQueue(row.waiting, row.oldest, row.failed)
    tasks = TaskQueue(row.tasks_queued, row.tasks_running, row.tasks_oldest or 0, row.workers)
    return Readiness("ok", migrations, _redis_state(), worker, mail, age, queue, tasks)


@contextmanager
def redis_server() -> Iterator[redis.Redis | None]:
    """A connection that waits half a second at most for each answer; None where Redis is not used."""
    url = settings().redis_url
    if url is None:
        yield None
        return
    with redis.Redis.from_url(
        url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
    ) as server:
        yield server


def _redis_state() -> str:
    try:
        with redis_server() as server:
            if server is None:
                return "off"
            server.ping()
    except redis.RedisError:
        return "away"
    return "ok"


def register(app: Flask) -> None:
    """Remember which revision the code was written for."""
    app.extensions["migrations_head"] = _HEAD.read_text(encoding="utf-8").strip()

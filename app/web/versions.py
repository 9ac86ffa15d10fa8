"""What this instance is made of: the versions of its parts, and the size of its database."""

import platform
from dataclasses import dataclass

import redis
from sqlalchemy import text

from app.config import VERSION
from app.db.base import db
from app.web.readiness import redis_server

_DATABASE = text(
    """
    SELECT current_setting('server_version') AS postgresql,
           (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector,
           (SELECT version_num FROM alembic_version) AS revision,
           pg_database_size(current_database()) AS database_size
    """
)


@dataclass(frozen=True)
class Versions:
    """The version of each part; `pgvector` and `redis` are None where there is none. The size is in bytes."""

    agentpress: str
    postgresql: str
    pgvector: str | None
    redis: str | None
    python: str
    revision: str
    database_size: int


def versions() -> Versions:
    """Ask each part, the database with one statement."""
    row = db.session.execute(_DATABASE).one()
    return Versions(
        agentpress=VERSION,
        postgresql=row.postgresql.partition(" ")[0],
        pgvector=row.pgvector,
        redis=_redis_version(),
        python=platform.python_version(),
        revision=row.revision,
        database_size=row.database_size,
    )


def _redis_version() -> str | None:
    try:
        with redis_server() as server:
            return None if server is None else str(server.info("server")["redis_version"])
    except redis.RedisError:
        return None

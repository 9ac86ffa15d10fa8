"""Engine options: pools, limits per statement and lock, and how long a connection may take."""

from typing import Any

CONNECT_SECONDS = 2
POOL_WAIT_SECONDS = 2


def main_options() -> dict[str, Any]:
    """The engine of ordinary pages: a statement ends after 15 s, a lock wait after 4 s."""
    return _options(pool_size=10, max_overflow=10, statement_ms=15_000)


def analytics_options() -> dict[str, Any]:
    """The engine of long reads: read-only, a statement ends after 30 s, two connections."""
    return _options(
        pool_size=2, max_overflow=0, statement_ms=30_000, more="-c default_transaction_read_only=on"
    )


def _options(*, pool_size: int, max_overflow: int, statement_ms: int, more: str = "") -> dict[str, Any]:
    limits = (
        f"-c statement_timeout={statement_ms} -c lock_timeout=4000 -c idle_in_transaction_session_timeout=60000 "
        f"-c client_connection_check_interval=500 -c timezone=UTC -c search_path=public {more}"
    )
    return {
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_timeout": POOL_WAIT_SECONDS,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "connect_args": {
            "connect_timeout": CONNECT_SECONDS,
            "options": limits.strip(),
            "application_name": "agentpress",
        },
    }

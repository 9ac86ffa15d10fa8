"""Read models kept in Redis: hit and miss, beside PostgreSQL alone."""

from collections.abc import Callable
from typing import Any

from app.threads.cached_repo import CachedMessageRepo, CachedThreadRepo
from app.threads.repo.messages import MessageRepo
from app.threads.repo.threads import ThreadRepo
from bench.place import Place
from bench.report import line, shown, table, times
from bench.rounds import race

THREADS = """
    (SELECT id, message_count FROM threads WHERE org_id = %s AND message_count <= 100
      ORDER BY abs(message_count - 50), id LIMIT 1)
    UNION ALL (SELECT id, message_count FROM threads WHERE org_id = %s ORDER BY message_count DESC LIMIT 1)
"""
WINDOW = 50


def measure(place: Place, forget: Callable[[], object]) -> None:
    """Each read model for a thread of some length and a long one; `forget` empties Redis."""
    table("read model", "PostgreSQL ms", "miss ms", "hit ms", "gain of a hit")
    for thread_id, messages in place.asked(THREADS, place.org_id, place.org_id)():
        head = place.product(lambda key=thread_id: ThreadRepo().head(place.org_id, place.viewer, key))()
        pairs: dict[str, tuple[Any, Any]] = {
            f"last {WINDOW} of {messages:,} messages": (
                lambda head=head: MessageRepo().latest(place.org_id, head.id, WINDOW),
                lambda head=head: CachedMessageRepo().latest(place.org_id, head, WINDOW),
            ),
            f"facts of a thread of {messages:,}": (
                lambda head=head: ThreadRepo().facts(place.org_id, head.id),
                lambda head=head: CachedThreadRepo().facts(place.org_id, head),
            ),
        }
        for name, (plain, kept) in pairs.items():
            _measure(place, name, plain, kept, forget)


def _measure(place: Place, name: str, plain: Any, kept: Any, forget: Callable[[], object]) -> None:
    hit = place.product(kept)

    def miss() -> None:
        forget()
        hit()

    assert place.product(plain)() == (hit(), hit())[1]
    best = race({"plain": place.product(plain), "miss": miss}, place.ping)
    hit()
    found = race({"plain": place.product(plain), "hit": hit}, place.ping)
    line(
        name,
        shown(best["plain"].ms),
        shown(best["miss"].ms),
        shown(found["hit"].ms),
        times(found["plain"].ms / found["hit"].ms),
    )

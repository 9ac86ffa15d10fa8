"""What an insert costs beside one into the original's tables, filled with the same rows."""

from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg

from bench import original
from bench.place import Place, scoped
from bench.report import line, shown, table, times
from bench.rounds import race

THREAD = "INSERT INTO threads (id, org_id, user_id, name, origin) VALUES (%s, %s, %s, %s, 'console')"
ORIGINAL_THREAD = "INSERT INTO original.threads (id, user_id, name) VALUES (%s, %s, %s)"
MESSAGE = """
    INSERT INTO messages (id, org_id, thread_id, role, parts, text_content)
    VALUES (%s, %s, %s, 'user', jsonb_build_array(jsonb_build_object('kind', 'text', 'text', %s::text)), %s)
"""
ORIGINAL_MESSAGE = """
    INSERT INTO original.messages (id, thread_id, role, content, text_content)
    VALUES (%s, %s, 'user', jsonb_build_array(jsonb_build_object('kind', 'text', 'text', %s::text)), %s)
"""
TEXTS = "SELECT text_content FROM messages LIMIT 500"
THREADS = "SELECT id FROM original.threads WHERE user_id = %s LIMIT 500"


def measure(place: Place, address: str) -> None:
    """Single inserts, each with its commit."""
    original.make(place.original, original.THREADS, original.MESSAGES)
    texts = [row[0] for row in place.original.execute(TEXTS)]
    threads = [row[0] for row in place.asked(THREADS, place.heavy)()]
    with scoped(address, place.org_id, place.heavy) as ours:
        table("insert", "original ms", "ours ms", "tax")
        _race(place, "thread", _threads(place, ours, texts), _threads(place, place.original, texts))
        _race(
            place,
            "message",
            _messages(place, ours, threads, texts),
            _messages(place, place.original, threads, texts),
        )


def _race(place: Place, name: str, ours: Any, theirs: Any) -> None:
    best = race({"original": theirs, "ours": ours}, place.ping)
    line(
        name, shown(best["original"].ms), shown(best["ours"].ms), times(best["ours"].ms / best["original"].ms)
    )


def _threads(place: Place, connection: psycopg.Connection, texts: list[str]) -> Any:
    names = count()

    def insert() -> None:
        name = texts[next(names) % len(texts)][:60]
        if connection is place.original:
            connection.execute(ORIGINAL_THREAD, (uuid4(), place.heavy, name), prepare=True)
        else:
            connection.execute(THREAD, (uuid4(), place.org_id, place.heavy, name), prepare=True)

    return insert


def _messages(place: Place, connection: psycopg.Connection, threads: list[UUID], texts: list[str]) -> Any:
    numbers = count()

    def insert() -> None:
        number = next(numbers)
        thread, text = threads[number % len(threads)], texts[number % len(texts)]
        if connection is place.original:
            connection.execute(ORIGINAL_MESSAGE, (uuid4(), thread, text, text), prepare=True)
        else:
            connection.execute(MESSAGE, (uuid4(), place.org_id, thread, text, text), prepare=True)

    return insert

"""What an insert costs beside the original tables, which are filled with the same rows in a schema of their own."""

from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg

from bench.place import Place, scoped
from bench.report import line, shown, table, times
from bench.rounds import race

ORIGINAL = """
    DROP SCHEMA IF EXISTS original CASCADE;
    CREATE SCHEMA original;
    CREATE TABLE original.threads (
        id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES public.users ON DELETE CASCADE, agent_id uuid,
        name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE original.messages (
        id uuid PRIMARY KEY, thread_id uuid NOT NULL REFERENCES original.threads ON DELETE CASCADE, role text NOT NULL,
        content jsonb NOT NULL, text_content text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO original.threads SELECT id, user_id, agent_id, name, created_at, updated_at FROM threads
     WHERE user_id IS NOT NULL;
    INSERT INTO original.messages SELECT m.id, m.thread_id, m.role, m.parts, m.text_content, m.created_at
      FROM messages m JOIN original.threads t ON t.id = m.thread_id;
    CREATE INDEX threads_user_id_created_at_idx ON original.threads (user_id, created_at);
    CREATE INDEX messages_thread_id_created_at_idx ON original.messages (thread_id, created_at);
    CREATE INDEX messages_text_content_gin_idx ON original.messages USING gin (to_tsvector('english', text_content));
    VACUUM ANALYZE original.threads, original.messages
"""
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
THREADS = "SELECT id FROM threads WHERE org_id = %s AND user_id = %s LIMIT 500"


def measure(place: Place, address: str) -> None:
    """Single inserts, each with its commit."""
    for statement in ORIGINAL.split(";"):
        place.original.execute(statement)
    texts = [row[0] for row in place.original.execute(TEXTS)]
    threads = [row[0] for row in place.asked(THREADS, place.org_id, place.heavy)()]
    with scoped(address, place.org_id, place.heavy) as ours:
        table("insert", "original ms", "ours ms", "tax")
        _race(place, "thread", _threads(place, ours, texts), _threads(place, place.original, texts))
        _race(
            place,
            "message",
            _messages(place, ours, threads, texts),
            _messages(place, place.original, threads, texts),
        )
    place.original.execute("DROP SCHEMA original CASCADE")


def _race(place: Place, name: str, ours: Any, original: Any) -> None:
    best = race({"original": original, "ours": ours}, place.ping)
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

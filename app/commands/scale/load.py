"""Writes everything in one transaction: whoever looks sees all of it or nothing, and the tables' guards in place."""

import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import IO

from psycopg import Connection, Cursor

from app.commands.scale.blocks import (
    FEEDBACK_COLUMNS,
    MESSAGE_COLUMNS,
    THREAD_COLUMNS,
    EncodedBlock,
    cast_of,
    count_blocks,
    encoded_block,
)
from app.commands.scale.cast import Cast, Size
from app.commands.scale.catalogue import FILLED, Guards
from app.threads.models import SHARED_ORIGINS

_SETTINGS = """
    SET LOCAL maintenance_work_mem = '512MB';
    SET LOCAL work_mem = '64MB';
    SET LOCAL max_parallel_workers_per_gather = 2;
    SET LOCAL parallel_setup_cost = 0;
    SET LOCAL parallel_tuple_cost = 0;
"""
_NAMES = """
    INSERT INTO thread_names (org_id, thread_id, trigrams)
    SELECT org_id, id, org_id::text || name_trigrams(name) FROM threads WHERE org_id = ANY (%s)
"""
_COUNTS = """
    INSERT INTO thread_counts (org_id, shared, live)
    SELECT org_id, origin = ANY (%s), count(*) FROM threads
     WHERE org_id = ANY (%s) AND deleted_at IS NULL AND NOT archived GROUP BY 1, 2
"""
# An INSERT never uses parallel workers; a table made of a query does, and the searched forms are most of the work.
_FORMS = """
    CREATE UNLOGGED TABLE scale_forms AS
    SELECT m.org_id, m.id, m.thread_id, m.created_at, f.tsv, f.tiers
      FROM messages m, searched_form(m.org_id, m.created_at, m.text_content) f
     WHERE m.org_id = ANY ({orgs})
"""
_SEARCH = """
    INSERT INTO message_search (org_id, message_id, thread_id, created_at, tsv, tiers) SELECT * FROM scale_forms
"""
_AHEAD = 4


def load(connection: Connection, size: Size, password_hash: str, processes: int) -> Iterator[str]:
    """Fill the database; yields what is done next, in words. The first person gets the password."""
    cast = cast_of(size)
    guards = Guards(connection)
    connection.execute(_SETTINGS)
    yield "Taking down indexes"
    guards.lower()
    with connection.cursor() as cursor:
        _write_cast(cursor, cast, size, password_hash)
        yield "Writing messages"
        _write_blocks(cursor, size, processes)
        yield "Writing what searches read"
        orgs = [org.id for org in cast.orgs]
        cursor.execute(_COUNTS, (list(SHARED_ORIGINS), orgs))
        cursor.execute(_NAMES, (orgs,))
        cursor.execute(_FORMS.format(orgs=_uuids(orgs)))
        cursor.execute(_SEARCH)
        cursor.execute("DROP TABLE scale_forms")
    yield "Building indexes"
    guards.raise_again()


def tidy(connection: Connection) -> None:
    """VACUUM and ANALYZE what was filled; outside any transaction."""
    for table in ("users", "orgs", *FILLED):
        connection.execute(f"VACUUM (ANALYZE) {table}".encode())


def _uuids(ids: list[str]) -> str:
    """An array in SQL, for a statement that takes no parameters."""
    return f"'{{{','.join(ids)}}}'::uuid[]"


def _write_cast(cursor: Cursor, cast: Cast, size: Size, password_hash: str) -> None:
    start = size.start
    with cursor.copy(
        "COPY users (id, email, first_name, last_name, password, created_at, updated_at) FROM STDIN"
    ) as copy:
        for number, person in enumerate(cast.people):
            password = None if number else password_hash
            copy.write_row(
                (person.id, person.email, person.first_name, person.last_name, password, start, start)
            )
    with cursor.copy("COPY orgs (id, slug, name, created_at, updated_at) FROM STDIN") as copy:
        for org in cast.orgs:
            copy.write_row((org.id, org.slug, org.name, start, start))
    with cursor.copy(
        "COPY org_members (id, org_id, user_id, role, created_at, updated_at) FROM STDIN"
    ) as copy:
        for org in cast.orgs:
            for member in org.members:
                copy.write_row((member.id, org.id, cast.people[member.person].id, member.role, start, start))
    with cursor.copy(
        "COPY agents (id, org_id, name, description, prompt, primary_model_provider, primary_model, created_at,"
        " updated_at) FROM STDIN"
    ) as copy:
        for org in cast.orgs:
            for agent in org.agents:
                about = f"Answers questions about {agent.name.lower()}."
                copy.write_row(
                    (agent.id, org.id, agent.name, about, about, agent.provider, agent.model, start, start)
                )


def _write_blocks(cursor: Cursor, size: Size, processes: int) -> None:
    """Messages as they come; threads and feedback, which are few, wait in a file for their turn."""
    with ExitStack() as stack:
        threads, feedback = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        with cursor.copy(f"COPY messages ({MESSAGE_COLUMNS}) FROM STDIN".encode()) as copy:
            for block in _blocks(size, processes):
                copy.write(block.messages)
                threads.write(block.threads)
                feedback.write(block.feedback)
        _copy_file(cursor, f"COPY threads ({THREAD_COLUMNS}) FROM STDIN", threads)
        _copy_file(cursor, f"COPY feedback ({FEEDBACK_COLUMNS}) FROM STDIN", feedback)


def _copy_file(cursor: Cursor, statement: str, lines: IO[bytes]) -> None:
    lines.seek(0)
    with cursor.copy(statement.encode()) as copy:
        while part := lines.read(1 << 20):
            copy.write(part)


def _blocks(size: Size, processes: int) -> Iterator[EncodedBlock]:
    """Every block in order, a few made ahead by other processes."""
    numbers = range(count_blocks(size))
    if processes < 2:
        yield from (encoded_block(size, number) for number in numbers)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[EncodedBlock]] = deque()
        for number in numbers:
            waiting.append(pool.submit(encoded_block, size, number))
            if len(waiting) >= processes * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

"""The tables of the original design, with its indexes alone, filled with the rows of ours in a schema of their own."""

import psycopg

THREADS = """
    CREATE TABLE original.threads (
        id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES public.users ON DELETE CASCADE, agent_id uuid,
        name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO original.threads SELECT id, user_id, agent_id, name, created_at, updated_at FROM threads
     WHERE user_id IS NOT NULL AND deleted_at IS NULL AND NOT archived;
    CREATE INDEX threads_user_id_created_at_idx ON original.threads (user_id, created_at);
    VACUUM (ANALYZE) original.threads
"""
MESSAGES = """
    CREATE TABLE original.messages (
        id uuid PRIMARY KEY, thread_id uuid NOT NULL REFERENCES original.threads ON DELETE CASCADE, role text NOT NULL,
        content jsonb NOT NULL, text_content text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
    INSERT INTO original.messages SELECT m.id, m.thread_id, m.role, m.parts, m.text_content, m.created_at
      FROM messages m JOIN original.threads t ON t.id = m.thread_id;
    CREATE INDEX messages_thread_id_created_at_idx ON original.messages (thread_id, created_at);
    CREATE INDEX messages_text_content_gin_idx ON original.messages USING gin (to_tsvector('english', text_content));
    VACUUM (ANALYZE) original.messages
"""


def make(connection: psycopg.Connection, *tables: str) -> None:
    """Make these tables anew; they end with the next making."""
    for statement in (
        "DROP SCHEMA IF EXISTS original CASCADE; CREATE SCHEMA original;" + ";".join(tables)
    ).split(";"):
        connection.execute(statement)

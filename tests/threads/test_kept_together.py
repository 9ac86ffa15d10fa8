"""What triggers keep of messages and feedback, after many writers at once have added, changed and deleted them."""

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import psycopg

from tests.threads.test_kept_numbers import ADD, connect

THREADS = 6
TURNS = {
    """INSERT INTO messages (id, org_id, thread_id, role, parts, text_content, error, input_tokens, output_tokens,
                             cost_micros, created_at)
       SELECT gen_random_uuid(), t.org_id, t.id, 'user', '[]', 'late parcel ' || n,
              CASE WHEN random() < 0.3 THEN 'No' END, CASE WHEN random() < 0.7 THEN n END, 3,
              CASE WHEN random() < 0.7 THEN 5 * n END,
              now() - n * interval '1 day'
         FROM threads t, generate_series(1, %(most)s) n WHERE t.org_id = %(org)s AND random() < 0.5""": 8,
    """UPDATE messages SET input_tokens = %(most)s, cost_micros = NULL, text_content = 'refund',
              error = CASE WHEN error IS NULL THEN 'No' END
        WHERE id IN (SELECT id FROM messages WHERE org_id = %(org)s ORDER BY random() LIMIT %(most)s)""": 5,
    """DELETE FROM messages
        WHERE id IN (SELECT id FROM messages WHERE org_id = %(org)s ORDER BY random() LIMIT %(most)s)""": 3,
    """INSERT INTO feedback (id, org_id, thread_id, message_id, user_id, rating)
       SELECT gen_random_uuid(), org_id, thread_id, id, %(user)s, %(rating)s FROM messages
        WHERE org_id = %(org)s ORDER BY random() LIMIT %(most)s
       ON CONFLICT (message_id, user_id) WHERE user_id IS NOT NULL DO UPDATE SET rating = excluded.rating""": 6,
    "DELETE FROM feedback WHERE id IN (SELECT id FROM feedback WHERE org_id = %(org)s ORDER BY random() LIMIT 2)": 2,
    """UPDATE threads SET name = 'Thread ' || %(most)s, archived = NOT archived,
              deleted_at = CASE WHEN deleted_at IS NULL THEN now() END
        WHERE id IN (SELECT id FROM threads WHERE org_id = %(org)s ORDER BY random() LIMIT 2)""": 3,
    """WITH gone AS (DELETE FROM threads WHERE id = (
           SELECT id FROM threads WHERE org_id = %(org)s ORDER BY random() LIMIT 1) RETURNING org_id)
       INSERT INTO threads (id, org_id, name, origin) SELECT gen_random_uuid(), org_id, 'New', 'api' FROM gone""": 1,
}
WRONG = """
    SELECT t.id FROM threads t
      LEFT JOIN LATERAL (
        SELECT count(*) AS messages, count(m.error) AS errors, coalesce(sum(m.cost_micros), 0) AS cost,
               max(m.created_at) AS last,
               coalesce(sum(coalesce(m.input_tokens, 0) + coalesce(m.output_tokens, 0)), 0) AS tokens
          FROM messages m WHERE m.thread_id = t.id) c ON true
      LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE f.rating > 0) AS ups, count(*) FILTER (WHERE f.rating < 0) AS downs
          FROM feedback f WHERE f.thread_id = t.id) o ON true
     WHERE (t.message_count, t.error_count, t.tokens, t.cost_micros, t.up_count, t.down_count)
           IS DISTINCT FROM (c.messages::int, c.errors::int, c.tokens, c.cost, o.ups::int, o.downs::int)
        OR t.last_message_at < c.last
     UNION ALL
    SELECT coalesce(m.id, s.message_id) FROM messages m FULL JOIN message_search s ON s.message_id = m.id
     WHERE s.tsv IS DISTINCT FROM (SELECT f.tsv FROM searched_form(m.org_id, m.created_at, m.text_content) f)
     UNION ALL
    SELECT coalesce(t.id, n.thread_id) FROM threads t FULL JOIN thread_names n ON n.thread_id = t.id
     WHERE n.trigrams IS DISTINCT FROM t.org_id::text || name_trigrams(t.name)
"""


def test_writers_at_the_same_moment_lose_nothing(address):
    org_id, user_id = uuid4(), uuid4()
    with connect(address) as one:
        one.execute("INSERT INTO orgs (id, name, slug) VALUES (%s, 'Acme', 'acme')", (org_id,))
        one.execute("INSERT INTO users (id, email) VALUES (%s, 'ana@example.org')", (user_id,))
        one.execute(ADD, (org_id, "api", THREADS))
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(partial(write, address, {"org": org_id, "user": user_id}), range(4)))
    with connect(address) as one:
        assert one.execute(WRONG).fetchall() == []
        assert one.execute("SELECT count(*) > 10 FROM messages").fetchone() == (True,)
    assert sum(done) > 40


def write(address, given, seed):
    """Change what is there in forty transactions, and say how many were kept: some meet, or are taken back."""
    dice, kept = random.Random(seed), 0
    with connect(address) as connection:
        for _ in range(40):
            values = {**given, "most": dice.randint(1, 4), "rating": dice.choice((-1, 1))}
            try:
                for turn in dice.choices([*TURNS], [*TURNS.values()], k=dice.randint(1, 2)):
                    connection.execute(turn, values)
                keep = dice.random() < 0.8
            except (psycopg.OperationalError, psycopg.IntegrityError):
                keep = False
            (connection.commit if keep else connection.rollback)()
            kept += keep
    return kept

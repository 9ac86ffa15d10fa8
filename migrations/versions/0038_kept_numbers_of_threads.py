"""Keep how many threads everyone's list of an organisation holds.

Counting them took as long as there are threads, up to 10,001. Whoever adds, archives or deletes some adds the difference to
a row that nobody else is writing, and makes one if there is none, so that nobody waits for it.
"""

import time

import sqlalchemy as sa
from alembic import op
from psycopg.errors import LockNotAvailable

from migrations import rls

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_TALLY = """
    SELECT t.org_id, t.origin IN ('api', 'import', 'schedule') AS shared, {sign} AS live FROM {rows} t
     WHERE t.deleted_at IS NULL AND NOT t.archived
"""
ADDED, REMOVED = (_TALLY.format(sign=sign, rows=rows) for sign, rows in ((1, "added"), (-1, "removed")))
KINDS = {
    "added": ("INSERT", "NEW TABLE AS added", ADDED),
    "removed": ("DELETE", "OLD TABLE AS removed", REMOVED),
    "changed": ("UPDATE", "NEW TABLE AS added OLD TABLE AS removed", f"{ADDED} UNION ALL {REMOVED}"),
}
# Updates by other triggers, which come with every message, and rows that go with their organisation count nothing.
COUNT = """
CREATE FUNCTION count_{kind}_threads() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_more record;
BEGIN
    FOR v_more IN SELECT d.org_id, d.shared, sum(d.live) AS live FROM ({tally}) d
                   GROUP BY d.org_id, d.shared HAVING sum(d.live) <> 0 LOOP
        UPDATE public.thread_counts c SET live = c.live + v_more.live
         WHERE c.org_id = v_more.org_id AND c.id = (
               SELECT f.id FROM public.thread_counts f WHERE f.org_id = v_more.org_id AND f.shared = v_more.shared
                LIMIT 1 FOR UPDATE SKIP LOCKED);
        IF NOT FOUND THEN
            INSERT INTO public.thread_counts (org_id, shared, live) VALUES (v_more.org_id, v_more.shared, v_more.live);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER threads_{kind}_counted AFTER {verb} ON threads REFERENCING {tables}
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION count_{kind}_threads()
"""


def _count_present() -> None:
    """As the role that sees the threads of all organisations, and while the triggers keep others from writing.

    However many there are and however long that takes.
    """
    connection = op.get_bind()
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("SET LOCAL ROLE agentpress_definer")
    op.execute("SET LOCAL row_security = on")
    tally = _TALLY.format(sign=1, rows="public.threads")
    counted = connection.execute(
        sa.text(f"SELECT d.org_id, d.shared, sum(d.live)::bigint AS live FROM ({tally}) d GROUP BY 1, 2")
    )
    present = [row._asdict() for row in counted]
    op.execute("SET LOCAL row_security = off")
    op.execute("RESET ROLE")
    table = sa.table("thread_counts", sa.column("org_id", sa.Uuid), sa.column("shared"), sa.column("live"))
    op.bulk_insert(table, present)


def upgrade() -> None:
    op.create_table(
        "thread_counts",
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("live", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id"], ["orgs.id"], name="thread_counts_org_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("org_id", "id", name="thread_counts_pkey"),
    )
    op.execute("ALTER TABLE thread_counts SET (fillfactor = 50)")
    for kind, (verb, tables, tally) in KINDS.items():
        op.execute(COUNT.format(kind=kind, verb=verb, tables=tables, tally=tally))
    _count_present()
    rls.protect("thread_counts")


LOCKED = "LOCK TABLE orgs, threads, thread_counts IN ACCESS EXCLUSIVE MODE"
TRY_SECONDS, PAUSE_SECONDS = 4, 0.1


def _lock() -> None:
    """Hold at once all tables that the downgrade needs, or none of them: others take them in any order.

    Three waits of 0.25 s end before the server would look for a deadlock, which might end the other's transaction.
    """
    connection, deadline = op.get_bind(), time.monotonic() + TRY_SECONDS
    while True:
        try:
            with connection.begin_nested():
                op.execute("SET LOCAL lock_timeout = '250ms'")
                op.execute(LOCKED)
        except sa.exc.OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable) or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return


def downgrade() -> None:
    _lock()
    for kind in KINDS:
        op.execute(f"DROP TRIGGER threads_{kind}_counted ON threads")
        op.execute(f"DROP FUNCTION count_{kind}_threads()")
    op.drop_table("thread_counts")

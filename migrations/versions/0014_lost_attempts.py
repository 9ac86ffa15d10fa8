"""Attempts that ended with their worker are counted apart from failures, and from the second on taken one at a time."""

import sqlalchemy as sa
from alembic import op

from migrations import rls, tasks_sql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SETTLE = "settle_task(uuid, integer, text, text, jsonb, text, interval)"
LOST = "lost_tasks(interval, integer)"  # stalled_tasks, which it replaces, stays for workers of the version before
FUNCTIONS = {
    SETTLE: f"""
        (p_task uuid, p_attempt integer, p_status text, p_outcome text, p_result jsonb, p_error text,
         p_retry_in interval)
        RETURNS boolean LANGUAGE plpgsql AS $$
        DECLARE v_delivery bigint; v_alone boolean;
        BEGIN
            UPDATE public.tasks t SET status = p_status, result = coalesce(p_result, t.result), error = p_error,
                   failures = t.failures + (p_outcome IN ('failed', 'late'))::integer,
                   losses = t.losses + (p_outcome = 'lost')::integer, worker_id = NULL,
                   available_at = coalesce(now() + p_retry_in, t.available_at), updated_at = now(),
                   finished_at = CASE WHEN p_retry_in IS NULL THEN now() END
             WHERE t.org_id = {tasks_sql.ORG} AND t.id = p_task AND t.attempt = p_attempt AND t.status = 'running'
            RETURNING t.delivery_id, t.losses >= 2 INTO v_delivery, v_alone;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
            UPDATE public.task_attempts a SET ended_at = now(), outcome = p_outcome, error = p_error
             WHERE a.org_id = {tasks_sql.ORG} AND a.task_id = p_task AND a.attempt = p_attempt;
            IF p_retry_in IS NULL THEN
                PERFORM public.procrastinate_finish_job_v1(v_delivery, 'succeeded', true);
            ELSE -- of those that keep losing their workers one runs at a time, so that one of them ends no other
                PERFORM public.procrastinate_retry_job_v2(v_delivery, now() + p_retry_in, NULL, NULL, (
                    SELECT 'lost:' || split_part(j.queue_name, ':', 2) FROM public.procrastinate_jobs j
                     WHERE j.id = v_delivery AND j.lock IS NULL AND v_alone)::varchar);
            END IF;
            RETURN true;
        END $$
    """,
    LOST: """
        (p_age interval, p_limit integer)
        RETURNS TABLE (org_id uuid, task_id uuid, kind text, attempt integer, failures integer, losses integer,
                       cancelled boolean)
        LANGUAGE sql STABLE AS $$
        SELECT t.org_id, t.id, t.kind, t.attempt, t.failures, t.losses, t.cancel_requested_at IS NOT NULL
          FROM public.tasks t
         WHERE t.status = 'running' AND NOT EXISTS (
               SELECT FROM public.workers w WHERE w.id = t.worker_id AND w.seen_at > now() - p_age)
         ORDER BY t.org_id, t.id LIMIT p_limit $$
    """,
}


def upgrade() -> None:
    op.add_column("tasks", sa.Column("losses", sa.Integer(), server_default="0", nullable=False))
    op.execute(f"DROP FUNCTION {SETTLE}")
    for signature, definition in FUNCTIONS.items():
        rls.definer_function(signature, definition)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {LOST}")
    op.execute(f"DROP FUNCTION {SETTLE}")
    rls.definer_function(SETTLE, tasks_sql.FUNCTIONS[SETTLE])
    op.drop_column("tasks", "losses")

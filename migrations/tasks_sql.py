"""The SQL of the revision of tasks: procrastinate's schema as its package has it, and the functions around it.

The application's role cannot touch procrastinate's tables. It hands a task over, takes one and ends one through these
functions; each moves the row in `tasks` and its delivery in one statement, so that neither is ever without the other.
A delivery's queue is named `<organisation>:<queue>`, short enough for procrastinate's channels (63 bytes).
"""

from importlib import resources

from alembic import op

from migrations import rls

ORG = "NULLIF(current_setting('app.org_id', true), '')::uuid"
TABLES = (
    "procrastinate_jobs",
    "procrastinate_events",
    "procrastinate_workers",
    "procrastinate_periodic_defers",
)
TYPES = ("procrastinate_job_to_defer_v1", "procrastinate_job_status", "procrastinate_job_event_type")

FUNCTIONS = {
    "deliver_task(uuid, text, integer, timestamptz, text)": f"""
        (p_task uuid, p_queue text, p_priority integer, p_at timestamptz, p_lock text) RETURNS bigint LANGUAGE sql AS $$
        SELECT (public.procrastinate_defer_jobs_v1(ARRAY[ROW(replace({ORG}::text, '-', '') || ':' || p_queue, 'task',
               p_priority, p_lock, NULL, jsonb_build_object('org_id', {ORG}, 'task_id', p_task), p_at
               )::public.procrastinate_job_to_defer_v1]))[1] $$
    """,
    "claim_tasks(uuid, text[], text, integer, integer, integer)": """
        (p_worker uuid, p_queues text[], p_after text, p_limit integer, p_org_limit integer, p_share integer)
        RETURNS TABLE (place text, org_id uuid, task_id uuid, kind text, attempt integer, failures integer,
                       payload jsonb, trigger text, user_id uuid, actor text, role text, agent_deleted boolean)
        LANGUAGE plpgsql AS $$
        DECLARE
            v_place text := p_after; v_next text; v_end text := p_after; v_around boolean := false;
            v_busy boolean := false; v_left integer := p_limit; v_job public.procrastinate_jobs; v_task public.tasks;
            v_running integer; v_mine integer;
        BEGIN
            -- Around the organisations that wait, from the one behind the last served, one task at a time.
            WHILE v_left > 0 LOOP
                SELECT min(j.queue_name) INTO v_next FROM public.procrastinate_jobs j
                 WHERE j.status = 'todo' AND j.queue_name > v_place;
                IF v_next IS NULL AND NOT v_around THEN
                    v_around := true; v_place := '';
                    CONTINUE;
                END IF;
                EXIT WHEN v_next IS NULL OR (v_around AND v_next > v_end);
                v_place := v_next;
                CONTINUE WHEN split_part(v_place, ':', 2) <> ALL (p_queues);
                IF NOT pg_try_advisory_xact_lock(hashtextextended(split_part(v_place, ':', 1), 20260004)) THEN
                    v_busy := true;
                    CONTINUE;
                END IF;
                SELECT count(*), count(*) FILTER (WHERE t.worker_id = p_worker) INTO v_running, v_mine
                  FROM public.tasks t
                 WHERE t.org_id = split_part(v_place, ':', 1)::uuid AND t.status = 'running';
                CONTINUE WHEN v_running >= p_org_limit OR v_mine >= p_share;
                v_job := public.procrastinate_fetch_job_v2(ARRAY[v_place]::varchar[], NULL);
                CONTINUE WHEN v_job.id IS NULL;
                UPDATE public.tasks t SET status = 'running', attempt = t.attempt + 1, worker_id = p_worker,
                       delivery_id = v_job.id, started_at = now(), updated_at = now()
                 WHERE t.org_id = (v_job.args->>'org_id')::uuid AND t.id = (v_job.args->>'task_id')::uuid
                   AND t.status = 'queued'
                RETURNING t.* INTO v_task;
                IF FOUND THEN
                    INSERT INTO public.task_attempts (id, org_id, task_id, attempt, worker_id)
                    VALUES (gen_random_uuid(), v_task.org_id, v_task.id, v_task.attempt, p_worker);
                    RETURN QUERY
                    SELECT v_place, v_task.org_id, v_task.id, v_task.kind, v_task.attempt, v_task.failures,
                           v_task.payload, v_task.trigger, v_task.created_by, u.email::text,
                           CASE WHEN u.disabled_at IS NULL THEN m.role END, a.deleted_at IS NOT NULL
                      FROM (SELECT) one
                      LEFT JOIN public.users u ON u.id = v_task.created_by
                      LEFT JOIN public.org_members m ON m.org_id = v_task.org_id AND m.user_id = v_task.created_by
                      LEFT JOIN public.agents a ON a.org_id = v_task.org_id AND a.id = v_task.agent_id;
                    v_left := v_left - 1;
                ELSE -- cancelled, or gone with its organisation
                    PERFORM public.procrastinate_finish_job_v1(v_job.id, 'succeeded', true);
                END IF;
                v_end := v_place; v_around := false;
            END LOOP;
            IF v_busy AND v_left = p_limit THEN -- another worker is choosing there: ask again
                RETURN QUERY SELECT v_end, NULL::uuid, NULL::uuid, NULL, NULL::integer, NULL::integer, NULL::jsonb, NULL,
                                    NULL::uuid, NULL, NULL, NULL::boolean;
            END IF;
        END $$
    """,
    "settle_task(uuid, integer, text, text, jsonb, text, interval)": f"""
        (p_task uuid, p_attempt integer, p_status text, p_outcome text, p_result jsonb, p_error text,
         p_retry_in interval)
        RETURNS boolean LANGUAGE plpgsql AS $$
        DECLARE v_delivery bigint;
        BEGIN
            UPDATE public.tasks t SET status = p_status, result = coalesce(p_result, t.result), error = p_error,
                   failures = t.failures + (p_outcome IN ('failed', 'lost', 'late'))::integer, worker_id = NULL,
                   available_at = coalesce(now() + p_retry_in, t.available_at), updated_at = now(),
                   finished_at = CASE WHEN p_retry_in IS NULL THEN now() END
             WHERE t.org_id = {ORG} AND t.id = p_task AND t.attempt = p_attempt AND t.status = 'running'
            RETURNING t.delivery_id INTO v_delivery;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
            UPDATE public.task_attempts a SET ended_at = now(), outcome = p_outcome, error = p_error
             WHERE a.org_id = {ORG} AND a.task_id = p_task AND a.attempt = p_attempt;
            IF p_retry_in IS NULL THEN
                PERFORM public.procrastinate_finish_job_v1(v_delivery, 'succeeded', true);
            ELSE
                PERFORM public.procrastinate_retry_job_v2(v_delivery, now() + p_retry_in, NULL, NULL, NULL);
            END IF;
            RETURN true;
        END $$
    """,
    "dropped_tasks(uuid, uuid[])": """
        (p_worker uuid, p_held uuid[]) RETURNS TABLE (org_id uuid, task_id uuid, kind text, attempt integer)
        LANGUAGE sql STABLE AS $$
        SELECT t.org_id, t.id, t.kind, t.attempt FROM public.tasks t
         WHERE t.status = 'running' AND t.worker_id = p_worker AND t.id <> ALL (p_held)
           AND t.started_at < now() - interval '10 seconds' $$
    """,
    "stalled_tasks(interval, integer)": """
        (p_age interval, p_limit integer)
        RETURNS TABLE (org_id uuid, task_id uuid, kind text, attempt integer, failures integer, cancelled boolean)
        LANGUAGE sql STABLE AS $$
        SELECT t.org_id, t.id, t.kind, t.attempt, t.failures, t.cancel_requested_at IS NOT NULL FROM public.tasks t
         WHERE t.status = 'running' AND NOT EXISTS (
               SELECT FROM public.workers w WHERE w.id = t.worker_id AND w.seen_at > now() - p_age)
         ORDER BY t.org_id, t.id LIMIT p_limit $$
    """,
    "task_queue()": """
        () RETURNS TABLE (queued bigint, running bigint, oldest timestamptz) LANGUAGE sql STABLE AS $$
        SELECT count(*) FILTER (WHERE t.status = 'queued'), count(*) FILTER (WHERE t.status = 'running'),
               min(t.available_at) FILTER (WHERE t.status = 'queued' AND t.available_at <= now())
          FROM public.tasks t WHERE t.status IN ('queued', 'running', 'waiting') $$
    """,
    "due_schedules(integer)": """
        (p_limit integer) RETURNS TABLE (org_id uuid, schedule_id uuid) LANGUAGE sql STABLE AS $$
        SELECT s.org_id, s.id FROM public.schedules s WHERE s.enabled AND s.next_run_at <= now()
         ORDER BY s.next_run_at LIMIT p_limit $$
    """,
}


def create_delivery() -> None:
    """Procrastinate's tables, for `agentpress_definer` alone; its functions find them whatever the search path."""
    schema = (resources.files("procrastinate") / "sql" / "schema.sql").read_text(encoding="utf-8")
    driver = op.get_bind().connection.driver_connection
    driver.execute(schema)
    for signature in _procrastinate_functions():
        op.execute(f"ALTER FUNCTION {signature} SET search_path = public, pg_temp")
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO agentpress_definer")
    op.execute(f"GRANT {rls.ALL_VERBS} ON {', '.join(TABLES)} TO agentpress_definer")
    for table in ("procrastinate_jobs", "procrastinate_events"):
        op.execute(f"GRANT USAGE ON SEQUENCE {table}_id_seq TO agentpress_definer")


def drop_delivery() -> None:
    """Remove what procrastinate's schema made."""
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute(f"DROP TABLE {', '.join(TABLES)} CASCADE")
    for signature in _procrastinate_functions():
        op.execute(f"DROP FUNCTION {signature} CASCADE")
    for name in TYPES:
        op.execute(f"DROP TYPE {name}")


def _procrastinate_functions() -> list[str]:
    found = op.get_bind().exec_driver_sql(
        "SELECT oid::regprocedure::text FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'procrastinate_') ORDER BY 1"
    )
    return list(found.scalars())

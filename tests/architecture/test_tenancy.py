"""The catalogue of the migrated database keeps organisations apart."""

import pytest
from sqlalchemy import text

OWN_ORG = "(org_id = (NULLIF(current_setting('app.org_id'::text, true), ''::text))::uuid)"
OWN_USER = "(NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid"
# Rows of the platform live beside rows of organisations in these: org_id may be null.
SHARED = {"audit_events", "email_outbox", "idempotency_keys"}
# Every policy beside `<table>_tenant`, as (command, role, USING, WITH CHECK).
SPECIAL = {
    "org_members_own": ("SELECT", "agentpress_app", f"(user_id = {OWN_USER})", None),
    "org_members_definer": ("SELECT", "agentpress_definer", "true", None),
    "invitations_definer": ("SELECT", "agentpress_definer", "true", None),
    "api_keys_definer": ("SELECT", "agentpress_definer", "true", None),
    "agents_definer": ("SELECT", "agentpress_definer", "true", None),
    "threads_definer": ("SELECT", "agentpress_definer", "true", None),
    "threads_counts": ("UPDATE", "agentpress_definer", "true", None),
    "thread_names_definer": ("SELECT", "agentpress_definer", "true", None),
    "messages_definer": ("SELECT", "agentpress_definer", "true", None),
    "message_search_definer": ("SELECT", "agentpress_definer", "true", None),
    "knowledge_bases_definer": ("SELECT", "agentpress_definer", "true", None),
    "knowledge_base_web_urls_definer": ("SELECT", "agentpress_definer", "true", None),
    "knowledge_base_chunks_definer": ("SELECT", "agentpress_definer", "true", None),
    "knowledge_base_chunk_search_definer": ("SELECT", "agentpress_definer", "true", None),
    "tool_approvals_definer": ("SELECT", "agentpress_definer", "true", None),
    "audit_events_read": (
        "SELECT",
        "agentpress_app",
        f"({OWN_ORG} OR ((org_id IS NULL) AND (actor_id = {OWN_USER})))",
        None,
    ),
    "audit_events_write": ("INSERT", "agentpress_app", None, f"((org_id IS NULL) OR {OWN_ORG})"),
    "email_outbox_read": ("SELECT", "agentpress_app", OWN_ORG, None),
    "email_outbox_write": ("INSERT", "agentpress_app", None, f"((org_id IS NULL) OR {OWN_ORG})"),
    "email_outbox_definer": ("ALL", "agentpress_definer", "true", "true"),
    "idempotency_keys_own": (
        "ALL",
        "agentpress_app",
        f"({OWN_ORG} OR ((org_id IS NULL) AND (user_id = {OWN_USER})))",
        f"({OWN_ORG} OR ((org_id IS NULL) AND (user_id = {OWN_USER})))",
    ),
    "idempotency_keys_definer": ("ALL", "agentpress_definer", "true", None),
    "tasks_definer": ("ALL", "agentpress_definer", "true", "true"),
    "task_attempts_definer": ("ALL", "agentpress_definer", "true", "true"),
    "schedules_definer": ("SELECT", "agentpress_definer", "true", None),
}
# Side tables: one row, or some, for a row of another table; nothing refers to them.
SIDE = {"blob_parts", "knowledge_base_chunk_search", "message_search", "thread_counts", "thread_names"}
TENANT = ("ALL", "agentpress_app", OWN_ORG, OWN_ORG)


@pytest.fixture
def ask(connection):
    """A function that runs a query on the catalogue and returns its rows."""
    return lambda query: [tuple(row) for row in connection.execute(text(query))]


@pytest.fixture
def tenants(ask):
    """Every table with an org_id, with its row-security flags and whether the column may be null."""
    found = ask("""
        SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, NOT a.attnotnull
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id'
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace ORDER BY 1
    """)
    return {name: flags for name, *flags in found}


def test_every_table_with_an_organisation_is_enabled_and_forced(tenants):
    assert "org_members" in tenants
    assert {name for name, (enabled, forced, _) in tenants.items() if not (enabled and forced)} == set()
    assert {name for name, (_, _, nullable) in tenants.items() if nullable} == SHARED


def test_policies_are_the_expected_ones_only(ask, tenants):
    found = {
        name: (table, command, ",".join(roles), using, check)
        for name, table, command, roles, using, check in ask(
            "SELECT policyname, tablename, cmd, roles, qual, with_check FROM pg_policies WHERE schemaname = 'public'"
        )
    }
    expected = {f"{name}_tenant": (name, *TENANT) for name in tenants if name not in SHARED}
    expected |= {name: (name.rpartition("_")[0], *rule) for name, rule in SPECIAL.items()}
    assert found == expected


def test_every_tenant_table_has_an_index_that_starts_with_the_organisation(ask, tenants):
    indexed = ask("""
        SELECT DISTINCT c.relname FROM pg_index i
        JOIN pg_class c ON c.oid = i.indrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE a.attname = 'org_id'
    """)
    assert set(tenants) - {name for (name,) in indexed} == set()


def test_tenant_rows_go_with_their_organisation(ask, tenants):
    cascading = ask("""
        SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
        WHERE contype = 'f' AND confdeltype = 'c' AND NOT EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey) AND NOT attnotnull
               AND attname <> 'org_id')
    """)
    going, before = {"orgs"}, 0
    while len(going) > before:
        before = len(going)
        going |= {table for table, target in cascading if target in going}
    assert set(tenants) - going == set()


def test_keys_between_tenant_tables_carry_the_organisation(ask, tenants):
    keys = ask("""
        SELECT conrelid::regclass::text, confrelid::regclass::text, conname,
               (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))
        FROM pg_constraint WHERE contype = 'f'
    """)
    inside = [
        (name, columns) for table, target, name, columns in keys if table in tenants and target in tenants
    ]
    assert [name for name, columns in inside if "org_id" not in columns] == []


def test_tenant_tables_can_be_referred_to(ask, tenants):
    keyed = ask("""
        SELECT conrelid::regclass::text FROM pg_constraint
        WHERE contype = 'u' AND conname = conrelid::regclass::text || '_org_id_id_key'
    """)
    assert set(tenants) - SHARED - {name for (name,) in keyed} == SIDE


def test_definer_functions_are_pinned_and_belong_to_their_role(ask):
    functions = ask("""
        SELECT proname, pg_get_userbyid(proowner), proconfig, has_function_privilege('public', oid, 'EXECUTE')
        FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace
    """)
    assert functions
    for name, owner, settings, public in functions:
        pinned = [setting for setting in settings if not setting.startswith("work_mem=")]
        assert (name, owner, pinned, public) == (
            name,
            "agentpress_definer",
            ["search_path=pg_catalog, pg_temp"],
            False,
        )


def test_the_roles_own_and_may_nothing_special(ask):
    roles = ask("""
        SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication
        FROM pg_roles WHERE rolname LIKE 'agentpress\\_%' ORDER BY 1
    """)
    assert roles == [("agentpress_app", False), ("agentpress_definer", False)]
    owned = "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) IN ('agentpress_app', 'agentpress_definer')"
    assert ask(owned) == []
    delivery = "SELECT count(*) FROM pg_class WHERE relname LIKE 'procrastinate\\_%' AND relkind = 'r'"
    out_of_reach = " AND NOT has_table_privilege('agentpress_app', oid, 'SELECT, INSERT, UPDATE, DELETE')"
    assert ask(delivery) == ask(delivery + out_of_reach) == [(4,)]
    assert ask("SELECT has_schema_privilege('agentpress_app', 'public', 'CREATE')") == [(False,)]


def test_audit_rows_cannot_be_changed(ask):
    may = ask(
        "SELECT privilege_type FROM information_schema.role_table_grants"
        " WHERE table_name = 'audit_events' AND grantee = 'agentpress_app' ORDER BY 1"
    )
    assert may == [("INSERT",), ("SELECT",)]

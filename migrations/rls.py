"""Roles, grants and row-level policies, in the words that migrations use.

`agentpress_app` owns nothing and does all the work; `agentpress_definer` owns the look-up functions. Roles belong to
the cluster, so they are created once and never dropped.
"""

from alembic import op

APP_ROLES = ("agentpress_app", "agentpress_definer")
OWN_ORG = "org_id = NULLIF(current_setting('app.org_id', true), '')::uuid"
USER = "NULLIF(current_setting('app.user_id', true), '')::uuid"
ALL_VERBS = "SELECT, INSERT, UPDATE, DELETE"


def create_roles() -> None:
    """Create what is missing; the login may switch to both roles and inherits from neither."""
    for role in APP_ROLES:
        op.execute(
            f"""
            DO $$ BEGIN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$
            """
        )
        op.execute(f"GRANT {role} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE")
    op.execute(f"GRANT USAGE ON SCHEMA public TO {', '.join(APP_ROLES)}")


def grant(table: str, verbs: str = ALL_VERBS) -> None:
    """Let the application use a table."""
    op.execute(f"GRANT {verbs} ON {table} TO agentpress_app")


def force(table: str) -> None:
    """Bind even the table's owner to its policies."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")


def unforce(table: str) -> None:
    """Let the table's owner see every row until it is forced again: adding a key between tables reads them."""
    op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")


def policy(table: str, name: str, rule: str) -> None:
    """Add a policy named `<table>_<name>`."""
    op.execute(f"CREATE POLICY {table}_{name} ON {table} {rule}")


def protect(table: str, verbs: str = ALL_VERBS) -> None:
    """A tenant table: the application sees and writes the rows of the organisation it acts in."""
    grant(table, verbs)
    force(table)
    policy(table, "tenant", f"TO agentpress_app USING ({OWN_ORG}) WITH CHECK ({OWN_ORG})")


def own_rows(table: str) -> None:
    """People also see their own rows in other organisations."""
    policy(table, "own", f"FOR SELECT TO agentpress_app USING (user_id = {USER})")


def definer_reads(table: str) -> None:
    """Let look-up functions read a table across organisations."""
    op.execute(f"GRANT SELECT ON {table} TO agentpress_definer")
    policy(table, "definer", "FOR SELECT TO agentpress_definer USING (true)")


def definer_function(signature: str, definition: str) -> None:
    """Create a SECURITY DEFINER function of `agentpress_definer` that only the application may call.

    `signature` is `name(types)`; `definition` begins with the named parameters and ends with the body.
    """
    op.execute(
        "SET LOCAL check_function_bodies = off"
    )  # checked under the migrator's policies, it would be refused
    op.execute(f"CREATE FUNCTION {signature.partition('(')[0]} {definition}")
    hand_over(signature)


def hand_over(signature: str) -> None:
    """Make a function a SECURITY DEFINER one of `agentpress_definer`; it cannot be altered afterwards."""
    op.execute(f"ALTER FUNCTION {signature} SECURITY DEFINER")
    op.execute(f"ALTER FUNCTION {signature} SET search_path = pg_catalog, pg_temp")
    op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO agentpress_app")
    op.execute("GRANT CREATE ON SCHEMA public TO agentpress_definer")
    op.execute(f"ALTER FUNCTION {signature} OWNER TO agentpress_definer")
    op.execute("REVOKE CREATE ON SCHEMA public FROM agentpress_definer")

"""Keys of programs: their last signs, what replaces them, the look-up of their bearer, and answers kept per organisation."""

import sqlalchemy as sa
from alembic import op

from migrations import rls

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OWN_ANSWERS = f"{rls.OWN_ORG} OR (org_id IS NULL AND user_id = {rls.USER})"
FUNCTIONS = {
    "api_key_bearer(bytea)": """
        (p_key_hash bytea) RETURNS TABLE (id uuid, org_id uuid, user_id uuid, role text, name text, prefix text,
                                          scopes text[], expires_at timestamptz, last_used_at timestamptz)
        LANGUAGE sql STABLE AS $$
        SELECT k.id, k.org_id, k.user_id, m.role, k.name, k.prefix, k.scopes, k.expires_at, k.last_used_at
          FROM public.api_keys k JOIN public.org_members m ON m.org_id = k.org_id AND m.user_id = k.user_id
         WHERE k.key_hash = p_key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now()) $$
    """,
    "remove_expired_idempotency_keys()": """
        () RETURNS void LANGUAGE sql AS $$
        DELETE FROM public.idempotency_keys i WHERE i.expires_at < now() $$
    """,
}


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("ending", sa.Text(), nullable=True))
    op.add_column("api_keys", sa.Column("replaced_by", sa.Uuid(), nullable=True))
    rls.unforce("api_keys")
    op.create_foreign_key(
        "api_keys_org_id_replaced_by_fkey",
        "api_keys",
        "api_keys",
        ["org_id", "replaced_by"],
        ["org_id", "id"],
        ondelete="SET NULL (replaced_by)",
    )
    rls.force("api_keys")
    rls.definer_reads("api_keys")

    op.add_column("idempotency_keys", sa.Column("org_id", sa.Uuid(), nullable=True))
    op.add_column("idempotency_keys", sa.Column("body", sa.Text(), nullable=True))
    op.create_foreign_key(
        "idempotency_keys_org_id_fkey", "idempotency_keys", "orgs", ["org_id"], ["id"], ondelete="CASCADE"
    )
    op.drop_constraint("idempotency_keys_user_id_key_key", "idempotency_keys", type_="unique")
    op.create_unique_constraint(
        "idempotency_keys_org_id_user_id_key_key",
        "idempotency_keys",
        ["org_id", "user_id", "key"],
        postgresql_nulls_not_distinct=True,
    )
    rls.force("idempotency_keys")
    rls.policy(
        "idempotency_keys",
        "own",
        f"TO agentpress_app USING ({OWN_ANSWERS}) WITH CHECK ({OWN_ANSWERS})",
    )
    rls.policy("idempotency_keys", "definer", "TO agentpress_definer USING (true)")
    op.execute("GRANT SELECT, DELETE ON idempotency_keys TO agentpress_definer")

    for signature, definition in FUNCTIONS.items():
        rls.definer_function(signature, definition)


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute("REVOKE SELECT, DELETE ON idempotency_keys FROM agentpress_definer")
    op.execute("DROP POLICY idempotency_keys_definer ON idempotency_keys")
    op.execute("DROP POLICY idempotency_keys_own ON idempotency_keys")
    rls.unforce("idempotency_keys")
    op.execute("ALTER TABLE idempotency_keys DISABLE ROW LEVEL SECURITY")
    op.drop_constraint("idempotency_keys_org_id_user_id_key_key", "idempotency_keys", type_="unique")
    op.execute("DELETE FROM idempotency_keys WHERE org_id IS NOT NULL")
    op.create_unique_constraint("idempotency_keys_user_id_key_key", "idempotency_keys", ["user_id", "key"])
    op.drop_column("idempotency_keys", "body")
    op.drop_column("idempotency_keys", "org_id")
    op.execute("DROP POLICY api_keys_definer ON api_keys")
    op.execute("REVOKE SELECT ON api_keys FROM agentpress_definer")
    op.drop_column("api_keys", "replaced_by")
    op.drop_column("api_keys", "ending")

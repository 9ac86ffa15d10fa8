"""The foundation: accounts, organisations, agents, mail, audit, and the row-level policies around them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PLATFORM_TABLES = (
    "users",
    "sessions",
    "password_resets",
    "email_changes",
    "oauth_flows",
    "totp_devices",
    "recovery_codes",
    "login_attempts",
    "orgs",
    "platform_settings",
    "idempotency_keys",
    "workers",
)
TENANT_TABLES = ("org_members", "invitations", "api_keys", "agents")
FUNCTIONS = {
    "session_memberships(bytea)": """
        (p_token_hash bytea) RETURNS TABLE (org_id uuid, role text) LANGUAGE sql STABLE AS $$
        SELECT m.org_id, m.role FROM public.sessions s JOIN public.org_members m ON m.user_id = s.user_id
         WHERE s.token_hash = p_token_hash AND s.expires_at > now() $$
    """,
    "invitation_for_token(bytea)": """
        (p_token_hash bytea) RETURNS TABLE (id uuid, org_id uuid) LANGUAGE sql STABLE AS $$
        SELECT i.id, i.org_id FROM public.invitations i WHERE i.token_hash = p_token_hash $$
    """,
    "count_memberships(uuid)": """
        (p_user_id uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
        SELECT count(*) FROM public.org_members m WHERE m.user_id = p_user_id $$
    """,
    "org_sizes()": """
        () RETURNS TABLE (org_id uuid, members bigint, owners bigint) LANGUAGE sql STABLE AS $$
        SELECT m.org_id, count(*), count(*) FILTER (WHERE m.role = 'owner') FROM public.org_members m GROUP BY m.org_id $$
    """,
    "claim_emails(integer, interval)": """
        (p_limit integer, p_lease interval)
        RETURNS TABLE (id uuid, org_id uuid, recipient text, template text, subject text, context bytea, attempts integer)
        LANGUAGE sql AS $$
        UPDATE public.email_outbox o SET attempts = o.attempts + 1, next_attempt_at = now() + p_lease
         WHERE o.id IN (SELECT d.id FROM public.email_outbox d
                         WHERE d.sent_at IS NULL AND d.failed_at IS NULL AND d.next_attempt_at <= now()
                         ORDER BY d.next_attempt_at LIMIT p_limit FOR UPDATE SKIP LOCKED)
        RETURNING o.id, o.org_id, o.recipient, o.template, o.subject, o.context, o.attempts $$
    """,
    "settle_email(uuid, integer, text, timestamptz)": """
        (p_id uuid, p_attempt integer, p_error text, p_retry_at timestamptz) RETURNS boolean LANGUAGE sql AS $$
        UPDATE public.email_outbox SET
               sent_at = CASE WHEN p_error IS NULL THEN now() END,
               failed_at = CASE WHEN p_error IS NOT NULL AND p_retry_at IS NULL THEN now() END,
               next_attempt_at = coalesce(p_retry_at, next_attempt_at),
               context = CASE WHEN p_retry_at IS NOT NULL THEN context END,
               error = p_error
         WHERE id = p_id AND attempts = p_attempt AND sent_at IS NULL AND failed_at IS NULL
        RETURNING true $$
    """,
    "remove_settled_emails(interval)": """
        (p_age interval) RETURNS void LANGUAGE sql AS $$
        DELETE FROM public.email_outbox o WHERE coalesce(o.sent_at, o.failed_at) < now() - p_age $$
    """,
    "mail_queue()": """
        () RETURNS TABLE (waiting bigint, oldest timestamptz, failed bigint) LANGUAGE sql STABLE AS $$
        SELECT count(*) FILTER (WHERE o.failed_at IS NULL), min(o.created_at) FILTER (WHERE o.failed_at IS NULL),
               count(*) FILTER (WHERE o.failed_at > now() - interval '24 hours')
          FROM public.email_outbox o
         WHERE o.sent_at IS NULL AND (o.failed_at IS NULL OR o.failed_at > now() - interval '24 hours') $$
    """,
    "agents_deleted_before(timestamptz, integer)": """
        (p_moment timestamptz, p_limit integer) RETURNS TABLE (org_id uuid, id uuid) LANGUAGE sql STABLE AS $$
        SELECT a.org_id, a.id FROM public.agents a WHERE a.deleted_at < p_moment ORDER BY a.org_id, a.id LIMIT p_limit $$
    """,
}


def upgrade() -> None:
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("moments", postgresql.ARRAY(postgresql.TIMESTAMP(timezone=True)), nullable=False),
        sa.Column("granted", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="login_attempts_pkey"),
        sa.UniqueConstraint("key_hash", name="login_attempts_key_hash_key"),
    )

    op.create_table(
        "orgs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column(
            "settings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("agents_generation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 60", name="orgs_slug_check"
        ),
        sa.PrimaryKeyConstraint("id", name="orgs_pkey"),
        sa.UniqueConstraint("slug", name="orgs_slug_key"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=True),
        sa.Column("first_name", sa.String(length=255), nullable=True),
        sa.Column("last_name", sa.String(length=255), nullable=True),
        sa.Column("github_id", sa.Text(), nullable=True),
        sa.Column("google_id", sa.Text(), nullable=True),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), server_default="GUEST", nullable=False),
        sa.Column("provider", sa.Text(), server_default="EMAIL", nullable=False),
        sa.Column("disabled_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "preferences",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("email = lower(email) AND email <> ''", name="users_email_check"),
        sa.CheckConstraint("provider IN ('EMAIL', 'GITHUB', 'GOOGLE')", name="users_provider_check"),
        sa.CheckConstraint("role IN ('ADMIN', 'GUEST')", name="users_role_check"),
        sa.PrimaryKeyConstraint("id", name="users_pkey"),
        sa.UniqueConstraint("email", name="users_email_key"),
        sa.UniqueConstraint("github_id", name="users_github_id_key"),
        sa.UniqueConstraint("google_id", name="users_google_id_key"),
        sa.UniqueConstraint("username", name="users_username_key"),
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("prompt", sa.Text(), nullable=True),
        sa.Column("primary_model_provider", sa.String(length=255), nullable=True),
        sa.Column("primary_model", sa.String(length=255), nullable=True),
        sa.Column("primary_model_temperature", sa.REAL(), nullable=True),
        sa.Column(
            "tools_enabled",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column(
            "rag_enabled",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("enabled", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("archived", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("lock_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("deleted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "primary_model_temperature BETWEEN 0 AND 2", name="agents_primary_model_temperature_check"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="agents_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="agents_pkey"),
        sa.UniqueConstraint("org_id", "id", name="agents_org_id_id_key"),
    )
    op.create_index("agents_org_id_created_at_id_idx", "agents", ["org_id", "created_at", "id"])
    op.create_index(
        "agents_org_id_name_key",
        "agents",
        ["org_id", sa.literal_column("lower(name)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("agents_org_id_updated_at_id_idx", "agents", ["org_id", "updated_at", "id"])

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="api_keys_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="api_keys_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="api_keys_pkey"),
        sa.UniqueConstraint("key_hash", name="api_keys_key_hash_key"),
        sa.UniqueConstraint("org_id", "id", name="api_keys_org_id_id_key"),
    )
    op.create_index("api_keys_org_id_created_at_id_idx", "api_keys", ["org_id", "created_at", "id"])

    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_label", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_type", sa.Text(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=True),
        sa.Column("target_label", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="audit_events_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="audit_events_pkey"),
    )
    op.create_index("audit_events_actor_id_created_at_idx", "audit_events", ["actor_id", "created_at"])
    op.create_index("audit_events_org_id_created_at_id_idx", "audit_events", ["org_id", "created_at", "id"])
    op.create_index(
        "audit_events_org_id_target_type_target_id_idx",
        "audit_events",
        ["org_id", "target_type", "target_id"],
    )

    op.create_table(
        "email_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("former_email", sa.String(length=255), nullable=False),
        sa.Column("token_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("undo_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("undone_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="email_changes_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="email_changes_pkey"),
        sa.UniqueConstraint("token_hash", name="email_changes_token_hash_key"),
        sa.UniqueConstraint("undo_hash", name="email_changes_undo_hash_key"),
    )
    op.create_index("email_changes_user_id_idx", "email_changes", ["user_id"])

    op.create_table(
        "email_outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=True),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("context", postgresql.BYTEA(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column(
            "next_attempt_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="email_outbox_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="email_outbox_pkey"),
    )
    op.create_index(
        "email_outbox_next_attempt_at_idx",
        "email_outbox",
        ["next_attempt_at"],
        postgresql_where=sa.text("sent_at IS NULL AND failed_at IS NULL"),
    )
    op.create_index("email_outbox_org_id_created_at_idx", "email_outbox", ["org_id", "created_at"])

    op.create_table(
        "idempotency_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", postgresql.BYTEA(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column(
            "expires_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now() + interval '24 hours'"),
            nullable=False,
        ),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="idempotency_keys_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="idempotency_keys_pkey"),
        sa.UniqueConstraint("user_id", "key", name="idempotency_keys_user_id_key_key"),
    )
    op.create_index("idempotency_keys_expires_at_idx", "idempotency_keys", ["expires_at"])

    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("token_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("accepted_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "expires_at <= created_at + interval '7 days 1 minute'", name="invitations_expires_at_check"
        ),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member', 'viewer')", name="invitations_role_check"),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["users.id"], name="invitations_accepted_by_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name="invitations_invited_by_fkey", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="invitations_org_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="invitations_pkey"),
        sa.UniqueConstraint("org_id", "id", name="invitations_org_id_id_key"),
        sa.UniqueConstraint("token_hash", name="invitations_token_hash_key"),
    )
    op.create_index("invitations_org_id_created_at_id_idx", "invitations", ["org_id", "created_at", "id"])
    op.create_index(
        "invitations_org_id_email_pending_key",
        "invitations",
        ["org_id", "email"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
    )

    op.create_table(
        "oauth_flows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("browser_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("nonce", postgresql.BYTEA(), nullable=True),
        sa.Column("verifier", postgresql.BYTEA(), nullable=True),
        sa.Column("profile", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("next_path", sa.Text(), nullable=True),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("provider IN ('GITHUB', 'GOOGLE')", name="oauth_flows_provider_check"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="oauth_flows_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="oauth_flows_pkey"),
        sa.UniqueConstraint("state_hash", name="oauth_flows_state_hash_key"),
    )
    op.create_index("oauth_flows_expires_at_idx", "oauth_flows", ["expires_at"])

    op.create_table(
        "org_members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member', 'viewer')", name="org_members_role_check"),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="org_members_org_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="org_members_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="org_members_pkey"),
        sa.UniqueConstraint("org_id", "id", name="org_members_org_id_id_key"),
        sa.UniqueConstraint("org_id", "user_id", name="org_members_org_id_user_id_key"),
    )
    op.create_index("org_members_user_id_idx", "org_members", ["user_id"])

    op.create_table(
        "password_resets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="password_resets_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="password_resets_pkey"),
        sa.UniqueConstraint("token_hash", name="password_resets_token_hash_key"),
    )
    op.create_index("password_resets_user_id_idx", "password_resets", ["user_id"])

    op.create_table(
        "platform_settings",
        sa.Column("id", sa.Integer(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("setup_token_hash", postgresql.BYTEA(), nullable=True),
        sa.Column("claimed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("default_org_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("id = 1", name="platform_settings_id_check"),
        sa.ForeignKeyConstraint(
            ["default_org_id"], ["orgs.id"], name="platform_settings_default_org_id_fkey", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="platform_settings_pkey"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="recovery_codes_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="recovery_codes_pkey"),
        sa.UniqueConstraint("user_id", "code_hash", name="recovery_codes_user_id_code_hash_key"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", postgresql.BYTEA(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "last_seen_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "reauthenticated_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="sessions_user_id_fkey", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="sessions_pkey"),
        sa.UniqueConstraint("token_hash", name="sessions_token_hash_key"),
    )
    op.create_index("sessions_user_id_idx", "sessions", ["user_id"])

    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column(
            "started_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "seen_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name="workers_pkey"),
    )

    op.create_table(
        "totp_devices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("secret", postgresql.BYTEA(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=True),
        sa.Column("confirmed_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name="totp_devices_user_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="totp_devices_pkey"),
        sa.UniqueConstraint("user_id", name="totp_devices_user_id_key"),
    )

    rls.create_roles()
    rls.grant("alembic_version", "SELECT")
    for table in PLATFORM_TABLES:
        rls.grant(table)
    for table in TENANT_TABLES:
        rls.protect(table)
    rls.own_rows("org_members")
    _protect_audit()
    _protect_outbox()
    _create_lookups()


def _protect_audit() -> None:
    """Insert and read only: an organisation sees its own events, an event outside any is its actor's."""
    rls.grant("audit_events", "SELECT, INSERT")
    rls.force("audit_events")
    rls.policy(
        "audit_events",
        "read",
        f"FOR SELECT TO agentpress_app USING ({rls.OWN_ORG} OR (org_id IS NULL AND actor_id = {rls.USER}))",
    )
    rls.policy(
        "audit_events", "write", f"FOR INSERT TO agentpress_app WITH CHECK (org_id IS NULL OR {rls.OWN_ORG})"
    )


def _protect_outbox() -> None:
    """The application adds mail and reads the delivery log of its organisation; claiming is a function's."""
    columns = "id, org_id, recipient, template, subject, attempts, next_attempt_at, sent_at, failed_at, error, created_at"
    rls.grant("email_outbox", f"SELECT ({columns}), INSERT")
    rls.force("email_outbox")
    rls.policy("email_outbox", "read", f"FOR SELECT TO agentpress_app USING ({rls.OWN_ORG})")
    rls.policy(
        "email_outbox", "write", f"FOR INSERT TO agentpress_app WITH CHECK (org_id IS NULL OR {rls.OWN_ORG})"
    )
    rls.policy("email_outbox", "definer", "TO agentpress_definer USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT, UPDATE, DELETE ON email_outbox TO agentpress_definer")


def _create_lookups() -> None:
    """What must be found before an organisation is known."""
    op.execute("GRANT SELECT ON sessions TO agentpress_definer")
    rls.definer_reads("org_members")
    rls.definer_reads("invitations")
    rls.definer_reads("agents")
    for signature, definition in FUNCTIONS.items():
        rls.definer_function(signature, definition)


def downgrade() -> None:
    for signature in FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_table("workers")
    op.drop_table("totp_devices")
    op.drop_table("sessions")
    op.drop_table("recovery_codes")
    op.drop_table("platform_settings")
    op.drop_table("password_resets")
    op.drop_table("org_members")
    op.drop_table("oauth_flows")
    op.drop_table("invitations")
    op.drop_table("idempotency_keys")
    op.drop_table("email_outbox")
    op.drop_table("email_changes")
    op.drop_table("audit_events")
    op.drop_table("api_keys")
    op.drop_table("agents")
    op.drop_table("users")
    op.drop_table("orgs")
    op.drop_table("login_attempts")

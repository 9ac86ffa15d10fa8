"""Hold what answers cost to limits of organisations and keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations import rls

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

LIMITS, RESERVATIONS = "spend_limits", "spend_reservations"


def _amount(name: str, default: str | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=False)


def _moment(name: str) -> sa.Column[object]:
    moment = postgresql.TIMESTAMP(timezone=True)
    return sa.Column(name, moment, server_default=sa.text("now()"), nullable=False)


def _keys(table: str) -> list[sa.Constraint]:
    return [
        sa.PrimaryKeyConstraint("id", name=f"{table}_pkey"),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=f"{table}_org_id_fkey", ondelete="CASCADE"),
        sa.UniqueConstraint("org_id", "id", name=f"{table}_org_id_id_key"),
    ]


def upgrade() -> None:
    op.create_table(
        LIMITS,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("api_key_id", sa.Uuid(), nullable=True),
        sa.Column("period", sa.Text(), nullable=False),
        _amount("limit_micros"),
        _amount("spent_micros", "0"),
        _amount("reserved_micros", "0"),
        sa.Column("period_start", postgresql.TIMESTAMP(timezone=True), nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        *_keys(LIMITS),
        sa.ForeignKeyConstraint(
            ["org_id", "api_key_id"],
            ["api_keys.org_id", "api_keys.id"],
            name=f"{LIMITS}_org_id_api_key_id_fkey",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "org_id",
            "api_key_id",
            name=f"{LIMITS}_org_id_api_key_id_key",
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint("period IN ('day', 'month')", name="period"),
        sa.CheckConstraint(
            "limit_micros >= 0 AND spent_micros >= 0 AND reserved_micros >= 0", name="amounts"
        ),
    )
    op.create_table(
        RESERVATIONS,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("org_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        _amount("amount_micros"),
        sa.Column("limit_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        _moment("created_at"),
        *_keys(RESERVATIONS),
        sa.ForeignKeyConstraint(
            ["org_id", "task_id"],
            ["tasks.org_id", "tasks.id"],
            name=f"{RESERVATIONS}_org_id_task_id_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index(f"{RESERVATIONS}_org_id_task_id_idx", RESERVATIONS, ["org_id", "task_id"])
    rls.protect(LIMITS)
    rls.protect(RESERVATIONS)


def downgrade() -> None:
    op.drop_table(RESERVATIONS)
    op.drop_table(LIMITS)

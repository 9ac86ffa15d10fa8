"""Let connections list models that put passages into order."""

from alembic import op

from migrations import rls

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLE, CHECK = "connection_models", "connection_models_purpose_check"


def _purposes(*purposes: str) -> None:
    op.drop_constraint(CHECK, TABLE, type_="check")
    op.create_check_constraint(CHECK, TABLE, f"purpose IN ({', '.join(map(repr, purposes))})")


def upgrade() -> None:
    _purposes("chat", "embedding", "rerank")


def downgrade() -> None:
    rls.unforce(TABLE)
    op.execute(f"UPDATE {TABLE} SET purpose = 'chat' WHERE purpose = 'rerank'")
    rls.force(TABLE)
    _purposes("chat", "embedding")

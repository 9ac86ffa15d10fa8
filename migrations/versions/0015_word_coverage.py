"""Let the search by words say how much of the question a passage covers."""

from alembic import op

from migrations import knowledge_sql, rls

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _replace(knowledge_sql.COVERING)


def downgrade() -> None:
    _replace(knowledge_sql.SEARCHES)


def _replace(functions: dict[str, str]) -> None:
    for signature, definition in functions.items():
        op.execute(f"DROP FUNCTION {signature}")
        rls.definer_function(signature, definition)

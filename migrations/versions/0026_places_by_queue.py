"""Places are counted for each queue by itself, and a worker can take tasks of every queue but some."""

from alembic import op

from migrations import rls, tasks_sql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

CLAIM = "claim_tasks(uuid, text[], text, integer, integer, integer)"
CHANGES = {
    "                CONTINUE WHEN split_part(v_place, ':', 2) <> ALL (p_queues);": """
                -- Names with a minus are left out; without any, or with such names only, all others are taken.
                CONTINUE WHEN '-' || split_part(v_place, ':', 2) = ANY (p_queues)
                    OR (p_queues[1] NOT LIKE '-%' AND split_part(v_place, ':', 2) <> ALL (p_queues));
    """.strip("\n "),
    "AND t.status = 'running';": "AND t.status = 'running' AND t.queue = split_part(v_place, ':', 2);",
}


def changed() -> str:
    """The function as it is from now on."""
    definition = tasks_sql.FUNCTIONS[CLAIM]
    for before, after in CHANGES.items():
        assert definition.count(before) == 1, before
        definition = definition.replace(before, after)
    return definition


def replace(definition: str) -> None:
    """Put it in the place of the one that is there."""
    op.execute(f"DROP FUNCTION {CLAIM}")
    rls.definer_function(CLAIM, definition)


def upgrade() -> None:
    replace(changed())


def downgrade() -> None:
    replace(tasks_sql.FUNCTIONS[CLAIM])

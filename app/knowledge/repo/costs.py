"""What the work on knowledge cost, noted on its tasks."""

from uuid import UUID

from sqlalchemy import func, update

from app.db.base import db
from app.db.tables import Task


def add_cost(org_id: UUID, task_id: UUID, micros: int) -> None:
    """Add to what a task cost; `micros` are millionths of the currency. Work without a task costs nobody anything."""
    db.session().execute(
        update(Task)
        .where(Task.org_id == org_id, Task.id == task_id)
        .values(cost_micros=Task.cost_micros + micros, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )

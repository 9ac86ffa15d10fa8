"""What answers may cost, have cost, and may be about to: limits, and what is reserved of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid
from uuid_utils.compat import uuid7

from app.db.base import db
from app.db.tables import Task
from app.orgs.models import SpendLimit, SpendReservation

_STARTS = "greatest(l.period_start, date_trunc(l.period, now(), 'UTC'))"
_SPENT = "CASE WHEN l.period_start < date_trunc(l.period, now(), 'UTC') THEN 0 ELSE l.spent_micros END"
_FACTS = f"""
    l.id, l.api_key_id, l.period, l.limit_micros, {_SPENT} AS spent_micros, l.reserved_micros, {_STARTS} AS starts,
    ({_STARTS} AT TIME ZONE 'UTC' + ('1 ' || l.period)::interval) AT TIME ZONE 'UTC' AS ends
"""
_CHAIN = """
    chain (id) AS (
        SELECT CAST(:key_id AS uuid)
         UNION
        SELECT k.replaced_by FROM api_keys k JOIN chain ON k.id = chain.id
         WHERE k.org_id = :org_id AND k.replaced_by IS NOT NULL
    )
"""
_OF_RUN = "l.org_id = :org_id AND (l.api_key_id IS NULL OR l.api_key_id IN (SELECT id FROM chain))"
_HOLDING = text(
    f"WITH RECURSIVE {_CHAIN} SELECT {_FACTS} FROM spend_limits l WHERE {_OF_RUN} ORDER BY l.api_key_id NULLS FIRST"  # noqa: S608 - of the constants above
)
_RESERVE = text(
    f"""
    WITH RECURSIVE {_CHAIN}, held AS (
        SELECT {_FACTS} FROM spend_limits l WHERE {_OF_RUN} ORDER BY l.api_key_id NULLS FIRST FOR UPDATE OF l
    ), judged AS (
        SELECT held.*, spent_micros + reserved_micros + :amount <= limit_micros AS fits,
               bool_and(spent_micros + reserved_micros + :amount <= limit_micros) OVER () AS all_fit
          FROM held
    ), done AS (
        UPDATE spend_limits l
           SET spent_micros = judged.spent_micros, reserved_micros = judged.reserved_micros + :amount,
               period_start = judged.starts, updated_at = now()
          FROM judged WHERE l.id = judged.id AND l.org_id = :org_id AND judged.all_fit
        RETURNING l.id
    ), kept AS (
        INSERT INTO spend_reservations (id, org_id, task_id, amount_micros, limit_ids)
        SELECT :id, :org_id, :task_id, :amount, array_agg(done.id) FROM done HAVING count(*) > 0
    )
    SELECT id, api_key_id, period, limit_micros, spent_micros, reserved_micros, ends, fits FROM judged
    """  # noqa: S608 - of the constants above
)
_HOLD = text(
    "SELECT l.id FROM spend_limits l WHERE l.org_id = :org_id AND l.id = ANY(:ids)"
    " ORDER BY l.api_key_id NULLS FIRST FOR UPDATE"
).bindparams(bindparam("ids", type_=ARRAY(Uuid())))
_SETTLE = text(
    f"""
    UPDATE spend_limits l
       SET reserved_micros = greatest(0, l.reserved_micros - :amount), spent_micros = {_SPENT} + :cost,
           period_start = {_STARTS}, updated_at = now()
     WHERE l.org_id = :org_id AND l.id = ANY(:ids)
    """  # noqa: S608 - of the constants above
).bindparams(bindparam("ids", type_=ARRAY(Uuid())))
_COUNT = text(
    f"""
    UPDATE spend_limits l SET spent_micros = {_SPENT} + :cost, period_start = {_STARTS}, updated_at = now()
     WHERE l.org_id = :org_id AND l.api_key_id IS NULL
    """  # noqa: S608 - of the constants above
)
_ONE = text(
    f"SELECT {_FACTS} FROM spend_limits l"  # noqa: S608 - of the constants above
    " WHERE l.org_id = :org_id AND l.api_key_id IS NOT DISTINCT FROM CAST(:key_id AS uuid)"
)
_SET = text(
    """
    INSERT INTO spend_limits AS l (id, org_id, api_key_id, period, limit_micros, period_start)
    VALUES (:id, :org_id, CAST(:key_id AS uuid), :period, :limit, date_trunc(:period, now(), 'UTC'))
    ON CONFLICT (org_id, api_key_id) DO UPDATE
       SET limit_micros = excluded.limit_micros, period = excluded.period, updated_at = now(),
           spent_micros = CASE WHEN l.period = excluded.period THEN l.spent_micros ELSE 0 END,
           period_start = CASE WHEN l.period = excluded.period THEN l.period_start ELSE excluded.period_start END
    RETURNING l.id
    """
)
_MOVE = text(
    "UPDATE spend_limits SET api_key_id = :successor_id, updated_at = now()"
    " WHERE org_id = :org_id AND api_key_id = :key_id"
)


@dataclass(frozen=True)
class LimitRow:
    """A limit in its present period, which ends at `ends`; of the organisation if no key is named."""

    id: UUID
    api_key_id: UUID | None
    period: str
    limit_micros: int
    spent_micros: int
    reserved_micros: int
    ends: datetime
    fits: bool = True

    @property
    def left_micros(self) -> int:
        """What is neither spent nor reserved; below 0 if the limit was passed or lowered."""
        return self.limit_micros - self.spent_micros - self.reserved_micros

    @property
    def used_up(self) -> bool:
        """Whether nothing is left."""
        return self.left_micros <= 0


@dataclass(frozen=True)
class Payer:
    """Whose limits a call of a model counts to: the task of an organisation, begun with a key or without one."""

    org_id: UUID
    task_id: UUID
    api_key_id: UUID | None = None


class SpendRepo:
    """The limits of one organisation. Locks are taken in one order: reservation, then organisation, then keys."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def get(self, org_id: UUID, key_id: UUID | None) -> LimitRow | None:
        """The limit of a key, or of the organisation."""
        row = self._session.execute(_ONE, {"org_id": org_id, "key_id": key_id}).one_or_none()
        return None if row is None else _limit(row)

    def holding(self, org_id: UUID, key_id: UUID | None) -> list[LimitRow]:
        """The limits that what is begun with this key counts to: its own, its successors' and the organisation's."""
        rows = self._session.execute(_HOLDING, {"org_id": org_id, "key_id": key_id})
        return [_limit(row) for row in rows]

    def running(self, org_id: UUID, task_id: UUID) -> bool:
        """Whether the task runs; it does not end before the transaction does."""
        found = select(Task.id).where(Task.org_id == org_id, Task.id == task_id, Task.status == "running")
        return self._session.scalar(found.with_for_update(read=True)) is not None

    def reserve(self, payer: Payer, micros: int) -> tuple[UUID | None, Sequence[LimitRow]]:
        """Hold an amount of every limit, or of none: the reservation, and the limits that it did not fit.

        Without limits there is neither.
        """
        made = uuid7()
        values = {
            "id": made,
            "org_id": payer.org_id,
            "task_id": payer.task_id,
            "key_id": payer.api_key_id,
            "amount": micros,
        }
        rows = self._session.execute(_RESERVE, values).all()
        over = [LimitRow(**row._mapping) for row in rows if not row.fits]  # noqa: SLF001 - the public name of it
        return (made if rows and not over else None), over

    def count(self, org_id: UUID, micros: int) -> None:
        """Count what was spent without a reservation to the organisation's limit, if it has one."""
        self._session.execute(_COUNT, {"org_id": org_id, "cost": micros})

    def settle(self, org_id: UUID, reservation_id: UUID, cost_micros: int) -> bool:
        """Count what a call cost instead of what was held for it; False, with nothing changed, the second time."""
        return self._end(org_id, [SpendReservation.id == reservation_id], cost_micros)

    def release(self, org_id: UUID, task_id: UUID) -> bool:
        """Give back what is still held for a task."""
        return self._end(org_id, [SpendReservation.task_id == task_id], 0)

    def _end(self, org_id: UUID, which: Sequence[object], cost_micros: int) -> bool:
        gone = self._session.execute(
            delete(SpendReservation)
            .where(SpendReservation.org_id == org_id, *which)  # type: ignore[arg-type]
            .returning(SpendReservation.amount_micros, SpendReservation.limit_ids)
            .execution_options(synchronize_session=False)
        ).all()
        ids = sorted({limit_id for _, held in gone for limit_id in held})
        if ids:
            self._session.execute(_HOLD, {"org_id": org_id, "ids": ids})
        for amount, held in gone:
            values = {"org_id": org_id, "ids": held, "amount": amount, "cost": cost_micros}
            self._session.execute(_SETTLE, values)
        return bool(gone)

    def put(self, org_id: UUID, key_id: UUID | None, period: str, micros: int) -> UUID:
        """Set a limit. What was spent stays, unless another period begins with it."""
        values = {"id": uuid7(), "org_id": org_id, "key_id": key_id, "period": period, "limit": micros}
        made: UUID = self._session.execute(_SET, values).scalar_one()
        return made

    def remove(self, org_id: UUID, key_id: UUID | None) -> None:
        """Take a limit away."""
        mine = SpendLimit.api_key_id.is_(None) if key_id is None else SpendLimit.api_key_id == key_id
        self._session.execute(
            delete(SpendLimit)
            .where(SpendLimit.org_id == org_id, mine)
            .execution_options(synchronize_session=False)
        )

    def move(self, org_id: UUID, key_id: UUID, successor_id: UUID) -> None:
        """Let a key's successor take over its limit, with what is spent of it."""
        self._session.execute(_MOVE, {"org_id": org_id, "key_id": key_id, "successor_id": successor_id})


def _limit(row: object) -> LimitRow:
    names = ("id", "api_key_id", "period", "limit_micros", "spent_micros", "reserved_micros", "ends")
    return LimitRow(*(getattr(row, name) for name in names))

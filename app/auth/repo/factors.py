"""Second factors and the codes that stand in for them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from app.auth.models import RecoveryCode, TotpDevice
from app.db.base import db


class FactorRepo:
    """The authenticator app of a person, and their recovery codes."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def is_on(self, user_id: UUID) -> bool:
        """Whether signing in asks for a code."""
        found = exists().where(TotpDevice.user_id == user_id, TotpDevice.confirmed_at.is_not(None))
        return bool(self._session.scalar(select(found)))

    def set_up_since(self, user_id: UUID, moment: datetime) -> bool:
        """Whether the person's device, confirmed or not, is no older."""
        newer = or_(TotpDevice.created_at >= moment, TotpDevice.confirmed_at >= moment)
        return bool(self._session.scalar(select(exists().where(TotpDevice.user_id == user_id, newer))))

    def device(self, user_id: UUID) -> TotpDevice | None:
        """The person's device, confirmed or not."""
        return self._session.scalar(select(TotpDevice).where(TotpDevice.user_id == user_id))

    def begin(self, user_id: UUID, secret: str) -> None:
        """Store a device that waits for its first code, in place of one that waited before."""
        waiting = delete(TotpDevice).where(TotpDevice.user_id == user_id, TotpDevice.confirmed_at.is_(None))
        self._session.execute(waiting)
        self._session.add(TotpDevice(user_id=user_id, secret=secret))
        self._session.flush()

    def confirm(self, user_id: UUID) -> bool:
        """Turn the device on; False if it is on already."""
        turned_on = (
            update(TotpDevice)
            .where(TotpDevice.user_id == user_id, TotpDevice.confirmed_at.is_(None))
            .values(confirmed_at=func.now())
            .returning(TotpDevice.id)
        )
        return self._session.scalar(turned_on) is not None

    def accept(self, user_id: UUID, step: int) -> bool:
        """Use up the code of a time step; False if it, or a later one, was used."""
        used = (
            update(TotpDevice)
            .where(
                TotpDevice.user_id == user_id,
                or_(TotpDevice.last_step.is_(None), TotpDevice.last_step < step),
            )
            .values(last_step=step)
            .returning(TotpDevice.id)
        )
        return self._session.scalar(used) is not None

    def remove(self, user_id: UUID) -> bool:
        """Delete device and codes; False if the second factor was not on."""
        self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        gone = delete(TotpDevice).where(TotpDevice.user_id == user_id).returning(TotpDevice.confirmed_at)
        return self._session.scalar(gone) is not None

    def replace_codes(self, user_id: UUID, hashes: Sequence[bytes]) -> None:
        """Make these the person's recovery codes."""
        self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        self._session.execute(
            insert(RecoveryCode), [{"user_id": user_id, "code_hash": code_hash} for code_hash in hashes]
        )

    def use_code(self, user_id: UUID, code_hash: bytes) -> bool:
        """Use up a recovery code; False if it is none or was used."""
        used = (
            update(RecoveryCode)
            .where(
                RecoveryCode.user_id == user_id,
                RecoveryCode.code_hash == code_hash,
                RecoveryCode.used_at.is_(None),
            )
            .values(used_at=func.now())
            .returning(RecoveryCode.id)
        )
        return self._session.scalar(used) is not None

    def codes_left(self, user_id: UUID) -> int:
        """How many recovery codes still work."""
        left = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
        return self._session.scalar(left) or 0

"""A second factor: codes of an authenticator app (TOTP, RFC 6238: SHA-1, 6 digits, 30 s) and recovery codes.

Every change of it holds the account, so that a button pressed twice leaves what was shown last, and the session of
whoever makes it: Refusal 409 if that has ended meanwhile.
"""

import hashlib
import hmac
import secrets
import time
from uuid import UUID

import pyotp
from flask import current_app

from app.audit.services import record
from app.auth.access import act_as
from app.auth.models import TotpDevice, User
from app.auth.repo.factors import FactorRepo
from app.auth.services.changes import account_in_session, locked_account, notify
from app.auth.services.throttle import Limit, count_attempt
from app.db.sealed import SealBroken
from app.db.session import transaction
from app.web.errors import Refusal

CODES = 10
ATTEMPTS = 5
STEP_SECONDS = 30
DRIFT = (0, -1, 1)
"""Steps around the present one that are accepted: clocks differ, and typing takes time."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_HALF = 5


class WrongCode(Exception):
    """Not the present code of the app, nor an unused recovery code."""


def is_on(user_id: UUID) -> bool:
    """Whether signing in asks this person for a code."""
    return FactorRepo().is_on(user_id)


def begin_enrolment(user_id: UUID, session_id: UUID) -> None:
    """Make a secret for the person's app, in the caller's transaction. Refusal 409 if the second factor is on."""
    account_in_session(user_id, session_id)
    if FactorRepo().is_on(user_id):
        raise Refusal(409, "Your second factor is on already.")
    FactorRepo().begin(user_id, pyotp.random_base32())


def enrolment(user: User) -> tuple[str, str] | None:
    """The secret that waits to be confirmed, and its address for a QR code; None if none waits."""
    device = _device(user.id)
    if device is None or device.confirmed_at is not None:
        return None
    return device.secret, pyotp.TOTP(device.secret).provisioning_uri(
        name=user.email, issuer_name="AgentPress"
    )


def confirm(user_id: UUID, session_id: UUID, code: str) -> list[str]:
    """Turn the second factor on with the first code of the app: the recovery codes, known now and never again.

    Raises WrongCode or TooManyAttempts; in transactions of its own.
    """
    with transaction():
        count_attempt([Limit(f"second factor {user_id}", ATTEMPTS)])
    with transaction():
        repo, user = FactorRepo(), account_in_session(user_id, session_id)
        if not _is_present(user_id, _digits(code)) or not repo.confirm(user_id):
            raise WrongCode
        codes = _new_codes(user_id)
        record("second_factor.on", "user", user.id, user.email)
        notify(
            user.email,
            user,
            "Second factor turned on",
            "Signing in to your AgentPress account now asks for a code of your authenticator app.",
        )
    return codes


def check(user_id: UUID, code: str) -> None:
    """Use up a code of the app or a recovery code. Raises WrongCode or TooManyAttempts; in its own transactions."""
    with transaction():
        attempt = count_attempt([Limit(f"second factor {user_id}", ATTEMPTS)])
    with transaction():
        if not _is_present(user_id, _digits(code)):
            _use_recovery_code(user_id, code)
        attempt.take_back()


def turn_off(user_id: UUID, session_id: UUID) -> None:
    """Delete app and recovery codes, in the caller's transaction."""
    user = account_in_session(user_id, session_id)
    if FactorRepo().remove(user_id):
        record("second_factor.off", "user", user.id, user.email)
        notify(
            user.email,
            user,
            "Second factor turned off",
            "Signing in to your AgentPress account no longer asks for a code.",
        )


def renew_codes(user_id: UUID, session_id: UUID) -> list[str]:
    """New recovery codes, in the caller's transaction; the former ones end. Refusal 409 without a second factor."""
    user = account_in_session(user_id, session_id)
    if not FactorRepo().is_on(user_id):
        raise Refusal(409, "Turn the second factor on first.")
    record("second_factor.renew_codes", "user", user.id, user.email)
    notify(
        user.email,
        user,
        "Recovery codes renewed",
        "Your AgentPress account has new recovery codes for its second factor. The former ones no longer work.",
    )
    return _new_codes(user_id)


def _use_recovery_code(user_id: UUID, code: str) -> None:
    user = locked_account(user_id)
    if not FactorRepo().use_code(user_id, _hashed(code)):
        raise WrongCode
    act_as(user.id, user.email)
    left = {"codes_left": FactorRepo().codes_left(user_id)}
    record("second_factor.use_code", "user", user.id, user.email, after=left)


def _new_codes(user_id: UUID) -> list[str]:
    codes = ["-".join(_random_half() for _ in range(2)) for _ in range(CODES)]
    FactorRepo().replace_codes(user_id, [_hashed(code) for code in codes])
    return codes


def _random_half() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_HALF))


def _is_present(user_id: UUID, code: str) -> bool:
    """Whether the app shows this code now, give or take a step; it is used up by being accepted."""
    device = _device(user_id)
    if device is None:
        return False
    totp, now = pyotp.TOTP(device.secret), int(time.time()) // STEP_SECONDS
    steps = [now + drift for drift in DRIFT]
    found = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode())]
    return bool(found) and FactorRepo().accept(user_id, found[0])


def _device(user_id: UUID) -> TotpDevice | None:
    """The app of a person; None if its secret cannot be opened any more, so that recovery codes still work."""
    try:
        return FactorRepo().device(user_id)
    except SealBroken:
        current_app.logger.exception("the secret of a second factor cannot be opened")
        return None


def _digits(code: str) -> str:
    return "".join(code.split())


def _hashed(code: str) -> bytes:
    """A recovery code has 49 random bits, so a plain hash cannot be guessed back."""
    plain = "".join(char for char in code.lower() if char.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).digest()

"""Accounts, sign-ins and their one-time links."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base
from app.db.columns import Created, Identified, Stamped, one_of
from app.db.sealed import Sealed

PLATFORM_ROLES = ("ADMIN", "GUEST")
PROVIDERS = ("EMAIL", "GITHUB", "GOOGLE")


def _user_key() -> Mapped[uuid.UUID]:
    return mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)


class User(Identified, Stamped, Base):
    """An account. Addresses are stored in lower case; an external identity is (provider, subject), never an address.

    Without `email_proven_at` anybody may have registered the address: no mail to it has reached the person.
    """

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("email = lower(email) AND email <> ''", name="email"),
        one_of("role", PLATFORM_ROLES),
        one_of("provider", PROVIDERS),
    )

    email: Mapped[str] = mapped_column(String(255), unique=True)
    username: Mapped[str | None] = mapped_column(String(255), unique=True)
    first_name: Mapped[str | None] = mapped_column(String(255))
    last_name: Mapped[str | None] = mapped_column(String(255))
    github_id: Mapped[str | None] = mapped_column(unique=True)
    google_id: Mapped[str | None] = mapped_column(unique=True)
    password: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default="GUEST")
    provider: Mapped[str] = mapped_column(server_default="EMAIL")
    disabled_at: Mapped[datetime | None]
    preferences: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    failures_told_at: Mapped[datetime | None]
    email_proven_at: Mapped[datetime | None]


class SignInSession(Identified, Created, Base):
    """A sign-in: the cookie holds the token, the row its SHA-256. Deleted at sign-out."""

    __tablename__ = "sessions"

    token_hash: Mapped[bytes] = mapped_column(unique=True)
    user_id: Mapped[uuid.UUID] = _user_key()
    expires_at: Mapped[datetime]
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    reauthenticated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    address: Mapped[str | None]
    user_agent: Mapped[str | None]


class PasswordReset(Identified, Created, Base):
    """A reset link, good once for 60 minutes; `mailed` if only who reads the mail of its account knows it."""

    __tablename__ = "password_resets"

    user_id: Mapped[uuid.UUID] = _user_key()
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    mailed: Mapped[bool] = mapped_column(server_default="false")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class EmailChange(Identified, Created, Base):
    """A new address to confirm, and the undo link that the former address receives."""

    __tablename__ = "email_changes"

    user_id: Mapped[uuid.UUID] = _user_key()
    email: Mapped[str] = mapped_column(String(255))
    former_email: Mapped[str] = mapped_column(String(255))
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    undo_hash: Mapped[bytes | None] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]


class OAuthFlow(Identified, Created, Base):
    """A round trip to an identity provider, bound to the browser that began it."""

    __tablename__ = "oauth_flows"
    __table_args__ = (one_of("provider", PROVIDERS[1:]),)

    provider: Mapped[str]
    state_hash: Mapped[bytes] = mapped_column(unique=True)
    browser_hash: Mapped[bytes]
    nonce: Mapped[str | None] = mapped_column(Sealed)
    verifier: Mapped[str | None] = mapped_column(Sealed)
    profile: Mapped[dict[str, Any] | None]
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    next_path: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class TotpDevice(Identified, Created, Base):
    """A second factor (RFC 6238); `last_step` is the last accepted step, so that no code works twice."""

    __tablename__ = "totp_devices"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    secret: Mapped[str] = mapped_column(Sealed)
    last_step: Mapped[int | None]
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(Identified, Created, Base):
    """A code that stands in for the second factor once."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    code_hash: Mapped[bytes]
    used_at: Mapped[datetime | None]


class LoginAttempt(Identified, Stamped, Base):
    """Recent tries under one key, such as an account and a source address.

    `moments` holds those that count; `granted` says whether the newest try was within the limit.
    """

    __tablename__ = "login_attempts"

    key_hash: Mapped[bytes] = mapped_column(unique=True)
    moments: Mapped[list[datetime]] = mapped_column(ARRAY(TIMESTAMP(timezone=True)))
    granted: Mapped[bool] = mapped_column(server_default="true")

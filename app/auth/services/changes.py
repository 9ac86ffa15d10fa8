"""Changes of one's own account, each told to the person by mail where it concerns security."""

from uuid import UUID

from app.audit.services import record
from app.auth.models import User
from app.auth.repo.links import ResetRepo
from app.auth.repo.sessions import SessionRepo
from app.db.queue import queue_email
from app.web.security import settings


def set_password(user: User, password_hash: str, kept_session: UUID | None) -> None:
    """Replace the password, end reset links and all sessions but `kept_session`; in the caller's transaction."""
    user.password = password_hash
    ResetRepo().withdraw(user.id)
    SessionRepo().remove_for(user.id, but=kept_session)
    record("password.change", "user", user.id, user.email)
    notify(
        user.email,
        user,
        "Your password was changed",
        "The password of your AgentPress account was changed, and its other sessions ended.",
    )


def notify(recipient: str, user: User, title: str, what: str) -> None:
    """Tell a person about a change of the security of their account, in the caller's transaction."""
    context = {
        "name": user.first_name or "",
        "title": title,
        "what": what,
        "reset_url": f"{settings().base_url}/reset",
    }
    queue_email(recipient, "account_changed", f"AgentPress: {title[0].lower()}{title[1:]}", context)

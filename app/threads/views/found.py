"""The thread of an address, and who looks at it."""

from uuid import UUID

from app.threads.access import current_viewer
from app.threads.repo.threads import ThreadHead, ThreadRepo
from app.web.errors import NotFound
from app.web.identity import require_org


def seen_thread(thread_id: UUID) -> ThreadHead:
    """The thread, deleted or not. NotFound if it does not exist in the organisation or is not the visitor's to see."""
    thread = ThreadRepo().head(require_org().org_id, current_viewer(), thread_id)
    if thread is None:
        raise NotFound
    return thread

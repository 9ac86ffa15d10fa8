"""Keep the indexes of names and words quick to read while threads and messages are written."""

from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.threads.repo.pending import PendingRepo


def settle() -> int:
    """Write what waits beside the indexes into them; how many pages that were."""
    use_scope(Scope())
    with transaction():
        return PendingRepo().settle()

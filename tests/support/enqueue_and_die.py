"""`python -m tests.support.enqueue_and_die before|after ORG PERSON`: queue a task, then die beside the commit."""

import os
import signal
import sys
from uuid import UUID

from app import create_app
from app.db.queue import enqueue
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from tests.support.task_kinds import EMPTY, Plain


def die() -> None:
    """End at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def main(moment: str, org_id: str, user_id: str) -> None:
    """Die before or after the commit."""
    with create_app().app_context():
        use_scope(Scope(UUID(org_id), UUID(user_id)))
        with transaction():
            enqueue(EMPTY, Plain())
            if moment == "before":
                die()
        die()


if __name__ == "__main__":
    main(*sys.argv[1:])

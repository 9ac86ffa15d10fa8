"""Every model, imported for Alembic."""

from app.agents import models as agents
from app.audit import models as audit
from app.auth import models as auth
from app.connections import models as connections
from app.db import tables
from app.knowledge.models import chunks, sources
from app.orgs import models as orgs
from app.runtime import models as runtime
from app.tasks import models as tasks
from app.threads import models as threads
from app.tools import models as tools

__all__ = [
    "agents",
    "audit",
    "auth",
    "chunks",
    "connections",
    "orgs",
    "runtime",
    "sources",
    "tables",
    "tasks",
    "threads",
    "tools",
]

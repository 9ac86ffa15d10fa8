"""What tests of calls that wait for a person have in common."""

from typing import Any
from uuid import uuid4

from werkzeug.test import TestResponse

from app.runtime.models import ToolApproval
from app.threads.models import Message
from tests.factories.rows import rows
from tests.support.client import Client

CALL = ("c1", "current_time", '{"time_zone": "Europe/Rome"}')


def tools(approval: str) -> list[dict[str, Any]]:
    """The tool `current_time` in this mode, as a version keeps it."""
    return [{"id": str(uuid4()), "name": "current_time", "description": "The time.", "approval": approval}]


def answer() -> Message:
    """The last message."""
    return max(rows(Message), key=lambda row: (row.created_at, row.id))


def approvals() -> list[ToolApproval]:
    """Every call, the oldest first."""
    return sorted(rows(ToolApproval), key=lambda row: row.id)


def kinds(message: Message) -> list[str]:
    return [part["kind"] for part in message.parts]


def decide(client: Client, approval: ToolApproval, verdict: str = "approve", **fields: str) -> TestResponse:
    """Send the form of a decision."""
    return client.submit(f"/o/acme/approvals/{approval.id}", {"verdict": verdict, **fields})

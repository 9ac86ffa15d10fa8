"""Calls of tools that wait for a person, in the API."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, WithJsonSchema

from app.api.schemas.lists import Listing, parameters
from app.api.schemas.strict import ONE_LINE, Model
from app.runtime.approvals_repo import ApprovalRow
from app.runtime.forms import approval_list
from app.runtime.services.approving import REASON_LENGTH

Arguments = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "description": "What the model wants to call the tool with."}),
]


class Approval(Model):
    """A call that waits, or waited, for a person. `note` says why a person is asked, `reason` what the person said."""

    id: UUID
    status: Literal["pending", "approved", "rejected", "expired", "cancelled"]
    tool: str
    arguments: Arguments
    note: str | None
    agent_id: UUID | None
    agent_name: str | None
    thread_id: UUID
    message_id: UUID
    call_id: str
    task_id: UUID | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    expires_at: datetime
    created_at: datetime


class ApprovalListing(Listing[Approval]):
    """A page of calls."""


class Decision(Model):
    """What a person decides about a call. It is final."""

    verdict: Literal["approve", "reject"]
    reason: Annotated[str, Field(min_length=1, max_length=REASON_LENGTH, pattern=ONE_LINE)] | None = None


QUERY = parameters(approval_list({}))


def shown_approval(row: ApprovalRow) -> Approval:
    """A call as it is stored."""
    special = {"agent_name": row.agent, "decided_by": row.decider, "arguments": dict(row.arguments)}
    values = {name: getattr(row, name) for name in Approval.model_fields if name not in special}
    return Approval.model_validate({**values, **special})

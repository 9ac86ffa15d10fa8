"""Versions of agents in the API."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.agents.forms.versions import NOTE_LENGTH
from app.agents.repo.versions import ListedVersion, VersionRow
from app.agents.snapshot import Snapshot
from app.api.schemas.lists import Listing
from app.api.schemas.strict import Model, Name
from app.api.schemas.strict import Version as ReadVersion


class VersionSummary(Model):
    """A published version in a list."""

    id: UUID
    number: Annotated[int, Field(ge=1)]
    name: str | None
    note: str | None
    published_by: str | None
    created_at: datetime
    primary_model_provider: str | None
    primary_model: str | None


class Version(VersionSummary):
    """A published version with all that decides how it answers."""

    snapshot: Snapshot


class VersionDraft(Model):
    """What to publish: the draft of the agent as it was read at `version`."""

    version: ReadVersion
    name: Name | None = None
    note: Annotated[str, Field(max_length=NOTE_LENGTH, pattern=r"^[^\u0000]*$")] | None = None


class VersionListing(Listing[VersionSummary]):
    """A page of versions."""


def summary(row: ListedVersion) -> VersionSummary:
    """A row of the list."""
    return VersionSummary(
        id=row.id,
        number=row.number,
        name=row.name,
        note=row.note,
        published_by=row.author,
        created_at=row.created_at,
        primary_model_provider=row.provider,
        primary_model=row.model,
    )


def shown(row: VersionRow) -> Version:
    """A version as it is stored."""
    return Version(
        id=row.id,
        number=row.number,
        name=row.name,
        note=row.note,
        published_by=row.author,
        created_at=row.created_at,
        primary_model_provider=row.snapshot.provider,
        primary_model=row.snapshot.model,
        snapshot=row.snapshot,
    )

"""Organisations in the API."""

from typing import Literal
from uuid import UUID

from app.api.schemas.lists import Listing
from app.api.schemas.strict import Model


class Org(Model):
    """An organisation that a key belongs to, and the role of the key's person in it."""

    id: UUID
    name: str
    slug: str
    role: Literal["owner", "admin", "member", "viewer"]


class OrgListing(Listing[Org]):
    """The organisations that the key reaches: its own."""

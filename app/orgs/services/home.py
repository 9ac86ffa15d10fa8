"""What an organisation's home shows: the first steps that are left, and counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.audit.services import record
from app.orgs.repo.orgs import OrgRepo
from app.web.access import role_has
from app.web.identity import Membership

CARDS: Mapping[str, str] = {
    "model": "connections.edit",
    "agent": "agents.edit",
    "invite": "invitations.manage",
}
"""The set-up cards, each with the right that its step needs."""

_COUNTED = ("agents", "model_connections", "org_members", "invitations")


@dataclass(frozen=True)
class Card:
    """A first step, and whether it is done."""

    name: str
    done: bool


@dataclass(frozen=True)
class Home:
    """The steps to show, and how many rows the lists of the organisation show at first, by table."""

    cards: tuple[Card, ...]
    counts: Mapping[str, int]


def read_home(org: Membership) -> Home:
    """The home as this member sees it; once every step is done or dismissed no card is left."""
    counts = OrgRepo().counts(org.org_id, *_COUNTED)
    row = OrgRepo().get(org.org_id)
    dismissed = row.settings.get("dismissed_cards", []) if row else []
    done = {
        "model": counts["model_connections"] > 0,
        "agent": counts["agents"] > 0,
        "invite": counts["org_members"] + counts["invitations"] > 1,
    }
    cards = tuple(
        Card(name, done[name])
        for name, right in CARDS.items()
        if name not in dismissed and role_has(org.role, right)
    )
    return Home(() if all(card.done for card in cards) else cards, counts)


def dismiss_card(org_id: UUID, card: str) -> None:
    """Show a set-up card no more, in the caller's transaction."""
    if OrgRepo().dismiss_card(org_id, card):
        record("org.dismiss_card", "org", org_id, after={"card": card})

"""Two organisations with one of everything, for tests that try to cross from one to the other."""

from dataclasses import dataclass
from typing import Any

from app.agents.models import Agent
from app.audit.models import AuditEvent
from app.auth.models import User
from app.db.tables import EmailOutbox
from app.orgs.models import Org, OrgMember
from tests.factories import agents, auth, orgs
from tests.factories.rows import rows as stored_rows
from tests.factories.rows import save


@dataclass(frozen=True)
class Tenant:
    """An organisation, a person per role, and one row of each kind by its table's name.

    `canary` is a word that occurs in every text of this organisation and nowhere else.
    """

    org: Org
    people: dict[str, User]
    rows: dict[str, Any]
    canary: str

    @property
    def owner(self) -> User:
        return self.people["owner"]

    @property
    def agent(self) -> Agent:
        return self.rows["agents"]


def tenant(canary: str) -> Tenant:
    """Return an organisation that holds one of everything."""
    org = orgs.org(name=f"{canary} Limited", slug=f"{canary.lower()}-limited")
    people = {
        role: orgs.member(org, role, auth.user(email=f"{role}@{canary.lower()}.example", last_name=canary))
        for role in ("owner", "admin", "member", "viewer")
    }
    agent = agents.agent(
        org, name=f"{canary} agent", description=f"{canary} helps", prompt=f"{canary} prompt"
    )
    rows = {
        "org_members": stored_rows(OrgMember, org_id=org.id, user_id=people["viewer"].id)[0],
        "agents": agent,
        "invitations": orgs.invitation(org, email=f"invited@{canary.lower()}.example")[0],
        "api_keys": orgs.api_key(org, people["owner"], name=f"{canary} key")[0],
        "audit_events": save(
            AuditEvent(
                org_id=org.id,
                actor_id=people["owner"].id,
                actor_label=people["owner"].email,
                action="agent.create",
                target_type="agent",
                target_id=agent.id,
                target_label=agent.name,
                request_id=f"{canary}-request",
            )
        ),
        "email_outbox": save(
            EmailOutbox(
                org_id=org.id,
                recipient=f"mail@{canary.lower()}.example",
                template="invitation",
                subject=canary,
            )
        ),
    }
    return Tenant(org, people, rows, canary)

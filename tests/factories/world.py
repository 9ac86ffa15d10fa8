"""Two organisations with one of everything, for tests that try to cross from one to the other."""

from dataclasses import dataclass
from typing import Any

from app.agents.models import Agent, Persona
from app.audit.models import AuditEvent
from app.auth.models import User
from app.db.tables import EmailOutbox, IdempotencyKey
from app.orgs.models import Org, OrgMember
from app.threads.models import Message, Thread
from tests.factories import (
    agents,
    auth,
    connections,
    evaluations,
    knowledge,
    orgs,
    runtime,
    tasks,
    threads,
    tools,
)
from tests.factories.rows import rows as stored_rows
from tests.factories.rows import save
from tests.support.database import at_once


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

    @property
    def thread(self) -> Thread:
        return self.rows["threads"]

    @property
    def message(self) -> Message:
        return self.rows["messages"]


@at_once()
def tenant(canary: str) -> Tenant:
    """Return an organisation that holds one of everything."""
    org = orgs.org(name=f"{canary} Limited", slug=f"{canary.lower()}-limited")
    people = {
        role: orgs.member(org, role, auth.user(email=f"{role}@{canary.lower()}.example", last_name=canary))
        for role in ("owner", "admin", "member", "viewer")
    }
    agent, persona = _agent(org, canary)
    rows = {
        "org_members": stored_rows(OrgMember, org_id=org.id, user_id=people["viewer"].id)[0],
        "agents": agent,
        "personas": persona,
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
        "idempotency_keys": save(
            IdempotencyKey(
                org_id=org.id,
                user_id=people["owner"].id,
                key=f"{canary}-once",
                fingerprint=b"f",
                status=201,
                body=canary,
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
    rows |= connections.one_of_each(org, canary) | tools.one_of_each(org, canary)
    rows |= _thread(org, people, agent, canary) | knowledge.one_of_each(org, canary)
    rows |= tasks.one_of_each(org, people["member"], agent, canary) | tasks.run_of(rows["messages"], agent)
    rows["thread_imports"] = tasks.finished_import(org, people["member"], canary)
    return Tenant(org, people, rows | orgs.spending(rows["api_keys"], rows["tasks"].id), canary)


def _agent(org: Org, canary: str) -> tuple[Agent, Persona]:
    """An agent that speaks as a persona does."""
    persona = agents.persona(org, name=f"{canary} persona", prompt=f"{canary} manner")
    agent = agents.agent(
        org,
        name=f"{canary} agent",
        description=f"{canary} helps",
        prompt=f"{canary} prompt",
        persona_id=persona.id,
        settings={"max_tool_calls": 3},
    )
    return agent, persona


def _thread(org: Org, people: dict[str, User], agent: Agent, canary: str) -> dict[str, Any]:
    """A thread of the API that everyone sees, with a rated answer, a note and a file, and a saved view."""
    version = agents.version(agent, note=f"{canary} version")
    thread = threads.thread(
        org, people["member"], name=f"{canary} thread", origin="api", agent_id=agent.id, tags=[canary]
    )
    question = threads.message(thread, f"{canary} question", role="user")
    answer = threads.message(
        thread, f"{canary} answer", role="assistant", agent_version_id=version.id, model=f"{canary}-model"
    )
    blob = threads.blob(org, f"{canary} file".encode(), "text/plain")
    return {
        "saved_views": orgs.saved_view(org, people["owner"], name=f"{canary} view", shared=True),
        "agent_versions": version,
        "threads": threads.fresh(thread),
        "messages": answer,
        "feedback": threads.feedback(answer, people["member"], -1, comment=f"{canary} comment"),
        "thread_notes": threads.note(thread, people["admin"], f"{canary} note"),
        "blobs": blob,
        "message_attachments": threads.attachment(question, blob, f"{canary}.txt"),
        **runtime.one_of_each(answer, agent, canary),
        **evaluations.one_of_each(agent, canary),
    }

"""Drafts are published as numbered versions that never change."""

from hashlib import sha256
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text, update

from app.agents.models import AgentVersion
from app.agents.services.agents import Stale
from app.agents.services.versions import draft_snapshot, latest_version, publish, version_snapshot
from app.agents.snapshot import Settings, Snapshot, read_settings, read_snapshot
from app.audit.models import AuditEvent
from app.db.session import transaction
from app.web.errors import NotFound, Refusal
from tests.factories import agents, knowledge, orgs
from tests.factories.rows import rows, save, stored
from tests.support.database import as_owner
from tests.support.queries import queries

NOWHERE = UUID(int=0)
OTHER = {"snapshot": {}, "name": "x", "note": "x", "content_hash": b"", "number": 7}


@pytest.fixture
def ana(org, acting):
    """The test acts as her."""
    person = orgs.member(org)
    acting(org, person)
    return person


@pytest.fixture
def full(org):
    """An agent with everything a version keeps."""
    base = knowledge.base(org, name="Handbook")
    persona = agents.persona(org, name="Kind", prompt="Be kind.")
    return agents.agent(
        org,
        name="Support",
        description="Helps",
        prompt="You help.",
        primary_model_provider="openai",
        primary_model="gpt-5",
        primary_model_temperature=0.7,
        reasoning_effort="low",
        persona_id=persona.id,
        rag_enabled=[str(base.id)],
        settings={"max_output_tokens": 900},
    )


def published(agent, version=1, **values):
    with transaction():
        return publish(agent.org_id, agent.id, version, **values)


def test_a_version_keeps_all_that_the_draft_says(ana, org, full):
    version = published(full, note="First", name="Launch")
    kept = version_snapshot(org.id, version.id)
    assert (version.number, version.name, version.note, version.created_by) == (1, "Launch", "First", ana.id)
    assert (kept.name, kept.description, kept.prompt) == ("Support", "Helps", "You help.")
    assert (kept.provider, kept.model, kept.temperature) == ("openai", "gpt-5", 0.7)
    assert kept.reasoning_effort == "low"
    assert kept.settings == Settings(max_output_tokens=900, max_tool_calls=10, timeout_seconds=300)
    assert (kept.persona.name, kept.persona.prompt) == ("Kind", "Be kind.")
    assert [base.name for base in kept.knowledge_bases] == ["Handbook"]
    assert kept == draft_snapshot(org.id, full.id)
    assert version.content_hash == kept.digest()
    event = rows(AuditEvent, target_id=full.id)[0]
    assert (event.action, event.after) == ("agent.publish", {"number": 1, "name": "Launch", "note": "First"})


def test_the_latest_version_is_read_with_one_statement(ana, org, full):
    assert latest_version(org.id, full.id) is None
    published(full)
    with queries(max=1):
        assert latest_version(org.id, full.id).number == 1
    with queries(max=1):
        draft_snapshot(org.id, full.id)


def test_nothing_new_is_not_published(ana, full):
    published(full)
    with pytest.raises(Refusal) as refused:
        published(full)
    assert refused.value.status == 409
    assert "Nothing was changed since version 1" in refused.value.message
    assert len(rows(AgentVersion)) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE personas SET prompt = 'Be brief.'",
        "UPDATE knowledge_bases SET name = 'Manual'",
        "UPDATE agents SET settings = '{}'",
    ],
)
def test_what_an_agent_refers_to_is_versioned_with_it(ana, org, full, change):
    first = published(full)
    with as_owner() as session:
        session.execute(text(change))
    second = published(full)
    assert (second.number, second.snapshot != first.snapshot) == (2, True)
    assert version_snapshot(org.id, first.id).persona.prompt == "Be kind."


def test_archived_bases_are_not_searched(ana, org, full):
    with as_owner() as session:
        session.execute(text("UPDATE knowledge_bases SET archived = true"))
    assert draft_snapshot(org.id, full.id).knowledge_bases == ()


def test_only_the_draft_that_was_seen_is_published(ana, full):
    with pytest.raises(Stale):
        published(full, 2)
    assert rows(AgentVersion) == []


def test_deleted_agents_are_not_published(ana, org):
    agent = agents.agent(org)
    with as_owner() as session:
        session.execute(text("UPDATE agents SET deleted_at = now()"))
    with pytest.raises(Refusal) as refused:
        published(agent)
    assert refused.value.status == 409


def test_oi_1_another_organisation_has_no_versions_here(acting, org, full):
    other = orgs.org()
    acting(org, orgs.member(org))
    version = published(full)
    acting(other, orgs.member(other))
    for org_id in (other.id, org.id):
        assert latest_version(org_id, full.id) is None
        for ask in (
            lambda o=org_id: version_snapshot(o, version.id),
            lambda o=org_id: draft_snapshot(o, full.id),
            lambda o=org_id: publish(o, full.id, 1),
        ):
            with pytest.raises(NotFound):
                ask()


def test_bases_of_another_organisation_stay_out(ana, org):
    foreign = knowledge.base(orgs.org(), name="Secret")
    agent = agents.agent(org, rag_enabled=[str(foreign.id), "nonsense"])
    assert draft_snapshot(org.id, agent.id).knowledge_bases == ()


def test_unknown_things_are_not_found(ana, org):
    with pytest.raises(NotFound):
        draft_snapshot(org.id, NOWHERE)
    with pytest.raises(NotFound):
        version_snapshot(org.id, NOWHERE)
    with pytest.raises(NotFound):
        publish(org.id, NOWHERE, 1)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ({}, Snapshot(name="")),
        ({"name": "A", "prompt": "P"}, Snapshot(name="A", prompt="P")),
        ({"name": None, "prompt": None, "surplus": 1}, Snapshot(name="")),
        ({"name": 7, "temperature": "warm", "model": "m"}, Snapshot(name="", model="m")),
        (
            {"primary_model": "m", "primary_model_temperature": 1},
            Snapshot(name="", model="m", temperature=1.0),
        ),
        ({"tools": ["search"], "persona": "kind", "settings": []}, Snapshot(name="")),
        ({"name": "A", "reasoning_effort": "much"}, Snapshot(name="A")),
        ({"name": "A", "reasoning_effort": "off"}, Snapshot(name="A", reasoning_effort="off")),
    ],
)
def test_versions_of_any_age_are_read(ana, org, raw, read):
    agent = agents.agent(org)
    old = save(AgentVersion(org_id=org.id, agent_id=agent.id, number=1, snapshot=raw, content_hash=b"old"))
    assert version_snapshot(org.id, old.id) == read == read_snapshot(raw)


def test_a_version_from_before_there_was_reasoning_is_the_same_as_the_draft(ana, org, full):
    with as_owner() as session:
        session.execute(text("UPDATE agents SET reasoning_effort = NULL"))
    draft = draft_snapshot(org.id, full.id)
    raw = draft.model_dump(mode="json")
    del raw["reasoning_effort"]
    digest = sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).digest()
    assert (draft.stored(), draft.digest()) == (raw, digest)
    save(AgentVersion(org_id=org.id, agent_id=full.id, number=1, snapshot=raw, content_hash=digest))
    with pytest.raises(Refusal, match="Nothing was changed since version 1"):
        published(full)


def test_settings_out_of_bounds_are_left_out():
    raw = {"max_output_tokens": 0, "max_tool_calls": 3, "timeout_seconds": "soon", "surplus": 1}
    assert read_settings(raw) == Settings(max_tool_calls=3)


def test_equal_snapshots_have_one_digest():
    schema = {"b": 1, "a": {"d": 1, "c": 2}}
    turned = {"a": {"c": 2, "d": 1}, "b": 1}
    tool = {"id": str(NOWHERE), "name": "search", "approval": "ask"}
    one, two = (
        read_snapshot({"name": "A", "tools": [{**tool, "input_schema": given}]}) for given in (schema, turned)
    )
    assert one.tools
    assert one.digest() == two.digest()
    assert one.digest() != read_snapshot({"name": "A"}).digest()


@pytest.mark.parametrize("column", ["snapshot", "name", "note", "content_hash", "number"])
def test_versions_never_change(ana, full, column):
    version = published(full)
    with pytest.raises(Exception, match="a published version never changes"), as_owner() as session:
        session.execute(update(AgentVersion).values({column: OTHER[column]}))
    assert stored(version).snapshot["prompt"] == "You help."

"""Sample data: agents and threads to look at, labelled as samples, and gone in one step."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.agents.models import Agent
from app.agents.repo.agents import AgentRepo
from app.agents.services.agents import change_agent, change_status, create_agent
from app.agents.services.versions import publish
from app.analytics.repo.samples import SampleRepo
from app.analytics.services.sample_agents import AGENTS, MARK
from app.analytics.services.sample_threads import Sample, sample_threads
from app.audit.services import record
from app.threads.readers.parsed import ParsedThread
from app.threads.repo.feedback import FeedbackRepo, Rater
from app.threads.repo.imports import ImportRepo
from app.threads.repo.threads import EVERYTHING
from app.threads.services.changing import change_status as change_threads
from app.threads.services.importing import Destination, write_batch


class NotVacant(Exception):
    """The organisation has agents or threads of its own."""


@dataclass(frozen=True)
class Changed:
    """How many agents and threads were added or removed."""

    agents: int
    threads: int


def fill_vacant(org_id: UUID) -> Changed:
    """Add the samples to an organisation without agents and threads, in the caller's transaction.

    Of two who do so at once, one waits for the other and raises NotVacant.
    """
    ImportRepo().lock(org_id)
    if not SampleRepo().is_vacant(org_id):
        raise NotVacant
    added = add_samples(org_id)
    record("org.add_samples", "org", org_id, after={"agents": added.agents, "threads": added.threads})
    return added


def add_samples(org_id: UUID) -> Changed:
    """Add the samples that are missing; those that are there stay as they are, deleted threads come back."""
    there = AgentRepo().taken(org_id, [agent.name + MARK for agent in AGENTS])
    missing = [agent for agent in AGENTS if (agent.name + MARK).lower() not in there]
    for agent in missing:
        values = {
            "name": agent.name + MARK,
            "description": agent.description,
            "prompt": agent.prompt,
            "primary_model_provider": agent.provider,
            "primary_model": agent.model,
            "primary_model_temperature": agent.temperature,
        }
        _publish(org_id, create_agent(org_id, values))
    return Changed(len(missing), _add_threads(org_id))


def remove_samples(org_id: UUID) -> Changed:
    """Delete the samples, as people delete agents and threads."""
    ids = AgentRepo().ids_of(org_id, [agent.name + MARK for agent in AGENTS])
    agents = change_status(org_id, ids, "delete").changed if ids else 0
    known = ImportRepo().threads(org_id, [sample.thread.external_id for sample in sample_threads()])
    there = [thread.id for thread in known.values() if not thread.deleted]
    return Changed(agents, change_threads(org_id, EVERYTHING, there, "delete").changed)


def _publish(org_id: UUID, agent: Agent) -> None:
    """The agent as its second version; the first one was warmer and had no description."""
    kept = {"description": agent.description, "primary_model_temperature": agent.primary_model_temperature}
    first = change_agent(
        org_id, agent.id, agent.lock_version, {"description": None, "primary_model_temperature": 0.9}
    )
    publish(org_id, agent.id, first.lock_version, "First draft that answers (sample).", "Trial")
    second = change_agent(org_id, agent.id, first.lock_version, kept)
    publish(org_id, agent.id, second.lock_version, "Steadier answers (sample).")


def _add_threads(org_id: UUID) -> int:
    samples = sample_threads()
    known = ImportRepo().threads(org_id, [sample.thread.external_id for sample in samples])
    missing = [sample for sample in samples if sample.thread.external_id not in known]
    _write(org_id, missing)
    deleted = [thread.id for thread in known.values() if thread.deleted]
    return len(missing) + change_threads(org_id, EVERYTHING, deleted, "restore").changed


def _write(org_id: UUID, samples: Sequence[Sample]) -> None:
    """Store the threads of each agent, and what imports do not know: people, what they think, latency and cost."""
    by_agent: Mapping[str, list[ParsedThread]] = defaultdict(list)
    for sample in samples:
        by_agent[sample.agent].append(sample.thread)
    for name, threads in by_agent.items():
        agent_id = next(iter(AgentRepo().ids_of(org_id, [name + MARK])), None)
        write_batch(org_id, threads, Destination(None, agent_id, "samples"))
    stored = ImportRepo().threads(org_id, [sample.thread.external_id for sample in samples])
    ids = {key: thread.id for key, thread in stored.items()}
    SampleRepo().complete(org_id, {ids[sample.thread.external_id]: sample.person for sample in samples})
    messages = ImportRepo().messages(org_id, list(ids.values()))
    for sample in samples:
        if sample.rating is not None:
            thread_id, last = ids[sample.thread.external_id], sample.thread.messages[-1]
            message_id = messages[thread_id][last.external_id].id
            values = {"rating": sample.rating, "created_at": last.created_at}
            FeedbackRepo().put(org_id, thread_id, message_id, Rater(external_user=sample.person), values)

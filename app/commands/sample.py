"""`flask seed demo`: agents and threads to look at, labelled as samples, and gone with one command."""

from uuid import UUID

import click
from flask.cli import AppGroup

from app.agents.models import Agent
from app.agents.repo.agents import AgentRepo
from app.agents.services.agents import change_agent, change_status, create_agent
from app.agents.services.versions import publish
from app.commands.running import changes, org_of
from app.commands.sample_threads import sample_threads
from app.db.scope import in_org
from app.orgs.models import Org
from app.orgs.repo.orgs import OrgRepo
from app.threads.repo.imports import ImportRepo
from app.threads.repo.threads import Viewer
from app.threads.services.changing import change_status as change_threads
from app.threads.services.importing import Destination, write_batch

seed = AppGroup("seed", help="Sample data.")

EVERYTHING = Viewer(UUID(int=0), sees_all=True)
"""The command line sees all threads; it is nobody's person."""
_MARK = " (sample)"
_AGENTS = (
    (
        "Support triage",
        "Reads incoming tickets, sets their urgency and drafts a first answer.",
        "anthropic",
        "claude-sonnet-4-5",
        0.2,
        (
            "You answer customers of {{company}}.\n\n"
            "For each ticket:\n1. Name the product area.\n2. Set the urgency: low, normal or high, with one reason.\n"
            "3. Draft an answer of at most 120 words. Promise nothing that the knowledge base does not say.\n\n"
            "If the customer reports a loss of data, say that a person takes over and stop."
        ),
    ),
    (
        "Release notes",
        "Turns merged changes into notes that customers understand.",
        "openai",
        "gpt-5-mini",
        0.4,
        (
            "Write release notes for version {{version}} from the list of changes.\n\n"
            "Group them under New, Improved and Fixed. One sentence each, in the present tense, "
            "from the reader's point of view. Leave out internal refactoring."
        ),
    ),
    (
        "Contract review",
        "Compares a supplier's contract with our own terms and lists what differs.",
        "anthropic",
        "claude-opus-4-5",
        0.0,
        (
            "Compare the contract with our standard terms.\n\n"
            "List every clause that differs: its number, what it says, what ours says, and the risk in one sentence. "
            "Quote exactly. You give no legal advice; a lawyer decides."
        ),
    ),
    (
        "Meeting minutes",
        "Makes decisions and tasks out of a transcript.",
        "openai",
        "gpt-5",
        0.3,
        (
            "From the transcript write: decisions, open questions, and tasks with owner and date.\n\n"
            'Use only what was said. Where an owner or a date is missing, write "open".'
        ),
    ),
    (
        "Weekly figures",
        "Explains the week's sales figures to the board.",
        "mistral",
        "mistral-large-latest",
        0.2,
        (
            "Explain the figures of week {{week}} in five sentences for readers without time.\n\n"
            "Begin with what changed most. Compare with the week before and the same week last year. "
            "Name a cause only if the notes give one."
        ),
    ),
)


def _org(slug: str | None) -> Org:
    if slug:
        return org_of(slug)
    only = OrgRepo().only()
    if only is None:
        raise click.UsageError(
            "Name the organisation with --org: there is not exactly one. "
            "A new instance is claimed first, at the address `flask --app wsgi setup-link` prints."
        )
    return only


@seed.command()
@click.option(
    "--org", "slug", help="The organisation (the word after /o/); may be left out if there is one only."
)
@click.option("--remove", is_flag=True, help="Delete the samples instead.")
@changes
def demo(*, slug: str | None, remove: bool) -> str:
    """Add five sample agents and three sample threads to an organisation; those that are there stay as they are."""
    org = _org(slug)
    with in_org(org.id):
        agents, threads = _remove(org) if remove else _add(org)
    done, way = ("Deleted", "from") if remove else ("Added", "to")
    return f"{done} {agents} sample agents and {threads} sample threads {way} {org.name}."


def _add(org: Org) -> tuple[int, int]:
    there = AgentRepo().taken(org.id, [entry[0] + _MARK for entry in _AGENTS])
    missing = [entry for entry in _AGENTS if (entry[0] + _MARK).lower() not in there]
    for name, description, provider, model, temperature, prompt in missing:
        values = {
            "name": name + _MARK,
            "description": description,
            "prompt": prompt,
            "primary_model_provider": provider,
            "primary_model": model,
            "primary_model_temperature": temperature,
        }
        _publish(org.id, create_agent(org.id, values))
    return len(missing), _add_threads(org)


def _publish(org_id: UUID, agent: Agent) -> None:
    """The agent as its second version; the first one was warmer and had no description."""
    kept = {"description": agent.description, "primary_model_temperature": agent.primary_model_temperature}
    first = change_agent(
        org_id, agent.id, agent.lock_version, {"description": None, "primary_model_temperature": 0.9}
    )
    publish(org_id, agent.id, first.lock_version, "First draft that answers (sample).", "Trial")
    second = change_agent(org_id, agent.id, first.lock_version, kept)
    publish(org_id, agent.id, second.lock_version, "Steadier answers (sample).")


def _add_threads(org: Org) -> int:
    """Threads deleted before come back."""
    agent_id = next(iter(AgentRepo().ids_of(org.id, [_AGENTS[0][0] + _MARK])), None)
    written = write_batch(org.id, sample_threads(), Destination(None, agent_id, "samples"))
    deleted = _thread_ids(org, deleted=True)
    return written.added + change_threads(org.id, EVERYTHING, deleted, "restore").changed


def _remove(org: Org) -> tuple[int, int]:
    ids = AgentRepo().ids_of(org.id, [entry[0] + _MARK for entry in _AGENTS])
    agents = change_status(org.id, ids, "delete").changed if ids else 0
    there = _thread_ids(org, deleted=False)
    return agents, change_threads(org.id, EVERYTHING, there, "delete").changed


def _thread_ids(org: Org, *, deleted: bool) -> list[UUID]:
    known = ImportRepo().threads(org.id, [thread.external_id for thread in sample_threads()])
    return [thread.id for thread in known.values() if thread.deleted == deleted]

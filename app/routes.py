"""Every blueprint with its prefix, one line each."""

from flask import Flask

from app.agents.views import agents, changes, files, persona_changes, personas, version_links, versions
from app.analytics.views import figures, home, samples, search
from app.api.views import agents as api_agents
from app.api.views import approvals as api_approvals
from app.api.views import completions
from app.api.views import knowledge as api_knowledge
from app.api.views import messages as api_messages
from app.api.views import orgs as api_orgs
from app.api.views import reference as api_reference
from app.api.views import runs as api_runs
from app.api.views import search as api_search
from app.api.views import tasks as api_tasks
from app.api.views import threads as api_threads
from app.api.views import tools as api_tools
from app.api.views import versions as api_versions
from app.audit import views as audit
from app.auth.views import (
    credentials,
    email_changes,
    external,
    profile,
    second_factor,
    sessions,
    sign_in,
)
from app.connections.views import connections
from app.connections.views import credentials as connections_credentials
from app.connections.views import known_models as connections_models
from app.connections.views import servers as connections_servers
from app.knowledge.views import adding as knowledge_adding
from app.knowledge.views import bases as knowledge
from app.knowledge.views import passages as knowledge_passages
from app.knowledge.views import questions as knowledge_questions
from app.knowledge.views import sources as knowledge_sources
from app.knowledge.views import testing as knowledge_testing
from app.knowledge.views import web as knowledge_web
from app.orgs.views import (
    invitations,
    joining,
    keys,
    leaving,
    limits,
    member_changes,
    members,
    orgs,
    platform,
    resets,
    saved_views,
    settings,
    setup,
    sign_up,
)
from app.runtime.views import approvals, beside, evaluation_runs, evaluations, playground, streams
from app.runtime.views import edits as playground_edits
from app.studio import views as studio
from app.tasks.views import mail, schedules, system, tasks
from app.threads.views import changes as thread_changes
from app.threads.views import copies, edits, thread
from app.threads.views import drafts as thread_drafts
from app.threads.views import files as thread_files
from app.threads.views import importing as thread_imports
from app.threads.views import listing as thread_listing
from app.tools.views import adding as tools_adding
from app.tools.views import server_trying as tools_server_trying
from app.tools.views import tools
from app.tools.views import trying as tools_trying
from app.web import gallery, health

BLUEPRINTS = (
    health.bp,
    sign_in.bp,
    resets.bp,
    email_changes.bp,
    profile.bp,
    credentials.bp,
    credentials.confirm,
    sessions.bp,
    second_factor.bp,
    second_factor.challenge,
    external.bp,
    external.identities,
    setup.bp,
    home.bp,
    orgs.bp,
    settings.bp,
    members.bp,
    member_changes.bp,
    invitations.bp,
    joining.bp,
    sign_up.bp,
    leaving.bp,
    saved_views.bp,
    keys.bp,
    limits.bp,
    platform.bp,
    audit.bp,
    mail.bp,
    system.bp,
    tasks.bp,
    schedules.bp,
    studio.bp,
    agents.bp,
    changes.bp,
    files.bp,
    versions.bp,
    version_links.bp,
    personas.bp,
    persona_changes.bp,
    tools.bp,
    tools_adding.bp,
    tools_trying.bp,
    tools_server_trying.bp,
    connections.bp,
    connections_models.bp,
    connections_credentials.bp,
    connections_servers.bp,
    knowledge.bp,
    knowledge_adding.bp,
    knowledge_sources.bp,
    knowledge_testing.bp,
    knowledge_questions.bp,
    knowledge_passages.bp,
    knowledge_web.bp,
    playground.bp,
    playground_edits.bp,
    beside.bp,
    streams.bp,
    approvals.bp,
    evaluations.bp,
    evaluation_runs.bp,
    search.bp,
    thread.bp,
    thread_drafts.bp,
    edits.bp,
    copies.bp,
    thread_imports.bp,
    api_reference.bp,
    api_orgs.bp,
    api_agents.bp,
    api_versions.bp,
    thread_listing.bp,
    thread_changes.bp,
    thread_files.bp,
    api_threads.bp,
    api_messages.bp,
    api_runs.bp,
    api_search.bp,
    api_knowledge.bp,
    api_approvals.bp,
    api_tools.bp,
    api_tasks.bp,
    completions.bp,
    figures.bp,
    samples.bp,
)


def register(app: Flask) -> None:
    """Attach the blueprints; each says its own prefix."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if app.debug or app.testing:
        app.register_blueprint(gallery.bp)

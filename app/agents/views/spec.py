"""What the agent list of this request can be searched, filtered and sorted by."""

from app.agents.cached_repo import CachedAgentRepo
from app.agents.forms.agents import agent_list
from app.agents.repo.agents import Choices
from app.web.identity import require_org
from app.web.listing import ListSpec


def current_choices() -> Choices:
    """The providers and models that the organisation's agents use."""
    org = require_org()
    return CachedAgentRepo().choices(org.org_id, org.agents_generation)


def current_spec() -> ListSpec:
    """The list's rules with the choices of the day."""
    return agent_list(current_choices())

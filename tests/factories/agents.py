"""Agents."""

import itertools
from typing import Any

from app.agents.models import Agent
from app.orgs.models import Org
from tests.factories.rows import save

_numbers = itertools.count(1)


def agent(org: Org, **values: Any) -> Agent:
    return save(Agent(**{"org_id": org.id, "name": f"Agent {next(_numbers)}", **values}))

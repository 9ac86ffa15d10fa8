"""Programs with keys in an organisation that holds one of everything."""

import pytest

from tests.factories import world
from tests.support.program import Program


@pytest.fixture
def home(connection):
    return world.tenant("Homecanary")


@pytest.fixture
def theirs(connection):
    return world.tenant("Theircanary")


@pytest.fixture
def program(app, connection):
    """A function that returns a program with a key of a person in an organisation."""
    return lambda tenant, role="owner", **values: Program(app, tenant.org, tenant.people[role], **values)


@pytest.fixture
def ours(program, home):
    return program(home)

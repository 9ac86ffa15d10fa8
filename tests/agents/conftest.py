"""One organisation with people to act in it."""

import pytest

from tests.factories import orgs


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def member(new_client, org):
    return new_client(orgs.member(org))


@pytest.fixture
def viewer(new_client, org):
    return new_client(orgs.member(org, "viewer"))

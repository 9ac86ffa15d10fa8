"""One organisation with people to look at it."""

import pytest

from tests.factories import orgs


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def member(new_client, org):
    return new_client(orgs.member(org))


@pytest.fixture
def owner(new_client, org):
    return new_client(orgs.member(org, "owner"))

"""An organisation with its people."""

import pytest

from tests.factories import orgs


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def admin(org):
    return orgs.member(org, "admin")


@pytest.fixture
def person(new_client, admin):
    return new_client(admin)

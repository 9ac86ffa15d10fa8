"""An organisation with its owner."""

import pytest

from tests.factories import auth, orgs


@pytest.fixture
def org(connection):
    return orgs.org(name="Acme", slug="acme")


@pytest.fixture
def owner(org):
    return orgs.member(
        org, "owner", auth.user(first_name="Olga", last_name="Owner", email="olga@example.org")
    )

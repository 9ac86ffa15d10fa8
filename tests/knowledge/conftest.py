"""An organisation with a knowledge base."""

import pytest

from tests.factories import knowledge, orgs


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def member(org):
    return orgs.member(org)


@pytest.fixture
def base(org):
    return knowledge.base(org, name="Handbook")

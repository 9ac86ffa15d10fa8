"""An organisation with a member, and servers that tools may call."""

from dataclasses import replace

import pytest

from tests.factories import orgs
from tests.support.answers import serving

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def org(connection):
    return orgs.org(slug="acme")


@pytest.fixture
def member(new_client, org):
    return new_client(orgs.member(org))


@pytest.fixture
def admin(new_client, org):
    return new_client(orgs.member(org, "admin"))


@pytest.fixture
def peer(app):
    """A web server that tools may call."""
    before = app.extensions["settings"]
    with serving(**{"weather/Rome": (200, JSON, b'{"sky": "clear"}')}) as peer:
        listed = before.outbound_allow | {("tool", "127.0.0.1", peer.server_port)}
        app.extensions["settings"] = replace(before, outbound_allow=listed)
        yield peer
    app.extensions["settings"] = before

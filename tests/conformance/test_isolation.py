"""OI: whatever belongs to another organisation does not exist."""

import re
from uuid import uuid4

import pytest

from tests.conformance import inventory
from tests.factories import agents, auth, orgs, world

KINDS = {"html": {}, "htmx": {"HX-Request": "true"}, "json": {"Accept": "application/json"}}
VOLATILE = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def ours(connection):
    return world.tenant("Ourcanary")


@pytest.fixture
def theirs(connection):
    return world.tenant("Theircanary")


def normal(response) -> tuple[int, str]:
    """Return the answer without what differs from one request to the next."""
    return response.status_code, VOLATILE.sub("*", response.text)


def ask(client, call, headers):
    return client.get(call.path, headers=headers) if call.safe else client.submit(call.path, headers=headers)


@pytest.mark.parametrize("kind", KINDS)
def test_oi_1_their_ids_are_unknown_in_our_organisation(app, new_client, ours, theirs, state, kind):
    client, headers = new_client(ours.owner), KINDS[kind]
    foreign = {name: inventory.FILL[name](theirs) for name in inventory.TENANT_IDS}
    random = {name: uuid4() for name in inventory.TENANT_IDS}
    before, wrong = state(), []
    for known, unknown in zip(
        inventory.calls(app, ours, foreign), inventory.calls(app, ours, random), strict=True
    ):
        if not known.arguments & inventory.TENANT_IDS:
            continue
        answer = ask(client, known, headers)
        if answer.status_code != 404 or normal(answer) != normal(ask(client, unknown, headers)):
            wrong.append(f"{known}: {answer.status}")
        assert theirs.canary not in answer.text, known
    assert (wrong, state()) == ([], before)


@pytest.mark.parametrize("kind", KINDS)
def test_oi_1_their_organisation_is_unknown_to_us(app, new_client, ours, theirs, state, kind):
    client, headers = new_client(ours.owner), KINDS[kind]
    before, wrong = state(), []
    for call in inventory.calls(app, theirs):
        if call.access.kind != "org":
            continue
        absent = call.path.replace(f"/o/{theirs.org.slug}", "/o/no-such-organisation", 1)
        answer = ask(client, call, headers)
        nothing = client.get(absent, headers=headers) if call.safe else client.submit(absent, headers=headers)
        if answer.status_code != 404 or normal(answer) != normal(nothing):
            wrong.append(f"{call}: {answer.status}")
        assert theirs.canary not in answer.text, call
    assert (wrong, state()) == ([], before)


def test_oi_1_ids_in_bodies_are_resolved_inside_the_organisation(new_client, ours, theirs, state):
    client, before = new_client(ours.owner), state()
    for action in ("archive", "restore", "delete"):
        data = {"ids": [str(ours.agent.id), str(theirs.agent.id)], "act": action}
        answer = client.submit(f"/o/{ours.org.slug}/agents/bulk", data)
        assert answer.status_code in {404, 422}, action
    assert state() == before


def test_oi_2_no_page_of_ours_shows_a_word_of_theirs(app, new_client, ours, theirs):
    agents.agent(theirs.org, name=f"{theirs.canary} quagga")
    client = new_client(ours.owner)
    query = {"q": "quagga", "org_id": str(theirs.org.id), "org": theirs.org.slug}
    for call in inventory.calls(app, ours):
        if call.safe and call.access.kind != "always":
            answer = client.get(call.path, query_string=query, headers={"X-Org-Id": str(theirs.org.id)})
            assert answer.status_code < 500, call
            assert theirs.canary not in answer.text, call


def test_oi_2_their_names_are_free_here(new_client, ours, theirs):
    client = new_client(ours.owner)
    answer = client.submit(f"/o/{ours.org.slug}/agents/new", {"name": theirs.agent.name})
    assert answer.status_code == 303


def test_oi_2_an_organisation_in_the_body_is_ignored(new_client, ours, theirs, state):
    client = new_client(ours.owner)
    data = {
        "name": "Mine",
        "org_id": str(theirs.org.id),
        "id": str(theirs.agent.id),
        "user_id": str(theirs.owner.id),
    }
    assert client.submit(f"/o/{ours.org.slug}/agents/new", data).status_code == 303
    assert new_client(theirs.owner).page(f"/o/{theirs.org.slug}/agents").find(string="Mine") is None


def test_oi_2_inviting_someone_of_theirs_says_nothing_about_them(new_client, ours, theirs):
    client = new_client(ours.owner)
    form = {"role": "member", "expires_in_hours": "24"}
    known = client.submit(f"/o/{ours.org.slug}/invitations/new", {"email": theirs.owner.email, **form})
    unknown = client.submit(
        f"/o/{ours.org.slug}/invitations/new", {"email": "nobody@unknown.example", **form}
    )
    assert known.status_code == unknown.status_code
    assert theirs.canary not in known.text.replace(theirs.owner.email, "")


def test_oi_2_a_member_of_both_sees_each_apart(new_client, ours, theirs):
    both = orgs.member(theirs.org, "owner", orgs.member(ours.org, "owner", auth.user()))
    client = new_client(both)
    page = client.page(f"/o/{ours.org.slug}/agents")
    results = page.find(id="results")
    assert ours.canary in results.text
    assert theirs.canary not in results.text

"""Rows that are acted on together."""

import pytest

from app.db.cursor import COUNT_CAP
from app.web.errors import Refusal
from app.web.matching import all_matching
from tests.factories import orgs


@pytest.mark.parametrize(
    ("place", "data", "noun"),
    [
        ("agents", {"act": "archive"}, "agent"),
        ("personas", {"act": "archive"}, "persona"),
        ("threads", {"act": "archive"}, "thread"),
        ("tasks", {"act": "cancel"}, "task"),
        ("members", {"action": "remove"}, "member"),
        ("invitations", {"action": "revoke"}, "invitation"),
        ("keys", {}, "key"),
        ("approvals", {}, "call"),
    ],
)
def test_a_form_without_a_ticked_row_says_what_to_tick(new_client, state, place, data, noun):
    org = orgs.org(slug="acme")
    owner = new_client(orgs.member(org, "owner"))
    before = state()
    answer = owner.submit(f"/o/acme/{place}/bulk", data)
    assert (answer.status_code, f"Select at least one {noun}." in answer.text) == (422, True)
    assert state() == before


def test_more_than_can_be_counted_are_not_changed_at_once():
    assert len(all_matching(lambda limit: [None] * (limit - 1), "agents")) == COUNT_CAP
    with pytest.raises(Refusal, match="At most 10,000 agents can be changed at once"):
        all_matching(lambda limit: [None] * limit, "agents")

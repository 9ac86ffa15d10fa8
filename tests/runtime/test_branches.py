"""Branches of a conversation: reached from each other, begun by another try, and never made up."""

import pytest

from app.threads.models import Message
from tests.factories.rows import rows
from tests.support.model_server import Answer


@pytest.fixture
def place(member, agent, server, work):
    """A conversation that was answered once."""
    sent = {"message": "One?", "version": "draft"}
    found = member.submit(f"/o/acme/agents/{agent.id}/playground", sent).location
    work()
    return found


def bodies(page):
    return [body.get_text(" ", strip=True) for body in page.select(".message-body")]


def test_nothing_is_said_on_a_branch_that_is_not_there(member, place):
    sent = {"message": "Where am I?", "version": "draft", "branch": "77"}
    assert member.submit(place, sent).status_code == 404
    assert len(rows(Message)) == 2
    assert bodies(member.page(f"{place}?branch=77")) == ["One?", "Hello there."]

"""The draft is saved while it is written."""

import re

import pytest

from app.agents.models import Agent
from app.audit.models import AuditEvent
from tests.agents.test_form import values_of
from tests.factories import agents, orgs
from tests.factories.rows import rows, stored
from tests.support.pages import check_fragment, check_page


@pytest.fixture
def agent(org):
    return agents.agent(org, name="Support", prompt="First")


@pytest.fixture
def url(agent):
    return f"/o/acme/agents/{agent.id}"


def test_the_form_names_where_it_is_saved(member, url):
    form = member.page(f"{url}/edit").find(id="form")
    assert (form["hx-post"], form["hx-trigger"], form["action"]) == (
        f"{url}/draft",
        "autosave",
        f"{url}/edit",
    )


@pytest.mark.parametrize("htmx", [True, False])
def test_what_is_written_is_saved(member, agent, url, htmx):
    sent = values_of(member.page(f"{url}/edit")) | {"prompt": "Second", "reasoning_effort": "low"}
    answer = member.submit(f"{url}/draft", sent, htmx=htmx)
    assert answer.status_code == 200
    page = (check_fragment if htmx else check_page)(answer.text)
    assert re.fullmatch(r"Saved \d\d:\d\d", page.find(id="autosaved")["data-saved"])
    assert (stored(agent).prompt, stored(agent).lock_version) == ("Second", 2)
    assert stored(agent).reasoning_effort == "low"
    assert rows(AuditEvent, target_id=agent.id)[0].action == "agent.change"
    if htmx:
        version = page.find(id="lock-version")
        assert (version["value"], version["hx-swap-oob"]) == ("2", "true")


def test_saving_the_same_again_changes_nothing(member, agent, url):
    sent = values_of(member.page(f"{url}/edit")) | {"prompt": "Second"}
    for _ in range(2):  # the second is sent with a version that is not the stored one any more
        answer = member.submit(f"{url}/draft", sent, htmx=True)
        assert answer.status_code == 200
        assert check_fragment(answer.text).find(id="lock-version")["value"] == "2"
    assert len(rows(AuditEvent)) == 1


def test_wrong_values_are_named_and_not_saved(member, org, agent, url, state):
    agents.agent(org, name="Taken")
    before = state()
    sent = values_of(member.page(f"{url}/edit"))
    for wrong, words in (({"name": ""}, "Enter a name"), ({"name": "taken"}, "Another agent has this name")):
        answer = member.submit(f"{url}/draft", sent | wrong, htmx=True)
        region = check_fragment(answer.text).find(id="autosaved")
        assert (answer.status_code, "data-saved" in region.attrs) == (422, False)
        assert words in region.text
    assert state() == before


@pytest.mark.parametrize("htmx", [True, False])
def test_ap_2_another_persons_change_is_not_overwritten(member, new_client, org, agent, url, htmx):
    mine = values_of(member.page(f"{url}/edit")) | {"prompt": "Mine <b>"}
    other = new_client(orgs.member(org))
    other.submit(f"{url}/edit", values_of(other.page(f"{url}/edit")) | {"prompt": "Theirs"})
    answer = member.submit(f"{url}/draft", mine, htmx=htmx)
    assert answer.status_code == 409
    page = (check_fragment if htmx else check_page)(answer.text)
    assert page.find(id="autosaved")["data-conflict"]
    assert (page.find(id="mine-prompt").text, page.find(id="theirs-prompt").text) == ("Mine <b>", "Theirs")
    assert stored(agent).prompt == "Theirs"


def test_only_members_of_the_organisation_save(viewer, new_client, agent, url):
    assert viewer.submit(f"{url}/draft", {"name": "X"}, htmx=True).status_code == 403
    stranger = new_client(orgs.member(orgs.org(slug="other")))
    there = url.replace("acme", "other")
    assert stranger.submit(f"{there}/draft", {"name": "X"}, htmx=True).status_code == 404
    assert rows(Agent)[0].name == "Support"


def test_deleted_agents_are_not_saved(member, agent, url):
    sent = values_of(member.page(f"{url}/edit")) | {"prompt": "Second"}
    member.submit(f"{url}/delete")
    assert member.submit(f"{url}/draft", sent, htmx=True).status_code == 409
    assert stored(agent).prompt == "First"

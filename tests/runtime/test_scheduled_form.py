"""The form of a schedule that asks an agent, and where such schedules are found."""

import pytest

from app.tasks.models import Schedule
from tests.factories import agents, orgs
from tests.factories.rows import rows, stored
from tests.support.pages import parse
from tests.support.queries import queries

KIND = "agent.run.prompt"
HERE = "agent-run-prompt--"


def form(agent, **changes):
    given = {"agent_id": agent.id, "version_id": "", "prompt": "What is new?", "thread": "new"}
    sent = {"variables": "who: Ana\nplace: Rome: the city", **given, **changes.pop("given", {})}
    timing = {"timing": "cron", "cron": "30 2 * * *", "time_zone": "Europe/Berlin"}
    return {
        "name": "Daily",
        "kind": KIND,
        **timing,
        "catch_up": "one",
        "overlap": "skip",
        **{f"{HERE}{name}": value for name, value in sent.items()},
        **changes,
    }


def test_the_form_makes_such_a_schedule_and_keeps_it(member, agent, version):
    page = member.page(f"/o/acme/schedules/new?kind={KIND}&agent_id={agent.id}")
    assert page.find(id="kind").find("option", selected=True)["value"] == KIND
    assert page.find(id=f"{HERE}agent_id").find("option", selected=True)["value"] == str(agent.id)
    assert [option["value"] for option in page.find(id=f"{HERE}version_id").select("option")] == [
        "",
        str(version.id),
    ]
    answer = member.submit("/o/acme/schedules/new", form(agent))
    assert answer.status_code == 303, answer.text
    (schedule,) = rows(Schedule)
    assert schedule.agent_id == agent.id
    assert schedule.payload == {
        "agent_id": str(agent.id),
        "version_id": None,
        "prompt": "What is new?",
        "variables": {"who": "Ana", "place": "Rome: the city"},
        "thread": "new",
    }
    path = f"/o/acme/schedules/{schedule.id}/edit"
    page = member.page(path)
    assert page.find(id=f"{HERE}variables").get_text().strip() == "who: Ana\nplace: Rome: the city"
    changes = {"version_id": version.id, "variables": "who: Bo", "thread": "continue"}
    member.submit(path, form(agent, given=changes, lock_version="1"))
    kept = stored(schedule).payload
    assert (kept["version_id"], kept["variables"], kept["thread"]) == (
        str(version.id),
        {"who": "Bo"},
        "continue",
    )
    shown = member.page(f"/o/acme/schedules/{schedule.id}").get_text(" ", strip=True)
    for words in ("Version 1", "What is new?", "One that goes on"):
        assert words in shown
    member.submit(path, form(agent, lock_version="2"))
    assert stored(schedule).payload["version_id"] is None


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"agent_id": ""}, "agent_id", "Choose an agent."),
        ({"agent_id": "x"}, "agent_id", "Enter an ID"),
        ({"agent_id": "0192f0c0-0000-7000-8000-000000000000"}, "agent_id", "Choose an agent of the list."),
        ({"version_id": "0192f0c0-0000-7000-8000-000000000000"}, "version_id", "Choose a version of this"),
        ({"version_id": "x"}, "version_id", "Enter an ID"),
        ({"prompt": " "}, "prompt", "Enter a message."),
        ({"prompt": ""}, "prompt", "Enter a message."),
        ({"prompt": "a\0b"}, "prompt", "null characters"),
        ({"prompt": "x" * 100_001}, "prompt", "at most 100,000"),
        ({"variables": "who Ana"}, "variables", "name: value"),
        ({"variables": "a: 1\na: 2"}, "variables", "twice"),
        ({"variables": "no name: 1"}, "variables", "letters, digits, dots and underscores"),
        ({"variables": "a: b\0c"}, "variables", "null characters"),
        ({"variables": f"a: {'x' * 10_001}"}, "variables", "at most 10,000"),
        ({"variables": "\n".join(f"a{n}: 1" for n in range(51))}, "variables", "at most 50"),
        ({"prompt": "What of {{nope}}?"}, "variables", "Give a value to nope."),
        (
            {"variables": "place: Rome", "prompt": "{{date}}, {{time}}, {{nope}}"},
            "variables",
            "to nope, who.",
        ),
        ({"thread": "perhaps"}, "thread", "Thread: choose one of the list."),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(member, agent, version, given, field, words):
    answer = member.submit("/o/acme/schedules/new", form(agent, given=given))
    assert answer.status_code == 422
    assert words in answer.text
    assert f'id="{HERE}{field}-error"' in answer.text
    assert rows(Schedule) == []


def test_the_summary_of_an_empty_form_says_what_to_choose_and_enter(member, agent, version):
    empty = form(agent, given={"agent_id": "", "prompt": "", "variables": ""})
    summary = parse(member.submit("/o/acme/schedules/new", empty).text).find(id="error-summary")
    assert [line.text for line in summary.select("a")] == ["Choose an agent.", "Enter a message."]


def test_agents_of_others_are_not_offered_and_cannot_be_named(member, agent, version):
    other = orgs.org(slug="other")
    theirs = agents.agent(other, name="Theirs")
    their_version = agents.version(theirs)
    page = member.page(f"/o/acme/schedules/new?kind={KIND}").get_text()
    assert "Support, version 1" in page
    assert "Theirs" not in page
    for given in ({"agent_id": theirs.id}, {"version_id": their_version.id}):
        assert member.submit("/o/acme/schedules/new", form(agent, given=given)).status_code == 422
    assert "Theirs" not in member.page(f"/o/acme/schedules/new?kind={KIND}&agent_id={theirs.id}").get_text()


def test_the_agent_page_shows_its_schedules_and_begins_one(member, agent, version, scheduled):
    schedule = scheduled()
    with queries(max=5):
        page = member.page(f"/o/acme/agents/{agent.id}")
    assert page.find("a", href=f"/o/acme/schedules/{schedule.id}")
    link = page.find("a", href=lambda href: href and "/schedules/new" in href)
    assert member.page(link["href"]).find(id=f"{HERE}agent_id").find("option", selected=True)["value"] == str(
        agent.id
    )

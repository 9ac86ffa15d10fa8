"""What the pages of evaluations offer and say."""

import pytest

from app.agents.services.evaluations import MOST_CASES
from tests.factories import agents, evaluations, orgs, threads
from tests.factories.rows import rows
from tests.support.pages import parse


@pytest.fixture
def home(agent):
    evaluations.case(agent)
    return f"/o/acme/agents/{agent.id}/evaluations"


def offered(member, home):
    page = parse(member.get(home).text)
    return {one["value"]: one.get_text() for one in page.select("#run-form select[name=version] option")}


def test_the_draft_is_offered_before_anything_is_published(member, home):
    assert offered(member, home) == {"draft": "Draft"}


def test_the_draft_and_each_version_are_offered_and_the_newest_is_named(member, home, agent):
    for number in (1, 2, 3):
        agents.version(agent, number=number)
    choices = offered(member, home)
    assert list(choices) == ["draft", "3", "2", "1"]
    assert choices["3"] == "Version 3, the last published"
    assert choices["1"] == "Version 1"


@pytest.mark.parametrize(("version", "number"), [("draft", None), ("1", 1)])
def test_what_is_offered_can_be_asked(member, home, agent, version, number):
    agents.version(agent)
    assert version in offered(member, home)
    assert member.submit(f"{home}/runs", {"version": version}).status_code == 303
    (asked,) = rows(evaluations.EvaluationRun)
    assert asked.version_number == number


@pytest.mark.parametrize(
    ("checks", "words", "place"),
    [
        ([], "Say at least one thing that a good answer must be.", "value-0"),
        ([("regex", "a+")], "Check 1: choose what is checked.", "kind-0"),
        ([("contains", ""), ("contains", "a"), ("schema", "{")], "Check 2: ", "value-1"),
        ([("contains", "a")] * 21, "Use at most 20 checks.", "value-20"),
    ],
)
def test_a_mistake_in_a_check_leads_to_its_field(member, home, checks, words, place):
    given = {"name": "Case", "message": "Hi"}
    for row, (kind, value) in enumerate(checks):
        given |= {f"kind-{row}": kind, f"value-{row}": value}
    refused = member.submit(f"{home}/new", given)
    page = parse(refused.text)
    (link,) = page.select("#error-summary li a")
    assert (refused.status_code, link["href"]) == (422, f"#{place}")
    assert link.get_text().startswith(words)
    assert page.find(id=place)["aria-invalid"] == "true"
    assert (
        page.find(id=place).find_parent("fieldset").legend.get_text()
        == f"Check {int(place[-2:].strip('-')) + 1}"
    )


def test_a_comparison_says_why_a_case_has_no_answer(member, home, agent):
    case = evaluations.case(agent, name="Broken")
    fault = {"kind": "answer", "value": "", "passed": False, "reason": "The provider refused the <key>."}
    missed = {"kind": "contains", "value": "a", "passed": False, "reason": "The answer does not contain it."}
    before, after = evaluations.run(agent, total=1), evaluations.run(agent, total=1)
    evaluations.result(before, case, passed=False, checks=[missed, fault], answer="")
    evaluations.result(after, case, passed=False, checks=[missed], answer="")
    page = parse(member.get(f"{home}/runs/compare?before={before.id}&after={after.id}").text)
    told = [
        " ".join(cell.get_text().split())
        for cell in page.select("td[data-label=Before], td[data-label=After]")
    ]
    assert told == [
        "Failed: The provider refused the <key>. Nothing was answered.",
        "Failed: Nothing was answered.",
    ]


def test_the_thread_of_a_case_is_led_to_by_those_only_who_see_it(
    member, new_client, home, org, person, agent
):
    thread = threads.thread(org, person, origin="playground", agent_id=agent.id)
    said = threads.message(thread, "Hi")
    case = evaluations.case(agent, source_thread_id=thread.id, source_message_id=said.id)
    other = new_client(orgs.member(org))
    for client, seen in ((member, True), (other, False)):
        page = client.page(f"{home}/cases/{case.id}")
        link = next((one for one in page.find_all("a") if "saved from" in one.text), None)
        assert (link is not None) == seen
        assert link is None or client.get(link["href"]).status_code == 200


def test_the_case_that_is_too_many_is_refused(member, home, agent):
    given = {"name": "Case", "message": "Hi", "enabled": "y", "kind-0": "contains", "value-0": "a"}
    for _ in range(MOST_CASES - 2):
        evaluations.case(agent)
    assert member.submit(f"{home}/new", given).status_code == 303
    refused = member.submit(f"{home}/new", given)
    assert refused.status_code == 409
    assert "at most 100 evaluation cases" in refused.text
    assert len(rows(evaluations.EvaluationCase)) == MOST_CASES

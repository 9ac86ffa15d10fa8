"""Creating and editing agents."""

from uuid import UUID

import pytest

from app.agents.models import Agent
from app.agents.services.agents import change_agent
from app.audit.models import AuditEvent
from app.db.session import transaction
from app.web.errors import Refusal
from tests.factories import agents, knowledge, orgs
from tests.factories.rows import rows, stored
from tests.support.pages import check_fragment, check_page

VALUES = {
    "name": "Support 🤖",
    "description": "Answers\r\nquestions",
    "prompt": "You help {{customer}} with {{ product.name }}.",
    "primary_model_provider": "openai",
    "primary_model": "gpt-5",
    "primary_model_temperature": "0.7",
    "reasoning_effort": "high",
    "enabled": "y",
}


def values_of(page):
    """Return what a browser would send of the page's form."""
    form = page.find("form", id="form")
    inputs = [field for field in form.find_all("input") if field.get("name")]
    sent = {field["name"]: field.get("value", "") for field in inputs if field.get("type") != "checkbox"}
    for box in form.select("input[type=checkbox][checked]"):
        sent.setdefault(box["name"], []).append(box["value"])
    for select in form.find_all("select"):
        sent[select["name"]] = (select.find("option", selected=True) or select.find("option"))["value"]
    return sent | {area["name"]: area.text.removeprefix("\r\n") for area in form.find_all("textarea")}


def test_create_stores_every_field_and_an_event(member, org):
    sent = values_of(member.page("/o/acme/agents/new")) | VALUES
    answer = member.submit("/o/acme/agents/new", sent)
    agent = rows(Agent)[0]
    assert (answer.status_code, answer.location) == (303, f"/o/acme/agents/{agent.id}")
    assert (agent.name, agent.description) == ("Support 🤖", "Answers\nquestions")
    assert (agent.primary_model_provider, agent.primary_model, agent.enabled) == ("openai", "gpt-5", True)
    assert agent.primary_model_temperature == pytest.approx(0.7)
    assert agent.reasoning_effort == "high"
    event = rows(AuditEvent, target_id=agent.id)[0]
    assert (event.action, event.before, event.after["name"]) == ("agent.create", None, "Support 🤖")
    page = member.page(answer.location)
    assert "Agent created." in page.text
    assert [code.text for code in page.select("#prompt_facts code")] == ["customer", "product.name"]


def test_a_form_sent_twice_makes_one_agent_and_leads_to_it(member, org):
    sent = values_of(member.page("/o/acme/agents/new")) | VALUES
    answers = [member.submit("/o/acme/agents/new", sent) for _ in range(3)]
    assert len(rows(Agent)) == 1
    assert {answer.location for answer in answers} == {f"/o/acme/agents/{rows(Agent)[0].id}"}


def test_the_same_form_with_other_values_is_refused(member, org):
    sent = values_of(member.page("/o/acme/agents/new")) | VALUES
    member.submit("/o/acme/agents/new", sent)
    assert member.submit("/o/acme/agents/new", sent | {"name": "Other"}).status_code == 409
    assert len(rows(Agent)) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "n" * 256),
        ("name", "two\nlines"),
        ("name", "nul\0"),
        ("description", "d" * 2001),
        ("description", "nul\0"),
        ("prompt", "p" * 100_001),
        ("prompt", "nul\0"),
        ("primary_model", "m" * 256),
        ("primary_model_temperature", "2.1"),
        ("primary_model_temperature", "-0.1"),
        ("primary_model_temperature", "warm"),
        ("primary_model_temperature", "nan"),
        ("primary_model_temperature", "inf"),
        ("reasoning_effort", "High"),
        ("reasoning_effort", "none"),
        ("max_output_tokens", "1000001"),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_wrong_values_come_back_with_a_summary(member, org, state, field, value, htmx):
    before = state()
    answer = member.submit("/o/acme/agents/new", VALUES | {field: value}, htmx=htmx)
    assert answer.status_code == 422
    page = (check_fragment if htmx else check_page)(answer.text)
    assert page.find("title").text.startswith("Error: ")
    control = page.find(id=field)
    assert control["aria-invalid"] == "true"
    summary = page.find(id="error-summary")
    assert summary.find("a", href=f"#{field}").text in page.find(id=f"{field}-error").text
    assert page.find(id="primary_model_provider")["value"] == "openai"
    assert state() == before


def test_the_summary_has_the_order_of_the_fields(member):
    wrong = {"name": "", "primary_model": "m" * 256, "max_tool_calls": "many", "tools_enabled": "none"}
    answer = member.submit("/o/acme/agents/new", VALUES | wrong)
    lines = check_page(answer.text).find(id="error-summary").find_all("a")
    assert [line["href"] for line in lines] == [
        "#name",
        "#primary_model",
        "#max_tool_calls",
        "#tools_enabled",
    ]


def test_the_summary_tells_fields_with_the_same_mistake_apart(member):
    wrong = {"name": "", "max_tool_calls": "many", "timeout_seconds": "long"}
    lines = check_page(member.submit("/o/acme/agents/new", VALUES | wrong).text).find(id="error-summary")
    assert [line.text for line in lines.find_all("a")] == [
        "Enter a name for the agent.",
        "Tool calls: Enter a whole number.",
        "Time limit: Enter a whole number.",
    ]


def test_a_name_in_use_is_refused_in_any_case(member, org):
    agents.agent(org, name="Support")
    answer = member.submit("/o/acme/agents/new", VALUES | {"name": "sUPPORT"})
    assert answer.status_code == 422
    assert "Another agent has this name" in check_page(answer.text).find(id="name-error").text


def test_names_are_free_in_other_organisations_and_after_deletion(member, org):
    agents.agent(orgs.org(), name="Support 🤖")
    gone = agents.agent(org, name="Support 🤖")
    member.submit(f"/o/acme/agents/{gone.id}/delete")
    assert member.submit("/o/acme/agents/new", VALUES).status_code == 303


def test_edit_saves_what_changed_and_says_so(member, org):
    base = knowledge.base(org)
    agent = agents.agent(
        org, name="Old", prompt="Same", tools_enabled=["calculator"], rag_enabled=[str(base.id)]
    )
    url = f"/o/acme/agents/{agent.id}/edit"
    sent = values_of(member.page(url)) | {"name": "New", "primary_model_temperature": ""}
    assert member.submit(url, sent).location == f"/o/acme/agents/{agent.id}"
    saved = stored(agent)
    assert (saved.name, saved.prompt, saved.lock_version) == ("New", "Same", 2)
    assert (saved.tools_enabled, saved.rag_enabled) == (["calculator"], [str(base.id)])
    event = rows(AuditEvent, target_id=agent.id)[0]
    assert (event.action, event.before, event.after) == ("agent.change", {"name": "Old"}, {"name": "New"})


def test_saving_without_a_change_leaves_no_event(member, org):
    agent = agents.agent(org, primary_model_temperature=0.3, description="Two\nlines")
    url = f"/o/acme/agents/{agent.id}/edit"
    assert member.submit(url, values_of(member.page(url))).status_code == 303
    assert (stored(agent).lock_version, rows(AuditEvent)) == (1, [])


def test_reasoning_is_the_models_own_unless_chosen(member, org):
    agent = agents.agent(org, reasoning_effort="off")
    url = f"/o/acme/agents/{agent.id}"
    sent = values_of(member.page(f"{url}/edit"))
    assert sent["reasoning_effort"] == "off"
    assert "\nReasoningOff\n" in member.page(url).find(class_="facts").text
    member.submit(f"{url}/edit", sent | {"reasoning_effort": ""})
    assert stored(agent).reasoning_effort is None
    assert "\nReasoningThe model’s default\n" in member.page(url).find(class_="facts").text
    listed = member.page("/o/acme/agents?cols=name,reasoning")
    assert listed.find("td", attrs={"data-label": "Reasoning"}).text == "–"


def test_an_unticked_box_disables(member, org):
    agent = agents.agent(org)
    url = f"/o/acme/agents/{agent.id}/edit"
    sent = values_of(member.page(url))
    del sent["enabled"]
    member.submit(url, sent)
    assert stored(agent).enabled is False


@pytest.mark.parametrize("htmx", [False, True])
def test_ap_2_two_edits_of_one_version_show_both_texts(member, new_client, org, htmx):
    agent = agents.agent(org, name="Shared", prompt="First")
    url = f"/o/acme/agents/{agent.id}/edit"
    mine = values_of(member.page(url)) | {"prompt": "Mine <b>"}
    other = new_client(orgs.member(org))
    other.submit(url, values_of(other.page(url)) | {"prompt": "Theirs"})
    answer = member.submit(url, mine, htmx=htmx)
    assert answer.status_code == 409
    page = (check_fragment if htmx else check_page)(answer.text)
    assert (page.find(id="mine-prompt").text, page.find(id="theirs-prompt").text) == ("Mine <b>", "Theirs")
    assert stored(agent).prompt == "Theirs"
    keep = next(form for form in page.find_all("form") if form["action"] == url)
    kept = {
        field["name"]: field["value"] for field in keep.find_all("input") if field["name"] != "csrf_token"
    }
    assert member.submit(url, kept).status_code == 303
    assert (stored(agent).prompt, stored(agent).enabled, stored(agent).lock_version) == ("Mine <b>", True, 3)


@pytest.mark.parametrize("version", ["", "0", "x", "-1", "9" * 30, "2"])
def test_a_version_that_is_not_the_stored_one_is_stale(member, org, version):
    agent = agents.agent(org)
    sent = VALUES | {"lock_version": version}
    assert member.submit(f"/o/acme/agents/{agent.id}/edit", sent).status_code == 409


def test_deleted_agents_are_restored_before_they_are_edited(member, org):
    agent = agents.agent(org)
    member.submit(f"/o/acme/agents/{agent.id}/delete")
    assert member.get(f"/o/acme/agents/{agent.id}/edit").status_code == 409
    assert member.submit(f"/o/acme/agents/{agent.id}/edit", VALUES).status_code == 409
    assert member.submit(f"/o/acme/agents/{agent.id}/duplicate").status_code == 409


def test_duplicates_take_the_next_free_name(member, org):
    agent = agents.agent(org, name="N" * 255, prompt="Text", reasoning_effort="low", enabled=False)
    for _ in range(2):
        answer = member.submit(f"/o/acme/agents/{agent.id}/duplicate")
        assert answer.status_code == 303
        assert answer.location.endswith("/edit")
    copies = rows(Agent)[1:]
    assert [copy.name[-9:] for copy in copies] == ["NN (copy)", " (copy 2)"]
    assert [(copy.prompt, copy.reasoning_effort, copy.enabled) for copy in copies] == [
        ("Text", "low", False)
    ] * 2


def test_a_prompt_is_described_while_it_is_written(member, org):
    answer = member.submit(
        "/o/acme/agents/prompt-facts", {"prompt": "Hi {{who}} {{who}} {{ 1x }}"}, htmx=True
    )
    facts = check_fragment(answer.text).find(id="prompt_facts")
    assert "27 characters, about 7 tokens" in " ".join(facts.text.split())
    assert [code.text for code in facts.find_all("code")] == ["who"]


def test_a_persona_that_is_gone_is_refused(acting, org):
    agent = agents.agent(org)
    acting(org, orgs.member(org))
    with pytest.raises(Refusal) as refused, transaction():
        change_agent(org.id, agent.id, 1, {"persona_id": UUID(int=1)})
    assert (refused.value.status, stored(agent).lock_version) == (409, 1)

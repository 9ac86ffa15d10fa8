"""Personas: the list, the form, archive and deletion, and agents that use them."""

import pytest

from app.agents.models import Agent, Persona
from app.audit.models import AuditEvent
from tests.agents.test_form import values_of
from tests.factories import agents, knowledge, orgs
from tests.factories.rows import rows, stored
from tests.support.pages import check_fragment, check_page
from tests.support.queries import queries

URL = "/o/acme/personas"
VALUES = {"name": "Kind 🤖", "description": "For customers", "prompt": "Be kind.\r\nBe brief."}


def names(page):
    return [link.text for link in page.select("tbody th a")]


def words(page, region="results"):
    return " ".join(page.find(id=region).text.split())


def test_an_empty_list_offers_the_first_persona(member, viewer, org):
    assert "No personas yet" in words(member.both(URL))
    page = viewer.both(URL)
    assert "Members, admins and owners can" in words(page)
    assert not page.find("a", href=f"{URL}/new")


def test_the_list_is_searched_sorted_and_filtered(member, org):
    used = agents.persona(org, name="Brief", description="For engineers")
    agents.persona(org, name="Kind")
    agents.persona(org, name="Old", archived=True)
    agents.persona(orgs.org(), name="Foreign")
    agents.agent(org, persona_id=used.id)
    agents.agent(org, persona_id=used.id, deleted_at="2026-11-20T00:00:00Z")
    assert names(member.both(URL)) == ["Brief", "Kind"]
    assert names(member.both(f"{URL}?q=engineers")) == ["Brief"]
    assert names(member.both(f"{URL}?q=nothing")) == []
    assert names(member.both(f"{URL}?sort=-agents")) == ["Brief", "Kind"]
    assert names(member.both(f"{URL}?status=archived")) == ["Old"]
    assert names(member.both(f"{URL}?status=-archived&status=active&sort=-name")) == ["Kind", "Brief"]
    row = member.page(URL).select("tbody tr")[0]
    assert row.find(class_="cell-number").text.strip() == "1"
    with queries(max=4):
        member.get(URL)


def test_pages_follow_each_other(member, org):
    for number in range(25):
        agents.persona(org, name=f"Persona {number:02}")
    page = member.both(URL)
    assert len(names(page)) == 20
    assert names(member.both(page.find(id="page-next")["href"])) == [f"Persona {n}" for n in range(20, 25)]


def test_a_pasted_id_leads_to_its_persona(member, org):
    persona = agents.persona(org)
    assert member.get(f"{URL}?q=per_{persona.id}").location == f"{URL}/{persona.id}"


def test_create_and_edit_leave_events(member, org):
    sent = values_of(member.page(f"{URL}/new")) | VALUES
    answers = {member.submit(f"{URL}/new", sent).location for _ in range(2)}
    persona = rows(Persona)[0]
    assert answers == {f"{URL}/{persona.id}"}
    assert (persona.name, persona.prompt) == ("Kind 🤖", "Be kind.\nBe brief.")
    url = f"{URL}/{persona.id}/edit"
    assert member.submit(url, values_of(member.page(url))).status_code == 303
    assert stored(persona).lock_version == 1
    member.submit(url, values_of(member.page(url)) | {"prompt": "Be cold."})
    assert (stored(persona).prompt, stored(persona).lock_version) == ("Be cold.", 2)
    events = [(event.action, event.after) for event in rows(AuditEvent, target_id=persona.id)]
    assert [action for action, _ in events] == ["persona.create", "persona.change"]
    assert events[1][1] == {"prompt": "Be cold."}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", wrong) for wrong in ("", "n" * 256, "two\nlines", "nul\0")),
        *(("prompt", wrong) for wrong in ("", "p" * 20_001, "nul\0")),
        *(("description", wrong) for wrong in ("d" * 2_001, "nul\0")),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_wrong_values_come_back_with_a_summary(member, org, state, field, value, htmx):
    before = state()
    answer = member.submit(f"{URL}/new", VALUES | {field: value}, htmx=htmx)
    assert answer.status_code == 422
    page = (check_fragment if htmx else check_page)(answer.text)
    assert page.find(id=field)["aria-invalid"] == "true"
    assert page.find(id="error-summary").find("a", href=f"#{field}")
    assert state() == before


def test_names_are_unique_in_any_case(member, org):
    agents.persona(org, name="Kind 🤖")
    persona = agents.persona(org)
    for url in (f"{URL}/new", f"{URL}/{persona.id}/edit"):
        answer = member.submit(url, VALUES | {"name": "kIND 🤖", "lock_version": "1"})
        assert answer.status_code == 422
        assert "Another persona has this name" in check_page(answer.text).find(id="name-error").text


@pytest.mark.parametrize("htmx", [False, True])
def test_ap_2_two_edits_of_one_version_show_both_texts(member, new_client, org, htmx):
    persona = agents.persona(org, prompt="First")
    url = f"{URL}/{persona.id}/edit"
    mine = values_of(member.page(url)) | {"prompt": "Mine <b>"}
    other = new_client(orgs.member(org))
    other.submit(url, values_of(other.page(url)) | {"prompt": "Theirs"})
    answer = member.submit(url, mine, htmx=htmx)
    assert answer.status_code == 409
    page = (check_fragment if htmx else check_page)(answer.text)
    assert (page.find(id="mine-prompt").text, page.find(id="theirs-prompt").text) == ("Mine <b>", "Theirs")
    keep = next(form for form in page.find_all("form") if form["action"] == url)
    kept = {
        field["name"]: field["value"] for field in keep.find_all("input") if field["name"] != "csrf_token"
    }
    assert member.submit(url, kept).status_code == 303
    assert stored(persona).prompt == "Mine <b>"


def test_archive_and_restore_are_taken_back(member, org):
    chosen = [agents.persona(org, name=f"Persona {n}", archived=n == 2) for n in range(3)]
    ids = [str(persona.id) for persona in chosen]
    answer = member.submit(f"{URL}/bulk", {"act": "archive", "ids": ids, "query": "status=archived"})
    page = member.page(answer.location)
    assert "2 archived, 1 skipped." in words(page, "toasts")
    member.submit(page.find(id="toasts").find("form")["action"])
    assert [stored(persona).archived for persona in chosen] == [False, False, True]
    member.submit(f"{URL}/{ids[2]}/restore")
    assert stored(chosen[2]).archived is False
    assert member.submit(f"{URL}/bulk", {"act": "delete", "ids": ids}).status_code == 422
    assert member.submit(f"{URL}/bulk", {"act": "archive"}).status_code == 422


def test_all_that_match_are_archived_after_a_question(member, org):
    for number in range(25):
        agents.persona(org, name=f"Match {number}")
    other = agents.persona(org, name="Other")
    state = member.page(f"{URL}?q=match").find("input", attrs={"name": "state"})["value"]
    asked = member.submit(f"{URL}/bulk", {"act": "archive", "match": "all", "state": state})
    page = member.page(asked.location)
    assert "25 personas match" in " ".join(page.text.split())
    answer = member.submit(f"{URL}/bulk/matching", {"act": "archive", "state": state})
    assert answer.status_code == 303
    assert (len(rows(Persona, archived=True)), stored(other).archived) == (25, False)


def test_a_used_persona_is_not_deleted_and_its_agents_are_named(member, org):
    persona = agents.persona(org, name="Kind")
    for name in ("Support", "Sales", "Billing", "Legal"):
        agents.agent(org, name=name, persona_id=persona.id)
    page = member.page(f"{URL}/{persona.id}/delete")
    assert [link.text for link in page.select("main .card li a")] == ["Billing", "Legal", "Sales", "Support"]
    assert not page.find(id="form")
    answer = member.submit(f"{URL}/{persona.id}/delete", {"name": "Kind"})
    assert answer.status_code == 409
    assert "“Billing”, “Legal”, “Sales” and 1 more" in answer.text
    assert stored(persona)


def test_an_unused_persona_is_deleted_once_its_name_is_typed(member, org):
    persona = agents.persona(org, name="Kind")
    gone = agents.agent(org, persona_id=persona.id, deleted_at="2026-11-20T00:00:00Z")
    url = f"{URL}/{persona.id}/delete"
    assert member.submit(url, {"name": "Kin"}).status_code == 422
    assert member.submit(url, {"name": "Kind"}).location == URL
    assert (stored(persona), stored(gone).persona_id) == (None, None)
    event = rows(AuditEvent, target_id=persona.id)[0]
    assert (event.action, event.before["prompt"]) == ("persona.delete", "Be kind.")


def test_the_page_leads_to_the_agents_that_use_it(member, org):
    persona = agents.persona(org, name="Kind <b>")
    agents.agent(org, name="Support", persona_id=persona.id)
    agents.agent(org, name="Other")
    page = member.page(f"{URL}/{persona.id}")
    link = page.find("a", string="1 agent")
    assert names(member.both(link["href"])) == ["Support"]
    excluded = link["href"].replace("persona=", "persona=-")
    assert names(member.both(excluded)) == ["Other"]
    member.submit(f"{URL}/{persona.id}/edit", VALUES | {"name": "Renamed", "lock_version": "1"})
    assert "Renamed" in member.page(link["href"]).find(class_="chips").text


def test_the_viewer_reads_only(viewer, org):
    persona = agents.persona(org)
    page = viewer.page(f"{URL}/{persona.id}")
    assert not page.find("a", href=f"{URL}/{persona.id}/edit")
    for path in ("edit", "archive", "delete"):
        assert viewer.submit(f"{URL}/{persona.id}/{path}").status_code == 403


def test_oi_1_another_organisations_persona_is_not_there(member, org):
    foreign = agents.persona(orgs.org())
    assert member.get(f"{URL}/{foreign.id}").status_code == 404
    for path in ("edit", "archive", "restore", "delete"):
        assert member.submit(f"{URL}/{foreign.id}/{path}").status_code == 404


def test_agents_choose_a_persona_bases_and_limits(member, org):
    persona, base = agents.persona(org, name="Kind"), knowledge.base(org, name="Handbook")
    agents.persona(org, name="Hidden", archived=True)
    knowledge.base(org, name="Shut", archived=True)
    page = member.page("/o/acme/agents/new")
    assert [option.text for option in page.select("#persona_id option")] == ["No persona", "Kind"]
    assert [label.text for label in page.select("#rag_enabled .choice label")] == ["Handbook"]
    chosen = {"name": "A", "persona_id": str(persona.id), "rag_enabled": [str(base.id)]}
    limits = {"max_output_tokens": "900", "max_tool_calls": "0", "timeout_seconds": "300"}
    member.submit("/o/acme/agents/new", values_of(page) | chosen | limits)
    agent = rows(Agent)[0]
    assert (agent.persona_id, agent.rag_enabled) == (persona.id, [str(base.id)])
    assert agent.settings == {"max_output_tokens": 900, "max_tool_calls": 0}
    url = f"/o/acme/agents/{agent.id}/edit"
    assert values_of(member.page(url)) | chosen | limits == values_of(member.page(url))
    member.submit(url, values_of(member.page(url)) | {"persona_id": "", "rag_enabled": []})
    assert (stored(agent).persona_id, stored(agent).rag_enabled) == (None, [])


def test_what_was_archived_since_stays_chosen(member, org):
    persona = agents.persona(org, name="Kind", archived=True)
    base = knowledge.base(org, name="Shut", archived=True)
    agent = agents.agent(org, persona_id=persona.id, rag_enabled=[str(base.id)])
    url = f"/o/acme/agents/{agent.id}/edit"
    page = member.page(url)
    assert page.select_one("#persona_id option[selected]").text == "Kind (archived)"
    assert member.submit(url, values_of(page)).status_code == 303
    assert (stored(agent).persona_id, stored(agent).rag_enabled) == (persona.id, [str(base.id)])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_output_tokens", "0"),
        ("max_output_tokens", "many"),
        ("max_tool_calls", "-1"),
        ("max_tool_calls", "101"),
        ("max_tool_calls", ""),
        ("timeout_seconds", "4"),
        ("timeout_seconds", "1.5"),
        ("persona_id", "foreign"),
        ("persona_id", "nonsense"),
        ("rag_enabled", "foreign"),
        ("rag_enabled", "nonsense"),
    ],
)
def test_wrong_choices_are_refused(member, org, state, field, value):
    other = orgs.org()
    foreign = {"persona_id": agents.persona(other).id, "rag_enabled": knowledge.base(other).id}
    agent = agents.agent(org)
    before = state()
    sent = values_of(member.page(f"/o/acme/agents/{agent.id}/edit"))
    sent[field] = str(foreign[field]) if value == "foreign" else value
    answer = member.submit(f"/o/acme/agents/{agent.id}/edit", sent)
    assert answer.status_code == 422
    page = check_page(answer.text)
    assert page.find(id="error-summary").find("a", href=f"#{field}")
    assert state() == before


def test_a_conflict_names_what_was_chosen(member, new_client, org):
    persona, base = agents.persona(org, name="Kind"), knowledge.base(org, name="Handbook")
    agent = agents.agent(org, rag_enabled=[str(base.id)])
    url = f"/o/acme/agents/{agent.id}/edit"
    mine = values_of(member.page(url)) | {"persona_id": str(persona.id)}
    other = new_client(orgs.member(org))
    other.submit(url, values_of(other.page(url)) | {"rag_enabled": []})
    answer = member.submit(url, mine)
    page = check_page(answer.text)
    shown = {
        field: (page.find(id=f"mine-{field}").text, page.find(id=f"theirs-{field}").text)
        for field in ("persona_id", "rag_enabled")
    }
    assert shown == {"persona_id": ("Kind", "–"), "rag_enabled": ("Handbook", "–")}
    keep = next(form for form in page.find_all("form") if form["action"] == url)
    kept = {
        field["name"]: field["value"] for field in keep.find_all("input") if field["name"] != "csrf_token"
    }
    member.submit(url, kept)
    assert (stored(agent).persona_id, stored(agent).rag_enabled) == (persona.id, [str(base.id)])

"""Pages of versions: publish, list, show, compare, restore."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import text

from app.agents.models import AgentVersion
from app.audit.models import AuditEvent
from tests.agents.test_form import values_of
from tests.factories import agents, knowledge, orgs
from tests.factories.rows import rows, stored
from tests.support.database import as_owner
from tests.support.pages import check_page, parse
from tests.support.queries import queries


@pytest.fixture
def agent(org):
    persona = agents.persona(org, name="Kind")
    base = knowledge.base(org, name="Handbook")
    return agents.agent(
        org, name="Support", prompt="You help.", persona_id=persona.id, rag_enabled=[str(base.id)]
    )


@pytest.fixture
def url(agent):
    return f"/o/acme/agents/{agent.id}"


def names(page):
    return [link.text for link in page.select("tbody th a")]


def words(part):
    return " ".join(part.text.split())


def publish(client, url, **values):
    page = client.page(f"{url}/publish")
    return client.submit(f"{url}/publish", values_of(page) | values)


def edit(client, url, **values):
    page = client.page(f"{url}/edit")
    assert client.submit(f"{url}/edit", values_of(page) | values).status_code == 303


def restore(client, url, number):
    form = client.page(f"{url}/versions/{number}").find("form", action=f"{url}/versions/{number}/restore")
    sent = {
        field["name"]: field["value"] for field in form.find_all("input") if field["name"] != "csrf_token"
    }
    return client.submit(form["action"], sent)


def test_the_head_says_where_the_draft_stands(member, agent, url):
    for page in (member.page(url), member.page(f"{url}/edit")):
        assert "Not published yet." in words(page.find("main"))
    assert publish(member, url, name="Launch", note="First\r\ntry").location == url
    assert "Published as version 1." in words(member.page(f"{url}/edit").find("main"))
    edit(member, url, prompt="You help kindly.")
    page = member.page(f"{url}/edit")
    assert "Draft differs from version 1." in words(page.find("main"))
    assert page.find("a", string="version 1")["href"] == f"{url}/compare"
    version = rows(AgentVersion)[0]
    assert (version.name, version.note) == ("Launch", "First\ntry")


def test_publishing_shows_what_changes_and_refuses_nothing(member, agent, url):
    publish(member, url)
    page = member.page(f"{url}/publish")
    assert "nothing to publish" in words(page.find("main"))
    assert "is kept as version" not in words(page.find("main"))
    assert not page.find(id="form")
    answer = member.submit(f"{url}/publish", {"lock_version": "1"})
    assert answer.status_code == 409
    assert "Nothing was changed since version 1" in answer.text
    edit(member, url, prompt="You help kindly.")
    page = member.page(f"{url}/publish")
    assert words(page.find(id="summary")) == "Prompt changed (+1 word)."
    assert page.find("ins").text == " kindly"


@pytest.mark.parametrize(
    ("field", "value"), [("name", "n" * 256), ("name", "a\0"), ("note", "n" * 2_001), ("note", "\0")]
)
def test_wrong_values_are_not_published(member, agent, url, field, value):
    answer = member.submit(f"{url}/publish", {"lock_version": "1", field: value})
    assert answer.status_code == 422
    assert check_page(answer.text).find(id="error-summary").find("a", href=f"#{field}")
    assert rows(AgentVersion) == []


@pytest.mark.parametrize("version", ["", "1", "x", "9" * 30])
def test_a_stale_draft_is_neither_published_nor_overwritten(member, agent, url, version):
    publish(member, url)
    edit(member, url, prompt="You help kindly.")
    for path in ("publish", "versions/1/restore"):
        answer = member.submit(f"{url}/{path}", {"lock_version": version})
        assert answer.status_code == 409
        assert "Somebody changed this agent" in answer.text
    assert len(rows(AgentVersion)) == 1


def test_what_was_typed_is_kept_where_somebody_changed_the_draft_meanwhile(member, agent, url):
    edit(member, url, prompt="You help kindly.")
    typed = {"name": "Launch", "note": "Why\nand how"}
    answer = member.submit(f"{url}/publish", {"lock_version": "1", **typed})
    assert answer.status_code == 409
    page = check_page(answer.text)
    assert "theirs will be published" in words(page.find(id="error-summary"))
    assert (page.find(id="name")["value"], page.find(id="note").text.strip()) == ("Launch", "Why\nand how")
    version = page.find(id="lock-version")["value"]
    assert member.submit(f"{url}/publish", {"lock_version": version, **typed}).status_code == 303
    assert [version.note for version in rows(AgentVersion)] == ["Why\nand how"]


def test_what_was_typed_is_shown_where_somebody_published_the_draft_meanwhile(member, agent, url):
    publish(member, url)
    typed = {"name": "Launch", "note": "Why\nand how"}
    for version in ("1", "7"):
        answer = member.submit(f"{url}/publish", {"lock_version": version, **typed})
        assert answer.status_code == 409
        shown = check_page(answer.text).find("main")
        assert "nothing to publish" in words(shown)
        assert ("Launch" in words(shown), shown.find("pre").text) == (True, "Why\nand how")
    assert len(rows(AgentVersion)) == 1


def test_the_list_is_searched_and_turned(member, org, agent, url):
    assert "Not published yet" in words(member.both(f"{url}/versions").find(id="results"))
    for number in range(1, 24):
        agents.version(agent, number, name="Launch" if number == 3 else None, note=f"Note {number} <b>")
    agents.version(agents.agent(org), 77)
    page = member.both(f"{url}/versions")
    assert names(page)[:2] == ["Version 23", "Version 22"]
    assert len(names(page)) == 20
    assert names(member.both(page.find(id="page-next")["href"])) == ["Version 3", "Version 2", "Version 1"]
    assert names(member.both(f"{url}/versions?q=launch")) == ["Version 3"]
    assert names(member.both(f"{url}/versions?sort=number"))[0] == "Version 1"
    assert "No versions match" in words(member.both(f"{url}/versions?q=nothing").find(id="results"))
    with queries(max=4):
        member.get(f"{url}/versions")


def test_a_version_is_shown_as_it_was(member, agent, url):
    publish(member, url, note="<script>alert(1)</script>")
    edit(member, url, prompt="Other")
    with queries(max=4):
        page = member.page(f"{url}/versions/1")
    assert page.find("pre").text == "You help."
    assert "Be kind." in [pre.text for pre in page.find_all("pre")]
    assert "<script>alert(1)</script>" in page.find(class_="facts").text
    assert "Handbook" in words(page.find(class_="facts"))


@pytest.mark.parametrize("number", [0, 2, 2**31, 2**70])
def test_unknown_versions_are_not_found(member, agent, url, number):
    publish(member, url)
    assert member.get(f"{url}/versions/{number}").status_code == 404
    assert member.submit(f"{url}/versions/{number}/restore", {"lock_version": "1"}).status_code == 404


def test_comparing_names_each_difference(member, org, agent, url):
    publish(member, url, note="Before")
    other = agents.persona(org, name="Brief")
    edit(
        member,
        url,
        prompt="You help </pre><script>alert(1)</script>.",
        primary_model_temperature="0.2",
        reasoning_effort="high",
        persona_id=str(other.id),
        rag_enabled=[],
        max_tool_calls="3",
    )
    publish(member, url)
    with queries(max=4):
        page = member.page(f"{url}/compare?base=1&head=2")
    summary = words(page.find(id="summary"))
    assert summary.startswith("Prompt changed (+")
    for phrase in (
        "temperature 0.2 added",
        "reasoning high added",
        "tool calls 10 → 3",
        "persona Kind → Brief",
        "knowledge base removed: Handbook",
    ):
        assert phrase in summary
    assert not page.find("main").find("script")
    assert "script" in page.find("pre").text
    turned = member.page(f"{url}/compare?base=2&head=1")
    assert "knowledge base added: Handbook" in words(turned.find(id="summary"))
    assert words(member.page(f"{url}/compare").find(id="summary")) == "Nothing differs."
    assert words(member.page(f"{url}/compare?base=2&head=draft").find(id="summary")) == "Nothing differs."
    assert "Note of version 1: Before" in words(page.find("main"))


def test_an_unpublished_agent_has_nothing_to_compare(member, agent, url):
    assert "Nothing to compare yet" in words(member.page(f"{url}/compare").find("main"))


@pytest.mark.parametrize(
    ("sides", "status"),
    [
        ("base=1&head=9", 404),
        ("base=99999999999&head=1", 422),
        ("base=x&head=1", 422),
        ("base=0&head=1", 422),
        ("base=-1&head=draft", 422),
        ("base=%00&head=draft", 422),
        ("base=draft&head=draft", 200),
        ("base=2147483648", 422),
        ("base=999999999", 404),
    ],
)
def test_sides_that_are_none(member, agent, url, sides, status):
    publish(member, url)
    assert member.get(f"{url}/compare?{sides}").status_code == status


def test_restoring_loses_nothing(member, agent, url):
    publish(member, url)
    edit(member, url, prompt="Second", primary_model="gpt-5")
    publish(member, url)
    edit(member, url, prompt="Third", primary_model="", reasoning_effort="low")
    assert restore(member, url, 1).location == f"{url}/edit"
    page = member.page(f"{url}/edit")
    assert "The former draft is version 3." in words(page.find(id="toasts"))
    assert "Draft differs from version 3." in words(page.find("main"))
    versions = rows(AgentVersion)
    assert [(version.number, version.note) for version in versions][2] == (3, "Before restoring version 1")
    assert versions[2].snapshot["prompt"] == "Third"
    assert (stored(agent).prompt, stored(agent).primary_model) == ("You help.", None)
    assert stored(agent).reasoning_effort is None
    assert "Nothing differs." in words(member.page(f"{url}/compare?base=1").find(id="summary"))
    actions = [event.action for event in rows(AuditEvent, target_id=agent.id)]
    assert actions[-3:] == ["agent.publish", "agent.change", "agent.roll_back"]
    restore(member, url, 3)
    assert (stored(agent).prompt, stored(agent).reasoning_effort) == ("Third", "low")
    assert len(rows(AgentVersion)) == 3


def test_what_is_gone_is_named(member, org, agent, url):
    publish(member, url)
    edit(member, url, name="Renamed", persona_id="", rag_enabled=[])
    agents.agent(org, name="support")
    with as_owner() as session:
        session.execute(text("DELETE FROM personas"))
        session.execute(text("DELETE FROM knowledge_bases"))
    gone = words(member.page(f"{url}/versions/1").find("main"))
    assert "The persona “Kind” is gone" in gone
    restore(member, url, 1)
    toasts = words(member.page(f"{url}/edit").find(id="toasts"))
    for phrase in (
        "The persona “Kind” is gone",
        "The knowledge base “Handbook” is gone",
        "is another agent's by now",
    ):
        assert phrase in toasts
    now = stored(agent)
    assert (now.name, now.persona_id, now.rag_enabled, now.prompt) == ("Renamed", None, [], "You help.")


def test_an_archived_knowledge_base_is_named_and_left_out(member, agent, url):
    publish(member, url)
    with as_owner() as session:
        session.execute(text("UPDATE knowledge_bases SET archived = true"))
    words_of_it = "The knowledge base “Handbook” is gone or archived."
    assert words_of_it in words(member.page(f"{url}/versions/1").find("main"))
    restore(member, url, 1)
    assert words_of_it in words(member.page(f"{url}/edit").find(id="toasts"))
    assert stored(agent).rag_enabled == []


def test_a_persona_that_was_changed_since_is_named(member, agent, url):
    publish(member, url)
    with as_owner() as session:
        session.execute(text("UPDATE personas SET prompt = 'Be cold.'"))
    assert "was changed since" in words(member.page(f"{url}/versions/1").find("main"))
    assert "Text of the persona" in words(member.page(f"{url}/compare").find("main"))


def test_old_versions_are_shown_and_restored(member, agent, url):
    agents.version(agent, 1)
    member.page(f"{url}/versions/1")
    member.both(f"{url}/versions")
    restore(member, url, 1)
    assert (stored(agent).name, stored(agent).persona_id) == ("Support", None)


def test_the_viewer_reads_and_compares_only(viewer, member, agent, url):
    publish(member, url)
    for path in ("versions", "versions/1", "compare?base=1&head=draft"):
        page = viewer.page(f"{url}/{path}")
        assert not page.find("main").find("form", method="post")
        assert not page.find("a", href=f"{url}/publish")
    assert viewer.get(f"{url}/publish").status_code == 403
    for path in ("publish", "versions/1/restore"):
        assert viewer.submit(f"{url}/{path}", {"lock_version": "1"}).status_code == 403


def test_oi_1_other_organisations_see_no_version(member, new_client, agent, url):
    publish(member, url)
    stranger = new_client(orgs.member(orgs.org(slug="other")))
    there = url.replace("acme", "other")
    for path in ("versions", "versions/1", "compare", "publish"):
        assert stranger.get(f"{there}/{path}").status_code == 404
        assert stranger.get(f"{url}/{path}").status_code == 404
    for path in ("publish", "versions/1/restore"):
        assert stranger.submit(f"{there}/{path}", {"lock_version": "1"}).status_code == 404
    assert len(rows(AgentVersion)) == 1


def test_deleted_agents_keep_their_versions_to_read(member, agent, url):
    publish(member, url)
    member.submit(f"{url}/delete")
    page = member.page(f"{url}/versions/1")
    assert not page.find("form", action=f"{url}/versions/1/restore")
    assert member.get(f"{url}/publish").status_code == 409
    assert member.submit(f"{url}/versions/1/restore", {"lock_version": "2"}).status_code == 409


def test_parallel_publishers_get_one_version(live):
    """Each saw the same draft: the first one's is kept, the others are told that nothing is new."""
    org = orgs.org(slug="acme")
    agent = agents.agent(org, prompt="Same")
    people = [orgs.member(org) for _ in range(4)]
    url = f"/o/acme/agents/{agent.id}/publish"
    with ExitStack() as stack:
        clients = [stack.enter_context(live.client(person)) for person in people]
        tokens = [
            parse(client.get(url).text).find("input", attrs={"name": "csrf_token"})["value"]
            for client in clients
        ]

        def send(pair):
            sent = {"csrf_token": pair[1], "lock_version": "1", "note": "Mine"}
            return pair[0].post(url, data=sent, headers={"Sec-Fetch-Site": "same-origin"}).status_code

        with ThreadPoolExecutor(len(clients)) as pool:
            statuses = sorted(pool.map(send, zip(clients, tokens, strict=True)))
    assert statuses == [303, 409, 409, 409]
    assert [version.number for version in rows(AgentVersion)] == [1]

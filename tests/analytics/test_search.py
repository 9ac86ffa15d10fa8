"""The search page and what the palette gets."""

from tests.factories import agents, orgs, threads

JSON = {"Accept": "application/json"}


def test_the_page_finds_by_all_words(member, org):
    agents.agent(org, name="Refund desk", description="Answers quickly")
    agents.agent(org, name="Refund archive")
    agents.agent(orgs.org(), name="Refund desk answers elsewhere")
    page = member.both("/o/acme/search?q=refund+answers")
    assert [link.text for link in page.find(id="results").find_all("a")] == ["Refund desk"]


def test_the_palette_gets_groups(member, org):
    agent = agents.agent(org, name="Refund desk")
    answer = member.get("/o/acme/search?q=desk", headers=JSON)
    item = {"text": "Refund desk", "note": "", "url": f"/o/acme/agents/{agent.id}"}
    assert answer.json == {"groups": [{"label": "Agents", "items": [item]}]}
    assert member.get("/o/acme/search?q=", headers=JSON).json == {"groups": []}


def test_a_pasted_id_jumps(member, org):
    agent, foreign = agents.agent(org), agents.agent(orgs.org())
    for text in (f"{agent.id}", f"agt_{agent.id}"):
        assert member.get(f"/o/acme/search?q={text}").location == f"/o/acme/agents/{agent.id}"
        assert member.get(f"/o/acme/search?q={text}", headers=JSON).json["groups"][0]["items"]
    assert "Nothing found" in member.page(f"/o/acme/search?q={foreign.id}").text


def test_at_most_twenty_are_shown(member, org):
    for _ in range(25):
        agents.agent(org)
    answer = member.get("/o/acme/search?q=agent", headers=JSON)
    assert len(answer.json["groups"][0]["items"]) == 20


def test_threads_are_found_by_name_too(member, org):
    agents.agent(org, name="Refund desk")
    shared = threads.thread(org, origin="api", name="A refund for Kim")
    threads.thread(org, orgs.member(org), name="Refund of somebody else")
    answer = member.get("/o/acme/search?q=refund", headers=JSON)
    assert [
        (group["label"], [item["text"] for item in group["items"]]) for group in answer.json["groups"]
    ] == [
        ("Agents", ["Refund desk"]),
        ("Threads", ["A refund for Kim"]),
    ]
    assert member.get(f"/o/acme/search?q=thr_{shared.id}").location == f"/o/acme/threads/{shared.id}"
    foreign = threads.thread(orgs.org(), origin="api")
    assert "Nothing found" in member.page(f"/o/acme/search?q=thr_{foreign.id}").text

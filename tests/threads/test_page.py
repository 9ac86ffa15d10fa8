"""The page of a thread: which messages it shows to whom, and what can be done from it."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from tests.factories import agents, orgs, threads
from tests.support.queries import queries

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = "01930000-0000-7000-8000-000000000000"
EVERYTHING = [
    {"kind": "reasoning", "text": "Let me *think*.", "duration_ms": 3200, "tokens": 40},
    {"kind": "tool_call", "call_id": "a", "name": "search_orders", "arguments": {"order": "A-1"}},
    {"kind": "tool_result", "call_id": "a", "status": "failed", "result": [1, 2], "duration_ms": 800},
    {"kind": "tool_call", "call_id": "b", "name": "send_mail", "arguments": {}},
    {"kind": "text", "text": "It is **paid**."},
    {"kind": "image", "url": "https://img.example/cat.png"},
    {"kind": "file", "url": "https://files.example/terms.pdf", "name": "terms.pdf", "byte_size": 1200},
    {"kind": "citation", "number": 1, "title": "Policy", "text": "Five days.", "score": 0.91},
    {"kind": "error", "message": "The model gave up.", "detail": "3 attempts"},
]


def shown(page) -> list[str]:
    return [body.get_text(strip=True) for body in page.select(".message-body")]


def test_the_latest_messages_come_first(client, url, hundred):
    page = client.both(url, "messages")
    assert shown(page) == [f"m{number}." for number in range(60, 100)]
    assert page.find(id="older")
    assert not page.find(id="newer")


def test_a_link_shows_its_message_among_its_neighbours(client, url, hundred):
    target = hundred[50]
    page = client.both(f"{url}?at={target.id}", "messages")
    assert shown(page) == [f"m{number}." for number in range(30, 71)]
    marked = page.select(".message-marked")
    assert [article["id"] for article in marked] == [str(target.id)]
    assert "autofocus" in marked[0].attrs
    assert page.find(id="older")
    assert page.find(id="newer")


def test_older_and_newer_lead_through_the_whole_thread(client, url, hundred):
    seen, address = set(), f"{url}?end=first"
    while address:
        page = client.page(address)
        assert len(shown(page)) <= 45
        seen.update(shown(page))
        link = page.find(id="newer")
        address = link and link["href"].partition("#")[0]
    assert seen == {f"m{number}." for number in range(100)}


@pytest.mark.parametrize("at", [UNKNOWN, "nonsense", "%00", "../x", "1" * 36])
def test_a_link_to_no_message_says_so(client, url, hundred, at):
    page = client.page(f"{url}?at={at}")
    assert "is not in this thread" in page.find(id="messages").get_text()
    assert len(shown(page)) == 40


def test_a_message_of_another_thread_or_organisation_is_not_found_by_a_link(client, org, url, hundred):
    other = threads.message(threads.thread(org, origin="api"), "elsewhere")
    foreign = threads.message(threads.thread(orgs.org(), origin="api"), "abroad")
    for message in (other, foreign):
        assert shown(client.page(f"{url}?at={message.id}"))[-1] == "m99."
        assert client.get(f"{url}/messages/{message.id}").status_code == 404
        assert client.get(f"{url}/messages/{message.id}.json").status_code == 404


def test_other_peoples_threads_are_for_owners_and_admins(new_client, org, owner, url):
    for person in (orgs.member(org), orgs.member(org, "viewer")):
        client = new_client(person)
        for path in ("", "/history", "/print", ".md", ".json"):
            assert client.get(url + path).status_code == 404
        assert client.submit(f"{url}/edit", {"name": "Mine now"}).status_code in {403, 404}
    new_client(owner).page(url)
    new_client(orgs.member(org, "admin")).page(url)


def test_four_statements_whatever_the_thread_holds(client, url, thread, ana, hundred):
    threads.feedback(hundred[-1], ana)
    threads.note(thread, ana)
    client.page(url)
    for address in (url, f"{url}?at={hundred[50].id}", f"{url}?end=first"):
        with queries(max=4):
            client.get(address)


def test_every_part_is_shown(client, url, thread):
    message = threads.message(
        thread,
        role="assistant",
        parts=EVERYTHING,
        model="large",
        input_tokens=1200,
        output_tokens=34,
        cost_micros=4_200,
        latency_ms=4_200,
    )
    article = client.page(url).find(id=str(message.id))
    text = " ".join(article.get_text(" ").split())
    for words in (
        "Reasoning 3.2 s 40 tokens",
        "search_orders Failed 800 ms",
        "send_mail No result",
        "It is paid .",
    ):
        assert words in text
    for words in (
        "img.example",
        "terms.pdf",
        "1.2 kB",
        "Policy score 0.91",
        "Five days.",
        "Failed: The model gave up.",
    ):
        assert words in text
    assert "large 1,234 tokens USD 0.0042 4.2 s" in text
    assert article.select_one(".md strong").get_text() == "paid"
    assert not article.find_all("img")


def test_a_result_in_a_message_of_its_own_has_the_name_of_its_call(client, url, thread):
    call = {"kind": "tool_call", "call_id": "a", "name": "search_orders"}
    threads.message(thread, role="assistant", parts=[call])
    threads.message(thread, role="tool", parts=[{"kind": "tool_result", "call_id": "a", "result": "found"}])
    page = client.page(url)
    assert [badge.get_text() for badge in page.select(".part-tool .badge")] == ["Called", "Succeeded"]
    names = [name.get_text() for name in page.select(".part-tool .part-name")]
    assert names == ["search_orders", "search_orders"]


def test_system_messages_are_shown_on_demand(client, url, thread):
    message = threads.message(thread, "Be brief.", role="system")
    assert "open" not in client.page(url).select_one(".on-demand").attrs
    assert "open" in client.page(f"{url}?at={message.id}").select_one(".on-demand").attrs


def test_branches_can_be_reached_and_left(client, url, thread, hundred):
    first = threads.message(
        thread, "other answer", branch=1, parent_id=hundred[90].id, created_at=BEGIN + timedelta(minutes=91)
    )
    link = client.page(url).find("a", string="Other branch from here")
    assert str(first.id) in link["href"]
    page = client.page(link["href"].partition("#")[0])
    assert shown(page) == ["other answer"]
    back = page.find("a", string="Main branch") or page.find("span", string="Main branch").parent
    assert str(hundred[90].id) in back["href"]


def test_a_branch_that_begins_the_thread_is_reached_from_its_beginning(client, url, thread, hundred):
    first = threads.message(thread, "other start", branch=1, created_at=BEGIN)
    assert not client.page(url).find("a", string="Another beginning")
    link = client.page(f"{url}?end=first").find("a", string="Another beginning")
    assert str(first.id) in link["href"]


def test_a_long_text_is_cut_and_whole_on_its_own_page(client, url, thread):
    text = "".join(f"line {number}\n" for number in range(4_000))
    message = threads.message(thread, text)
    page = client.page(url)
    assert page.find("a", string="Show the whole text")["href"] == f"{url}/messages/{message.id}"
    assert "line 3999" not in page.get_text()
    assert "line 3999" in client.page(f"{url}/messages/{message.id}").get_text()


def test_a_message_as_it_is_stored(client, url, thread):
    message = threads.message(thread, role="assistant", parts=EVERYTHING)
    found = orjson.loads(client.get(f"{url}/messages/{message.id}.json").data)
    assert (found["id"], found["role"], found["parts"]) == (str(message.id), "assistant", EVERYTHING)
    assert '"search_orders"' in client.page(f"{url}/messages/{message.id}").find(id="raw").get_text()


def test_the_history_adds_up_what_answered(client, url, org, thread):
    assert "What answered" not in client.page(f"{url}/history").text
    version = agents.version(agents.agent(org), 14)
    for tokens in (1_000, 500):
        threads.message(
            thread, role="assistant", model="large", output_tokens=tokens, agent_version_id=version.id
        )
    with queries(max=5):
        page = client.page(f"{url}/history")
    (row,) = page.select("tbody tr")
    assert [cell.get_text() for cell in row.select("th, td")] == ["large", "2", "0", "1,500", "USD 0.00"]
    assert "Versions of the agent: 14." in page.text


def test_an_empty_thread_says_so(client, url):
    assert "No messages yet" in client.both(url, "messages").get_text()


def test_an_answer_leads_to_its_version_and_what_changed_since(client, url, org, thread):
    agent = agents.agent(org, prompt="First")
    version = agents.version(agent, 14)
    threads.message(thread, role="assistant", agent_version_id=version.id)
    page = client.page(url)
    there = f"/o/acme/agents/versions/{version.id}"
    assert page.find("a", string="Version 14")["href"] == there
    assert page.find("a", string="What changed since")["href"] == f"{there}/changes"
    assert client.get(there).location == f"/o/acme/agents/{agent.id}/versions/14"
    assert client.get(f"{there}/changes").location == f"/o/acme/agents/{agent.id}/compare?base=14&head=draft"
    client.page(client.get(f"{there}/changes").location)


def test_oi_1_versions_of_another_organisation_are_not_found(client, org):
    foreign = agents.version(agents.agent(orgs.org()))
    for path in ("", "/changes"):
        assert client.get(f"/o/acme/agents/versions/{foreign.id}{path}").status_code == 404

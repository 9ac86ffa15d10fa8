"""From what a person says to the stored answer: pages, the task, and the model at the other end."""

import pytest

from app.db.session import transaction
from app.db.tables import Task, TaskEvent
from app.knowledge.services.sources import add_text
from app.threads.models import Message, Thread
from tests.factories import agents, knowledge, orgs, threads
from tests.factories.rows import rows, save
from tests.support.client import HTMX
from tests.support.model_server import Answer
from tests.support.pages import parse


def begin(client, agent, message="Where is my order?", version="draft", **more):
    answer = client.submit(
        f"/o/acme/agents/{agent.id}/playground", {"message": message, "version": version, **more}
    )
    assert answer.status_code == 303, answer.text
    return answer.location


@pytest.fixture
def asked(member, agent, work):
    """A function that asks and has the question answered; where the conversation is."""

    def ask():
        place = begin(member, agent)
        work()
        return place

    return ask


def messages():
    return sorted(rows(Message), key=lambda row: (row.created_at, row.id))


def test_the_page_of_a_thread_follows_the_answer(member, agent, work):
    thread = begin(member, agent).rpartition("/")[2]
    _question, answer = messages()
    place = f"/o/acme/threads/{thread}/messages/{answer.id}/coming"
    assert member.get(f"/o/acme/threads/{thread}").text.count(place) == 1
    followed = member.get(place, headers=HTMX)
    assert parse(followed.text).article["data-stream"].startswith(f"/o/acme/threads/{thread}/runs/")
    assert "Stop" not in followed.text
    assert member.get(place).status_code == 303
    work()
    assert member.get(place, headers=HTMX).status_code == 204
    assert place not in member.get(f"/o/acme/threads/{thread}").text


def bodies(page):
    return [body.get_text(" ", strip=True) for body in page.select(".message-body")]


def test_a_question_is_answered_and_counted(member, agent, server, work):
    server.answers = [Answer(("It is ", "on its way."), ("Hm.",))]
    place = begin(member, agent)
    page = member.both(place, "messages")
    assert page.find(attrs={"data-stream": True})
    assert page.find(string="Stop")
    (ending,) = work()
    assert ending.status == "succeeded"
    page = member.both(place, "messages")
    assert bodies(page)[0] == "Where is my order?"
    assert "It is on its way." in bodies(page)[1]
    assert not page.find(attrs={"data-stream": True})
    question, answer = messages()
    assert (question.role, answer.role, answer.status, answer.model) == ("user", "assistant", "complete", "m")
    assert [part["kind"] for part in answer.parts] == ["reasoning", "text"]
    assert (answer.input_tokens, answer.output_tokens, answer.cost_micros) == (11, 7, 25)
    assert 0 <= answer.first_token_ms <= answer.latency_ms
    (thread,) = rows(Thread)
    assert (thread.name, thread.origin, thread.message_count, thread.tokens) == (
        "Where is my order?",
        "playground",
        2,
        18,
    )
    (task,) = rows(Task)
    assert (task.thread_id, task.agent_id, task.cost_micros) == (thread.id, agent.id, 25)
    assert server.seen[0]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Where is my order?"},
    ]


def test_a_conversation_goes_on_with_what_was_said(member, agent, server, work):
    place = begin(member, agent)
    work()
    assert member.submit(place, {"message": "Sure?", "version": "draft"}).status_code == 303
    work()
    assert [part["content"] for part in server.seen[1]["messages"]] == [
        "Be kind.",
        "Where is my order?",
        "Hello there.",
        "Sure?",
    ]
    assert len(messages()) == 4


def test_a_published_version_answers_as_it_was(member, org, agent, server, work):
    version = agents.version(
        agent, snapshot={"name": "Support", "prompt": "As published.", "provider": "main", "model": "m"}
    )
    begin(member, agent, version="1")
    work()
    assert server.seen[0]["messages"][0]["content"] == "As published."
    assert messages()[1].agent_version_id == version.id


PROMPT = "Help {{name}} in {{ city }}, {{other}}."


def test_variables_are_filled_in(member, org, server, work):
    agent = agents.agent(
        org,
        primary_model_provider="main",
        primary_model="m",
        prompt="Help {{name}} in {{ city }}, {{other}}.",
    )
    page = member.page(f"/o/acme/agents/{agent.id}/playground")
    assert [field["name"] for field in page.select("[name^=variable_]")] == [
        "variable_name",
        "variable_city",
        "variable_other",
    ]
    begin(member, agent, variable_name="Ana", variable_city="Rome {{name}}", variable_other=" ")
    work()
    assert server.seen[0]["messages"][0]["content"] == "Help Ana in Rome {{name}},  ."


def test_variables_stay_filled_in_where_a_conversation_goes_on(member, org, server, work):
    agent = agents.agent(org, primary_model_provider="main", primary_model="m", prompt=PROMPT)
    place = begin(member, agent, variable_name="Ana", variable_city="Rome", variable_other="Bo")
    work()
    for page in (place, f"{place}/messages/{messages()[0].id}/edit"):
        assert member.page(page).find(id="variable_name")["value"] == "Ana"
    refused = member.submit(place, {"message": "", "version": "draft", "variable_name": "Bo"})
    assert 'value="Bo"' in refused.text


def test_a_tool_is_called_and_its_result_told(member, agent, server, work):
    server.answers = [
        Answer(("Let me look.",), calls=(("c1", "current_time", '{"time_zone": "Europe/Rome"}'),)),
        Answer(("It is noon.",)),
    ]
    begin(member, agent)
    work()
    answer = messages()[1]
    assert [part["kind"] for part in answer.parts] == ["text", "tool_call", "tool_result", "text"]
    assert answer.parts[2]["status"] == "succeeded"
    assert answer.parts[2]["result"]["time_zone"] == "Europe/Rome"
    assert (answer.input_tokens, answer.output_tokens) == (22, 14)
    assert answer.text_content == "Let me look.\n\nIt is noon."


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("no_such_tool", "{}", "no tool no_such_tool"),
        ("current_time", '{"time_zone": 7}', "do not fit"),
        ("current_time", '{"path": "../../etc/passwd"}', "do not fit"),
        ("current_time", '{"time_zone": ', "no JSON object"),
        ("current_time", '{"time_zone": "../../etc/passwd"}', "no time zone"),
    ],
)
def test_a_wrong_call_is_answered_and_the_model_goes_on(asked, server, name, arguments, words):
    server.answers = [Answer(calls=(("c1", name, arguments),)), Answer(("Sorry.",))]
    asked()
    answer = messages()[1]
    assert (answer.status, answer.parts[1]["status"]) == ("complete", "failed")
    assert words in answer.parts[1]["result"]
    assert words in str(server.seen[1]["messages"])


@pytest.mark.usefixtures("quick_models")
def test_an_answer_cites_the_passages_it_found(member, org, person, server, work, acting):
    base = knowledge.base(org, name="Handbook")
    acting(org, person)
    with transaction():
        add_text(org.id, base.id, "Refunds", "Refunds take five days after you returned the parcel.")
    work()
    agent = agents.agent(org, primary_model_provider="main", primary_model="m", rag_enabled=[str(base.id)])
    server.answers = [
        Answer(calls=(("c1", "search_knowledge", '{"query": "how long do refunds take"}'),)),
        Answer(("Five days [1].",)),
    ]
    place = begin(member, agent)
    work()
    assert "five days" in str(server.seen[1]["messages"])
    page = member.page(place)
    (source,) = page.select(".citation-list a")
    assert source.get_text() == "Refunds"
    assert "five days" in member.page(source["href"]).get_text()


def test_a_base_that_is_archived_later_is_not_searched(member, org, server, work):
    base = knowledge.base(org, archived=True)
    agent = agents.agent(org, primary_model_provider="main", primary_model="m", rag_enabled=[str(base.id)])
    server.answers = [Answer(calls=(("c1", "search_knowledge", '{"query": "x"}'),)), Answer(("Sorry.",))]
    begin(member, agent)
    work()
    assert messages()[1].parts[1]["status"] == "failed"


def test_what_was_told_is_forgotten_when_the_conversation_goes_on(member, agent, server, work):
    place = begin(member, agent)
    work()
    assert [event.kind for event in told()] == ["begin", "part", "delta"]
    member.submit(place, {"message": "And?", "version": "draft"})
    assert told() == []


def told():
    return [event for event in rows(TaskEvent) if event.kind != "step"]


def test_endless_tool_calls_end_at_the_budget(member, agent, server, work):
    server.answers = [Answer(calls=(("c1", "current_time", "{}"),))]
    begin(member, agent)
    (ending,) = work()
    assert ending.status == "failed"
    answer = messages()[1]
    assert (answer.status, answer.error) == (
        "failed",
        "The agent used more than 10 tool calls in one answer.",
    )
    assert len(server.seen) == 11


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=401, body=b'{"error": {"message": "no"}}'), "refused the key"),
        (Answer(("Half an ans",), cut=True), "broke"),
        (Answer(status=429, body=b"{}", headers={"Retry-After": "90"}), "patience"),
    ],
)
def test_ap_4_a_failed_answer_keeps_what_was_said_and_can_be_tried_again(
    member, agent, server, work, answer, words
):
    server.answers = [answer]
    place = begin(member, agent)
    (ending,) = work()
    assert ending.status == "failed"
    stored = messages()[1]
    assert stored.status == "failed"
    assert words in stored.error
    assert stored.parts[-1]["kind"] == "error"
    assert ("Half an ans" in stored.text_content) == bool(answer.text)
    page = member.page(place)
    assert page.find(string="Retry")
    server.answers = [Answer(("Now it works.",))]
    retried = member.submit(f"{place}/messages/{stored.id}/retry", {})
    assert retried.status_code == 303
    assert messages()[1].status == "pending"
    work()
    assert (messages()[1].status, messages()[1].text_content) == ("complete", "Now it works.")
    assert member.submit(f"{place}/messages/{stored.id}/retry", {}).status_code == 409


def test_an_answer_can_be_stopped_before_it_begins(member, agent, server, work):
    place = begin(member, agent)
    assert member.submit(f"{place}/stop", {}).status_code == 303
    assert messages()[1].status == "stopped"
    assert work() == []
    assert server.seen == []
    assert member.submit(f"{place}/stop", {}).status_code == 409


def test_one_answer_at_a_time(member, agent, server):
    place = begin(member, agent)
    refused = member.submit(place, {"message": "And?", "version": "draft"})
    assert refused.status_code == 409
    assert len(messages()) == 2


def test_an_edited_question_branches_and_leaves_the_former(member, agent, server, work):
    place = begin(member, agent)
    work()
    member.submit(place, {"message": "Second?", "version": "draft"})
    work()
    second = messages()[2]
    page = member.page(f"{place}/messages/{second.id}/edit")
    assert page.find("textarea").get_text().strip() == "Second?"
    moved = member.submit(f"{place}/messages/{second.id}/edit", {"message": "Other?", "version": "draft"})
    assert moved.location == f"{place}?branch=1"
    work()
    assert [part["content"] for part in server.seen[2]["messages"]] == [
        "Be kind.",
        "Where is my order?",
        "Hello there.",
        "Other?",
    ]
    shown = bodies(member.both(moved.location, "messages"))
    assert shown == ["Where is my order?", "Hello there.", "Other?", "Hello there."]
    member.submit(place, {"message": "Third?", "version": "draft", "branch": "1"})
    work()
    assert [part["content"] for part in server.seen[3]["messages"]][-3:] == [
        "Other?",
        "Hello there.",
        "Third?",
    ]
    assert "Second?" in bodies(member.page(place))


def test_the_first_question_can_be_edited_too(member, agent, server, work):
    place = begin(member, agent)
    work()
    first = messages()[0]
    moved = member.submit(f"{place}/messages/{first.id}/edit", {"message": "Hello?", "version": "draft"})
    work()
    assert bodies(member.page(moved.location)) == ["Hello?", "Hello there."]


@pytest.mark.parametrize("state", ["archived", "disabled", "unconnected"])
def test_an_agent_that_cannot_answer_says_why(member, org, server, work, state):
    values = {"archived": {"archived": True}, "disabled": {"enabled": False}, "unconnected": {}}[state]
    agent = agents.agent(org, **values)
    answer = member.submit(f"/o/acme/agents/{agent.id}/playground", {"message": "Hi", "version": "draft"})
    if state == "unconnected":
        work()
        assert "No connection is chosen" in messages()[1].error
    else:
        assert answer.status_code == 409
        assert messages() == []


def test_a_worker_that_died_leaves_a_thread_that_says_so(member, org, agent, server, work):
    place = begin(member, agent)
    (task,) = rows(Task)
    for seq, (kind, data) in enumerate(
        [
            ("begin", {}),
            ("part", {"index": 0, "part": {"kind": "text", "text": ""}}),
            ("delta", {"index": 0, "text": "Half"}),
        ],
        1,
    ):
        save_event(task, seq, kind, data)
    (ending,) = work()
    assert ending.status == "failed"
    answer = messages()[1]
    assert (answer.status, answer.parts[0]["text"]) == ("failed", "Half")
    assert "worker" in answer.error
    assert server.seen == []
    assert member.page(place).find(string="Retry")


def save_event(task, seq, kind, data):
    save(TaskEvent(org_id=task.org_id, task_id=task.id, seq=seq, attempt=1, kind=kind, data=data))


@pytest.mark.parametrize("message", ["", "   ", "x" * 200_001, "a\0b"])
def test_a_message_that_cannot_be_sent_is_kept_in_the_form(member, agent, message):
    answer = member.submit(f"/o/acme/agents/{agent.id}/playground", {"message": message, "version": "draft"})
    assert answer.status_code == 422
    assert messages() == []


def test_a_viewer_watches_but_does_not_talk(new_client, org, agent, member, work):
    viewer = new_client(orgs.member(org, "viewer"))
    assert viewer.get("/o/acme/playground").status_code == 403
    place = begin(member, agent)
    assert viewer.submit(place, {"message": "x", "version": "draft"}).status_code == 403


def test_oi_1_conversations_of_others_cannot_be_continued_stopped_or_followed(
    new_client, member, org, agent, server
):
    place = begin(member, agent)
    (task,) = rows(Task)
    (thread,) = rows(Thread)
    colleague = new_client(orgs.member(org))
    stranger = new_client(orgs.member(orgs.org(slug="other"), "owner"))
    message = messages()[0].id
    for path in ("", f"/messages/{message}/edit"):
        assert colleague.get(f"{place}{path}").status_code == 404
    for client, slug in ((colleague, "acme"), (stranger, "other")):
        at = f"/o/{slug}/playground/{thread.id}"
        for path in ("", "/stop", f"/messages/{message}/retry", f"/messages/{message}/edit"):
            assert client.submit(f"{at}{path}", {"message": "x", "version": "draft"}).status_code == 404
        assert client.get(f"/o/{slug}/threads/{thread.id}/runs/{task.id}/events").status_code == 404
    assert len(messages()) == 2


def test_the_index_offers_agents_and_own_conversations(member, agent, server):
    begin(member, agent)
    page = member.page("/o/acme/playground")
    assert [link.get_text() for link in page.select(".choices a")] == ["Support", "Where is my order?"]
    member.submit(f"/o/acme/agents/{agent.id}/delete")
    assert member.page("/o/acme/playground").select(".choices a") == []


def test_threads_that_were_imported_are_not_continued(member, org, agent, person):
    thread = threads.thread(org, person, origin="import", agent_id=agent.id)
    assert member.get(f"/o/acme/playground/{thread.id}").status_code == 404

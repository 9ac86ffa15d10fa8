"""SI and OI for programs: whatever is sent ends in a problem that says so, and other organisations do not exist."""

import gzip
from io import BytesIO
from time import process_time
from urllib.parse import quote
from uuid import uuid4

import pytest

from app import MAX_BODY_BYTES
from app.api.schemas.completions import MOST_BYTES
from app.web.json_body import DEEPEST
from tests.conformance import inventory
from tests.conformance.test_inputs import BYTES, IDS, LIST_VALUES, NUMBERS, TEXTS
from tests.conformance.test_isolation import normal
from tests.factories import agents

AGENTS = "/api/v1/agents"
SEARCHES = ("/api/v1/search", "/api/v1/knowledge/search")
PROBLEM = "application/problem+json"
UNREADABLE = {
    "brackets": b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "nan": b'{"name": NaN}',
    "infinity": b'{"name": "x", "primary_model_temperature": -Infinity}',
    "beyond": b'{"name": "x", "primary_model_temperature": 1e999}',
    "digits": b'{"name": "x", "primary_model_temperature": ' + b"9" * 5000 + b"}",
    "twice": b'{"name": "a", "name": "b"}',
    "deep": b'{"name": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
    "list": b"[]",
    "text": b'"x"',
    "null": b"null",
    "empty": b"",
    "cut": b'{"name": "x"',
    "bytes": b'{"name": "\xff"}',
    "utf-16": '{"name": "x"}'.encode("utf-16"),
    "bom": b'\xef\xbb\xbf{"name": "x"}',
    "comment": b'{"name": "x"} // why',
    "control": b'{"name": "a\x00b"}',
}
UNSTORABLE = {
    "nul": b'{"name": "a\\u0000b"}',
    "surrogate": b'{"name": "\\ud800"}',
    "reversed": b'{"name": "\\udc00\\ud800"}',
    "in a name": b'{"na\\ud800me": "x"}',
}


def send(program, body, kind="application/json", method="POST", path=AGENTS):
    return program.call(method, path, data=body, content_type=kind)


@pytest.mark.parametrize("what", UNREADABLE)
def test_si_2_what_is_no_json_object_is_unreadable(ours, home, what, state):
    ours.get(AGENTS)
    before = state()
    answer = send(ours, UNREADABLE[what])
    assert (answer.status_code, answer.mimetype) == (400, PROBLEM), answer.text
    assert state() == before


@pytest.mark.parametrize("what", UNSTORABLE)
def test_si_2_what_cannot_be_stored_is_a_wrong_value(ours, what):
    answer = send(ours, UNSTORABLE[what])
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM), answer.text


def test_si_2_a_body_of_the_allowed_depth_is_read(ours):
    nested = b"[" * (DEEPEST - 1) + b"]" * (DEEPEST - 1)
    assert send(ours, b'{"name": ' + nested + b"}").json["errors"][0]["field"] == "name"
    assert send(ours, b'{"name": "a pair \\ud83d\\ude80 [[[[ \\" ]"}').status_code == 201


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", ""]
)
def test_k6_another_type_is_refused_on_every_changing_route(app, ours, home, kind):
    for call in inventory.api_calls(app, home):
        if not call.safe:
            answer = ours.call(call.method, call.path, data=b'{"name": "x"}', content_type=kind)
            assert (answer.status_code, answer.mimetype) == (415, call.problem), call


def test_si_2_a_long_text_without_an_end_is_unreadable_at_once(ours):
    body = b'{"name": "' + rb"\"" * 1_000_000
    begun = process_time()
    assert send(ours, body).status_code == 400
    assert process_time() - begun < 5


@pytest.mark.parametrize("path", [AGENTS, "/v1/chat/completions"])
@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "in chunks"])
def test_k6_too_large_a_body_is_refused(ours, path, chunked):
    most, words = (
        (MOST_BYTES, "at most 32.2 MB") if path.startswith("/v1/") else (MAX_BODY_BYTES, "at most 4 MiB")
    )
    body = BytesIO(b'{"name": "x"}' + b" " * most)
    length = {} if chunked else {"content_length": most + 13}
    answer = ours.call(
        "POST",
        path,
        input_stream=body,
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": chunked},
        **length,
    )
    assert (answer.status_code, words in answer.text) == (413, True), answer.text


def test_a_body_in_chunks_is_read_whole(ours):
    environ = {"wsgi.input_terminated": True}
    body = BytesIO(b'{"name": "In chunks"}')
    answer = ours.call(
        "POST", AGENTS, input_stream=body, content_type="application/json", environ_overrides=environ
    )
    assert (answer.status_code, answer.json.get("name")) == (201, "In chunks")


@pytest.mark.parametrize("body", [gzip.compress(b'{"name": "x"}'), b'{"name": "x"}'], ids=["packed", "plain"])
def test_k6_a_packed_body_is_refused_as_such(ours, body):
    answer = ours.post(
        AGENTS, data=body, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert (answer.status_code, answer.mimetype) == (415, PROBLEM)
    assert answer.json["detail"] == "Send the body as it is, without Content-Encoding."


@pytest.mark.parametrize("what", TEXTS)
def test_si_2_odd_text_is_refused_or_read_back_equal(app, ours, home, what):
    text = TEXTS[what]
    for call in inventory.api_calls(app, home):
        query = dict.fromkeys(("q", "sort", "cursor", "status", "created", "anything"), text)
        answer = ours.call(call.method, call.path, query_string=query)
        assert answer.status_code < 500, call
    answer = ours.post(AGENTS, {"name": "Odd", "description": text})
    if answer.status_code == 201:
        assert ours.get(answer.location).json["description"] == text
    else:
        assert answer.status_code == 422


@pytest.mark.parametrize("what", BYTES)
def test_si_2_odd_bytes_never_break_a_route(app, ours, home, what):
    raw = quote(BYTES[what])
    for call in inventory.api_calls(app, home):
        answers = [
            ours.call(call.method, f"{call.path}?q={raw}&sort={raw}&cursor={raw}&page={raw}"),
            ours.call(call.method, f"{call.path}/{raw}"),
            ours.call(call.method, call.path, headers={"Idempotency-Key": "\xff\xfe"}),
        ]
        assert all(answer.status_code < 500 for answer in answers), call


@pytest.mark.parametrize("parameter", ["page", "page_size"])
def test_si_3_odd_numbers_are_wrong_values(ours, parameter):
    for number in NUMBERS:
        answer = ours.get(AGENTS, query_string={parameter: number})
        assert (answer.status_code, answer.mimetype) == (422, PROBLEM), number
        assert {wrong["field"] for wrong in answer.json["errors"]} == {parameter}
    assert ours.get(f"{AGENTS}?{parameter}=1&{parameter}=2").status_code == 422


def test_si_3_page_numbers_end_where_they_get_costly(ours):
    assert ours.get(f"{AGENTS}?page=100&page_size=100").status_code == 200
    assert ours.get(f"{AGENTS}?page=101&page_size=100").status_code == 422
    assert ours.get(f"{AGENTS}?page_size=101").status_code == 422


@pytest.mark.parametrize("cursor", ["", "x", "e30.x", "A" * 5000, "eyJhIjoxfQ.AAAA.BBBB", "\u202e"])
def test_si_3_a_bad_cursor_is_a_wrong_value(ours, cursor):
    answer = ours.get(AGENTS, query_string={"cursor": cursor})
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "cursor")


def test_si_3_a_cursor_of_another_list_is_a_wrong_value(ours, home):
    for _ in range(3):
        agents.agent(home.org)
    cursor = ours.get(f"{AGENTS}?page_size=1").json["next_cursor"]
    assert ours.get(f"{AGENTS}?page_size=1&cursor={cursor}").status_code == 200
    for more in ("sort=name", "q=a", "status=archived", "page=2"):
        assert ours.get(f"{AGENTS}?cursor={cursor}&{more}").status_code == 422, more


def test_si_3_malformed_ids_are_unknown(app, ours, home):
    for call in inventory.api_calls(app, home):
        for name in call.arguments & inventory.TENANT_IDS:
            right = str(inventory.FILL[name](home))
            for spelling in (*IDS, right.upper(), right.replace("-", "")):
                answer = ours.call(call.method, call.path.replace(right, spelling))
                assert (answer.status_code, answer.mimetype) == (404, call.problem), (call, spelling)


@pytest.mark.parametrize(
    "parameter", ["sort", "status", "created", "updated", "order", "filter", "tz", "org_id"]
)
def test_si_4_unlisted_values_are_wrong_values(ours, parameter):
    for value in (*LIST_VALUES, ""):
        answer = ours.get(AGENTS, query_string={parameter: value})
        assert (answer.status_code, answer.mimetype) == (422, PROBLEM), value
        assert answer.json["errors"][0]["field"] == parameter


def test_si_3_a_cursor_of_another_organisation_is_a_wrong_value(ours, program, home, theirs):
    agents.agent(home.org)
    path = f"{AGENTS}?page_size=1"
    cursor = ours.get(path).json["next_cursor"]
    assert ours.get(f"{path}&cursor={cursor}").status_code == 200
    answer = program(theirs).get(f"{path}&cursor={cursor}")
    assert (answer.status_code, answer.json.get("errors", [{}])[0].get("field")) == (422, "cursor")


def test_si_4_a_megabyte_of_name_is_refused(ours):
    for field in ("name", "description", "prompt", "primary_model"):
        assert ours.post(AGENTS, {"name": "x", field: "y" * 1_000_000}).status_code == 422, field


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/absent", 404),
        ("GET", "/api/v1/absent", 404),
        ("GET", "/api/v2/agents", 404),
        ("PUT", AGENTS, 405),
        ("TRACE", AGENTS, 405),
        ("DELETE", AGENTS, 405),
    ],
)
def test_errors_below_api_are_problems(client, home, method, path, status):
    for headers in ({}, {"HX-Request": "true"}, {"Accept": "text/html"}):
        answer = client.open(path, method=method, headers=headers)
        assert (answer.status_code, answer.mimetype) == (status, PROBLEM), headers
        assert {"type", "title", "status", "detail", "request_id"} <= answer.json.keys()
        assert answer.json["title"] == {404: "Not Found", 405: "Method Not Allowed"}[status]
        assert "page" not in answer.json["detail"].lower()


@pytest.mark.parametrize("path", [AGENTS, "/v1/models"])
def test_a_program_without_a_key_reads_no_words_of_pages(client, home, path):
    refused, absent = client.get(path), client.put("/v1/models")
    assert (refused.status_code, absent.status_code) == (401, 405)
    assert refused.json.get("title", "Unauthorized") == "Unauthorized"
    assert "page" not in refused.text + absent.text


def test_k11_a_fault_tells_nothing_of_itself(app, ours, monkeypatch):
    def broken(**_arguments):
        raise RuntimeError("boom")

    broken.access = app.view_functions["api_agents.index"].access
    monkeypatch.setitem(app.view_functions, "api_agents.index", broken)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = ours.get(AGENTS)
    assert (answer.status_code, answer.mimetype) == (500, PROBLEM)
    assert "boom" not in answer.text


def test_oi_1_their_ids_are_unknown_to_our_key(app, ours, home, theirs, state):
    foreign = {name: inventory.FILL[name](theirs) for name in inventory.TENANT_IDS}
    random = {name: uuid4() for name in inventory.TENANT_IDS}
    ours.get(AGENTS)
    before, seen = state(), 0
    for known, unknown in zip(
        inventory.api_calls(app, home, foreign), inventory.api_calls(app, home, random), strict=True
    ):
        if known.arguments & inventory.TENANT_IDS:
            answer, nothing = ours.call(known.method, known.path), ours.call(unknown.method, unknown.path)
            assert normal(answer) == normal(nothing), known
            assert answer.status_code in {404, 415}, known
            assert theirs.canary not in answer.text, known
            seen += 1
    assert seen > 3
    assert state() == before


@pytest.mark.parametrize(
    "asked", ["threads?agent={}", "threads?user={}", "search?q=x&agent={}", "threads/{}/messages?around={}"]
)
def test_si_3_an_id_with_a_line_end_is_none(ours, home, asked):
    thread = home.rows["threads"].id
    path = asked.format(*([thread] if asked.count("{}") > 1 else []), f"{home.agent.id}%0A")
    answer = ours.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.mimetype) == (422, PROBLEM)
    assert answer.json["errors"]


def test_oi_2_no_answer_holds_a_word_of_theirs(app, ours, home, theirs):
    for call in inventory.api_calls(app, home):
        if call.safe:
            plain = ours.get(call.path, headers={"X-Org-Id": str(theirs.org.id)})
            assert plain.status_code == (422 if call.path in SEARCHES else 200), call
            assert theirs.canary not in plain.text, call
            assert ours.get(call.path, query_string={"org_id": str(theirs.org.id)}).status_code in {200, 422}
    found = ours.get(AGENTS, query_string={"q": theirs.canary}).json
    assert (found["data"], found["total"]) == ([], 0)


def test_oi_2_their_names_are_free_here(ours, theirs):
    assert ours.post(AGENTS, {"name": theirs.agent.name}).status_code == 201


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"{AGENTS}?cursor=x", "Give the `next_cursor` of a page with the same other parameters."),
        (f"{AGENTS}?status=asleep", "There is no such value."),
        (f"{AGENTS}?created=soon", "Give `7d`, `24h` or `2026-11-01..2026-11-23`."),
        ("/api/v1/threads?messages=many", "Give `10..`, `..5` or `3..9`."),
    ],
)
def test_a_refused_parameter_is_not_said_to_be_ignored(ours, path, message):
    answer = ours.get(path)
    assert (answer.status_code, [wrong["message"] for wrong in answer.json["errors"]]) == (422, [message])


def test_a_refused_sort_names_the_others(ours):
    (wrong,) = ours.get(f"{AGENTS}?sort=mood").json["errors"]
    assert (wrong["field"], wrong["message"].startswith("Give one of ")) == ("sort", True)


def test_our_own_rules_are_told_in_our_own_words(ours):
    (wrong,) = ours.post(AGENTS, {"name": "  "}).json["errors"]
    assert wrong == {"field": "name", "message": "Give a name."}

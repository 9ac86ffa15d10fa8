"""What programs are told of wrong values: the name that they sent, and what it takes."""

import pytest

from app.api.schemas.strict import PATTERNS

AGENTS = "/api/v1/agents"


@pytest.mark.parametrize(
    ("asked", "field", "message"),
    [
        ({"version": "x"}, "version", "Input should be a valid integer, or 'latest'."),
        ({"version": 0}, "version", "Input should be greater than or equal to 1, or 'latest'."),
        ({"input": " \n"}, "input", "Give a text that is not blank."),
        ({"input": 1}, "input", "Input should be a valid string."),
        ({"input": None}, "input", "Input should be a valid string."),
        ({"mode": "slow"}, "mode", "Input should be 'background', 'blocking' or 'streaming'."),
        ({"thread_id": "x"}, "thread_id", "Give an id, such as 01930000-0000-7000-8000-000000000000."),
        ({"variables": []}, "variables", "Input should be an object."),
        (
            {"variables": {"1st": "x"}},
            "variables.1st",
            "Use letters, digits and underscores, the first one no digit.",
        ),
        ({"extra": 1}, "extra", "Extra inputs are not permitted."),
    ],
)
def test_a_wrong_value_is_named_as_it_was_sent(ours, home, asked, field, message):
    answer = ours.post(f"{AGENTS}/{home.agent.id}/runs", {"input": "Hi", **asked})
    assert (answer.status_code, answer.json["errors"]) == (422, [{"field": field, "message": message}])


def test_how_many_a_list_may_hold_is_said_plainly(ours):
    (wrong,) = ours.post("/api/v1/threads", {"messages": [{"role": "user", "parts": []}]}).json["errors"]
    assert wrong == {"field": "messages.0.parts", "message": "List should have at least 1 item."}


@pytest.mark.parametrize(
    ("part", "field", "message"),
    [
        ({"kind": "text"}, "text", "Field required."),
        ({"kind": "text", "text": "x", "text2": "y"}, "text2", "Extra inputs are not permitted."),
        ({"kind": "image", "url": "x"}, "url", "Give an address that begins with http:// or https://."),
        ({"kind": "image"}, "", "Give either blob_id or url."),
        ({"kind": "image", "blob_id": "x"}, "blob_id", "Input should be a valid UUID."),
        ({}, "kind", "Field required."),
        ("x", "", "Input should be an object."),
    ],
)
def test_a_wrong_part_is_named_as_it_was_sent(ours, part, field, message):
    message_draft = {"role": "user", "parts": [{"kind": "text", "text": "x"}, part]}
    answer = ours.post("/api/v1/threads", {"messages": [message_draft]})
    place = f"messages.0.parts.1.{field}".rstrip(".")
    assert (answer.status_code, answer.json["errors"]) == (422, [{"field": place, "message": message}])


def test_an_unknown_kind_of_part_is_told_the_kinds(ours):
    part = {"kind": "video", "url": "https://example.com"}
    (wrong,) = ours.post("/api/v1/threads", {"messages": [{"role": "user", "parts": [part]}]}).json["errors"]
    assert wrong["field"] == "messages.0.parts.0.kind"
    assert wrong["message"].startswith("Input should be one of 'text', ")


def _patterns(value):
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return set()
    own = {value["pattern"]} if isinstance(value.get("pattern"), str) else set()
    return own.union(*map(_patterns, value.values()))


def test_every_pattern_of_a_body_has_words(client, home):
    found = _patterns(client.get("/api/openapi.json").json["components"]["schemas"])
    assert len(found) > 4
    for pattern in found:
        assert any(pattern.startswith(beginning) for beginning in PATTERNS), pattern

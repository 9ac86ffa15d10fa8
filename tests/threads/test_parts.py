"""Typed parts: what is a message's content, and what is not."""

import pytest

from app.threads.parts import InvalidParts, dump_parts, first_error, read_parts, text_content

EVERY_KIND = [
    {"kind": "reasoning", "text": "They want a refund.", "duration_ms": 900, "tokens": 12},
    {"kind": "text", "text": "Let me look that up."},
    {"kind": "tool_call", "call_id": "c1", "name": "orders.get", "arguments": {"id": 7}},
    {"kind": "tool_result", "call_id": "c1", "status": "failed", "result": {"reason": "gone"}},
    {"kind": "image", "url": "https://example.org/a.png", "alt": "A receipt"},
    {"kind": "file", "blob_id": "0190a0a0-0000-7000-8000-000000000000", "name": "terms.pdf"},
    {"kind": "citation", "number": 1, "title": "Terms", "text": "Within 30 days."},
    {"kind": "error", "message": "The order service did not answer."},
]


def test_every_kind_is_read_and_written_back_the_same():
    assert dump_parts(read_parts(EVERY_KIND)) == EVERY_KIND


def test_text_content_is_what_people_search():
    content = text_content(read_parts(EVERY_KIND))
    assert content == ("Let me look that up.\n\nA receipt\n\nterms.pdf\n\nThe order service did not answer.")
    assert first_error(read_parts(EVERY_KIND)) == "The order service did not answer."


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("text", "give a list"),
        ([{"kind": "video"}], "0: "),
        ([{"kind": "text"}], "0.text.text: Field required"),
        ([{"kind": "text", "text": 7}], "0.text.text"),
        ([{"kind": "text", "text": "a", "html": "b"}], "0.text.html"),
        ([{"kind": "image", "alt": "neither"}], "give either blob_id or url"),
        ([{"kind": "image", "url": "javascript:alert(1)"}], "0.image.url"),
        ([{"kind": "text", "text": "a"}] * 1001, "parts"),
    ],
)
def test_wrong_parts_are_refused_with_the_place(raw, words):
    with pytest.raises(InvalidParts) as refused:
        read_parts(raw)
    assert words in str(refused.value)

import orjson
import pytest

from app.web.payloads import SHOWN_BYTES, host, payload


def test_flat_objects_are_tables():
    shown = payload({"order": "A-1", "paid": True, "total": 82.5, "note": None})
    assert shown.rows == [("order", "A-1"), ("paid", "true"), ("total", "82.5"), ("note", "–")]


@pytest.mark.parametrize(
    "value", [{"a": {"b": 1}}, [1, 2], {"a": "x" * 600}, {str(number): number for number in range(60)}]
)
def test_the_rest_is_indented_json(value):
    shown = payload(value)
    assert not shown.rows
    assert orjson.loads(shown.text) == value


def test_text_stays_text_and_long_values_are_cut():
    assert payload("<b>plain</b>").text == "<b>plain</b>"
    shown = payload("é" * SHOWN_BYTES)
    assert (shown.cut, shown.size, len(shown.text)) == (True, 2 * SHOWN_BYTES, SHOWN_BYTES // 2)


@pytest.mark.parametrize("value", [None, {}, [], ""])
def test_nothing_is_nothing(value):
    assert payload(value) == payload(None)


def test_a_value_too_deep_for_json_is_shown_anyway():
    value = {}
    for _ in range(500):
        value = {"a": value, "b": [2**70]}
    assert payload(value).cut


def test_hosts():
    assert [host(url) for url in ("https://a.example/x", "http://[broken", "mailto:x")] == [
        "a.example",
        "",
        "",
    ]

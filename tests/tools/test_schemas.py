"""Schemas of arguments: what is kept, what is refused with its place, and what arguments are told."""

import json
import time

import pytest

from app.tools.services.schemas import SchemaRefused, argument_faults, check_schema, read_schema


def schema(**properties):
    return {"type": "object", "properties": properties}


def nested(levels):
    found = {"type": "string"}
    for _ in range(levels):
        found = {"type": "array", "items": found}
    return schema(deep=found)


def circle(*, through):
    return {**schema(a={"$ref": "#/$defs/a"}), "$defs": {"a": through}}


def test_a_schema_is_read():
    text = '{"type": "object", "properties": {"a": {"type": "string", "pattern": "^[a-z]+$"}}}'
    assert read_schema(text)["properties"]["a"]["type"] == "string"
    named = {"type": "object", "properties": {"$id": {"type": "string"}, "pattern": {"type": "string"}}}
    check_schema(named)
    check_schema({**schema(a={"$ref": "#/$defs/b"}), "$defs": {"b": {"type": "integer"}}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n  "type": "object",,\n}', "Line 2, column 20"),
        ("[]", "must be a JSON object"),
        ("{}", '"type": "object"'),
        ('{"type": "object", "properties": 7}', r"\$.properties"),
        ('{"type": "object", "minProperties": NaN}', "cannot be read"),
        ('{"type": "object", "title": "\\u0000"}', "null characters"),
        ('{"type": "object", "title": "\\ud800"}', "whole characters"),
        ('{"type": "object", "minProperties": 1e999}', "finite"),
        ("[" * 100_000, "larger than"),
        ("[" * 20_000, "cannot be read"),
    ],
)
def test_a_text_that_is_no_schema_is_refused(text, words):
    with pytest.raises(SchemaRefused, match=words):
        read_schema(text)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (schema(a={"$ref": "http://127.0.0.1:1/schema.json"}), "only references within"),
        (schema(a={"$ref": "file:///etc/passwd"}), "only references within"),
        (schema(a={"$ref": "#/$defs/none"}), "leads nowhere"),
        (schema(a={"$ref": "#"}), "only references within"),
        (circle(through={"$ref": "#/$defs/a"}), "in a circle"),
        (circle(through={"type": "array", "items": {"$ref": "#/$defs/a"}}), "in a circle"),
        (schema(a={"$id": "http://example.com/"}), "cannot be used"),
        ({"type": "object", "patternProperties": {"(a+)+$": {}}}, "cannot be used"),
        (schema(a={"pattern": "(a+)+$"}), "repetition within"),
        (schema(a={"pattern": "(a|a)*$"}), "repetition within"),
        (schema(a={"pattern": "a*a*a*a*a*$"}), "at most 2 repetitions"),
        (schema(a={"pattern": "(a)\\1+"}), "repetition within"),
        (schema(a={"pattern": "("}), "no regular expression"),
        (schema(a={"pattern": "a" * 300}), "at most 200"),
        (nested(30), "nested deeper"),
        (schema(a={"description": "x" * 1_000_000}), "larger than"),
    ],
)
def test_ss_4_schemas_that_would_take_long_or_lead_away_are_refused(given, words):
    began = time.process_time()
    with pytest.raises(SchemaRefused, match=words):
        read_schema(json.dumps(given))
    assert time.process_time() - began < 2


def test_ss_4_many_references_are_refused_in_time():
    defs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(30)} | {"d30": {}}
    began = time.process_time()
    with pytest.raises(SchemaRefused, match="too many"):
        check_schema({**schema(a={"$ref": "#/$defs/d0"}), "$defs": defs})
    assert time.process_time() - began < 2


def test_arguments_are_told_what_is_wrong():
    given = schema(city={"type": "string", "pattern": "^[A-Z][a-z]*$"}) | {
        "required": ["city"],
        "additionalProperties": False,
    }
    assert argument_faults(given, {"city": "Rome"}) == []
    assert "required" in argument_faults(given, {})[0]
    assert "unexpected" in argument_faults(given, {"city": "Rome", "more": 1})[0]
    assert "not of type" in argument_faults(given, {"city": 7})[0]
    assert "does not match" in argument_faults(given, {"city": "rome"})[0]
    assert "at most 200" in argument_faults(given, {"city": "R" + "o" * 5_000})[0]


def test_ss_4_a_slow_pattern_of_an_old_snapshot_is_left_out():
    began = time.process_time()
    assert argument_faults(schema(a={"pattern": "(a+)+$"}), {"a": "a" * 150 + "!"}) == []
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("divisor", "number", "words"),
    [
        (1e-320, 1e400, "finite"),
        (1e-320, float("nan"), "finite"),
        (0.5, 10**400, "too large"),
        (10**400, 1.5, "too large"),
        (1e-320, 1.5, "not a multiple"),
    ],
)
def test_in_numbers_that_cannot_be_divided_are_told(divisor, number, words):
    given = schema(a={"multipleOf": divisor}, b={"type": "array"})
    assert words in argument_faults(given, {"a": number})[0]
    assert "finite" in argument_faults(given, {"b": [{"c": float("-inf")}]})[0]

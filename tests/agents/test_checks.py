"""Checks of answers that need no model: what is taken as one, and what passes it."""

import pytest

from app.agents.services.checks import Answered, CheckRefused, apply, read_checks

ANSWERS = ("[1, 2]", '["a"]', '{"a": 1}', '"a"', "1", "1.5", "true", "null")


def passed(schema):
    """Return the answers that fit a schema."""
    (check,) = read_checks([("schema", schema)])
    return [answer for answer in ANSWERS if not apply(check, Answered(answer))]


@pytest.mark.parametrize(
    ("schema", "fitting"),
    [
        ('{"type": "array"}', ["[1, 2]", '["a"]']),
        (
            '{"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}',
            ["[1, 2]"],
        ),
        ('{"type": "object"}', ['{"a": 1}']),
        ('{"type": "string"}', ['"a"']),
        ('{"type": ["integer", "null"]}', ["1", "null"]),
        ('{"type": "number"}', ["1", "1.5"]),
        ('{"type": "boolean"}', ["true"]),
        ('{"enum": [[1, 2], true]}', ["[1, 2]", "true"]),
        ("{}", list(ANSWERS)),
    ],
)
def test_a_schema_may_be_of_any_type(schema, fitting):
    assert passed(schema) == fitting


def test_a_list_is_read_from_a_fence_and_its_faults_are_named():
    check = {"kind": "schema", "value": '{"type": "array", "minItems": 1, "items": {"type": "integer"}}'}
    assert not apply(check, Answered("```json\n[1]\n```"))
    assert "'a' is not of type 'integer'" in apply(check, Answered('[1, "a"]'))
    assert "is not of type 'array'" in apply(check, Answered('{"a": 1}'))
    assert apply(check, Answered("[1")) == "The answer is no JSON."


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("[", "Line 1, column 2"),
        ("[]", "must be a JSON object"),
        ("true", "must be a JSON object"),
        ("[" * 20_000, "cannot be read as JSON"),
        ("9" * 5_000, "cannot be read as JSON"),
        ('{"type": "list"}', '"type" must be one or several of array'),
        ('{"type": []}', '"type" must be'),
        ('{"type": [["array"]]}', '"type" must be'),
        ('{"type": {"a": 1}}', '"type" must be'),
        ('{"type": null}', '"type" must be'),
        ('{"type": "array", "items": {"type": "list"}}', "$.items.type"),
        ('{"type": "array", "items": {"pattern": "(a+)+$"}}', "repetition within a repetition"),
        (
            '{"type": "array", "items": {"$ref": "https://example.org/a"}}',
            "only references within the schema",
        ),
        ('{"type": "array", "items": {"$ref": "#/items"}}', "leads in a circle"),
        ('{"type": "array", "maxItems": NaN}', "cannot be read"),
        ('{"type": "array", "items": ' + '{"items": ' * 30 + "{}" + "}" * 31, "nested deeper"),
    ],
)
def test_a_schema_keeps_to_the_bounds_of_tools(schema, words):
    with pytest.raises(CheckRefused) as caught:
        read_checks([("schema", schema)])
    assert str(caught.value).startswith("Check 1: ")
    assert words in str(caught.value)

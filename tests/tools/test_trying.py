"""The form that tries a tool: fields for odd schemas, and values that cannot be sent."""

import json
from contextlib import suppress

import pytest

from app.tools.forms.trying import try_form
from app.tools.services.schemas import SchemaRefused, argument_faults, check_schema
from tests.factories import tools
from tests.support.pages import check_page
from tests.tools.odd import variants


@pytest.fixture
def tried(member, org, peer):
    """Try a tool with this schema."""

    def act(properties, given=None, **schema):
        made = {"type": "object", "properties": properties, **schema}
        tool = tools.tool(org, f"{peer.url}/weather/Rome", input_schema=made, config={"method": "POST"})
        place = f"/o/acme/tools/{tool.id}/try"
        return member.get(place) if given is None else member.submit(place, given)

    return act


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"arguments": '{"a": 1e400}'}, "finite"),
        ({"arguments": '{"a": NaN}'}, "finite"),
        ({"arg_0": "1e400"}, "Enter a number"),
        ({"arg_0": "nan"}, "Enter a number"),
        ({"arguments": f'{{"a": 1{"0" * 400}}}'}, "too large"),
    ],
)
def test_in_endless_numbers_are_told(tried, peer, given, words):
    answer = tried({"a": {"type": "number", "multipleOf": 1e-320}}, given)
    assert answer.status_code == 422
    assert words in check_page(answer.text).text
    assert peer.seen == []


NULLABLE = {
    "a": {"type": ["string", "null"], "description": "Where."},
    "b": {"type": ["null", "integer"]},
    "c": {"type": ["boolean", "null"]},
    "d": {"type": ["string", "null"], "enum": ["x", None]},
    "e": {"type": ["string", "integer", "null"]},
    "f": {"type": ["null"]},
}


def test_arguments_that_may_be_null_have_fields(tried):
    page = check_page(tried(NULLABLE, required=["a", "b"]).text)
    assert [field["name"] for field in page.select("#form [name^=arg_]")] == [f"arg_{n}" for n in range(4)]
    assert [option.text for option in page.select("#arg_3 option")] == ["–", "x"]
    assert "Where. Nothing stands for null." in page.text


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({}, '{"a":null,"b":null}'),
        (
            {"arg_0": "Rome", "arg_1": "7", "arg_2": "false", "arg_3": "x"},
            '{"a":"Rome","b":7,"c":false,"d":"x"}',
        ),
        ({"arg_0": "Rome", "arguments": '{"a": null, "c": null}'}, '{"a":null,"b":null,"c":null}'),
    ],
)
def test_a_field_left_empty_is_null_or_absent(tried, given, body):
    empty = dict.fromkeys(("arg_0", "arg_1", "arg_2", "arg_3"), "")
    answer = tried(NULLABLE, empty | given, required=["a", "b"])
    assert answer.status_code == 200
    assert body in check_page(answer.text).text


def test_arguments_that_were_null_are_filled_in_again(app):
    schema = {"properties": NULLABLE, "required": ["a"]}
    with app.test_request_context():
        form = try_form(schema, {"a": None, "b": 7, "c": None, "d": "x", "e": 1})
        texts = {field.name: field.data for field in form if field.data and field.name != "csrf_token"}
    rest = json.loads(texts.pop("arguments"))
    assert (texts, rest) == ({"arg_1": "7", "arg_3": "x"}, {"c": None, "e": 1})


@pytest.mark.parametrize("kind", ["integer", "number", "boolean", "string", ["number", "null"], ["string"]])
def test_lists_of_values_of_another_type_are_told(tried, kind):
    for value in ("x", "2", "true", ""):
        answer = tried({"a": {"type": kind, "enum": ["x", 2, 1.5, None, True, "", {}]}}, {"arg_0": value})
        assert answer.status_code in {200, 422}
        assert "Not a valid choice" not in answer.text
    assert (
        "Choose a value of the list for a."
        in tried({"a": {"type": kind, "enum": ["x", 2]}}, {"arg_0": "z"}).text
    )


def test_a_schema_with_a_part_of_a_wrong_type_has_a_form(app):
    sent = {"arg_0": "1", "arg_1": "x", "arg_2": "true"}
    tried = 0
    with app.test_request_context(method="POST", data=sent):
        for odd in variants({"type": "object", "properties": NULLABLE, "required": ["a"]}):
            with suppress(SchemaRefused):
                check_schema(odd)
                form = try_form(odd, {"a": None, "b": 1})
                assert form.validate() or form.errors
                assert form.errors or argument_faults(odd, form.read()) is not None
                tried += 1
    assert tried > 30

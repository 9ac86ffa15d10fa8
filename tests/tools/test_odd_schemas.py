"""The schema editor with schemas of odd shapes: text, table and back, and saving either."""

import json
from contextlib import suppress

import pytest

from app.tools.services.schemas import SchemaRefused, read_schema
from app.tools.services.tabular import rows_of, schema_of, with_places, without_places
from tests.tools.odd import variants

NEW = "/o/acme/tools/new"
FORM = {
    "name": "find",
    "method": "POST",
    "url": "https://1.1.1.1/find/{city}",
    "seconds": "5",
    "kilobytes": "64",
    "approval": "ask",
    "editor": "text",
}
SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "Where.", "x-place": "query", "enum": ["a", "b"]},
        "days": {"type": ["integer", "null"], "items": {"type": "string"}},
        "kind": {"$ref": "#/$defs/kind"},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"kind": {"type": "string"}},
}


def test_a_schema_with_a_part_of_a_wrong_type_is_turned_or_refused():
    turned = 0
    for odd in (SCHEMA, *variants(SCHEMA)):
        with suppress(SchemaRefused):
            found = read_schema(json.dumps(odd))
            schema, places = without_places(found)
            assert with_places(schema, places) == found
            back = schema_of(*rows_of(found))
            assert back.get("properties") == found.get("properties", {})
            turned += 1
    assert turned > 30


@pytest.mark.parametrize("place", [[], {}, None, True, 1, "header", ["query"]])
def test_a_place_that_is_none_is_told(member, connection, place):
    odd = json.dumps({**SCHEMA, "properties": {"city": {"type": "string", "x-place": place}}})
    for act, status in (("save", 422), ("table", 200)):
        answer = member.submit(NEW, {**FORM, "schema": odd, "act": act})
        assert (answer.status_code, "query&#34; or &#34;body" in answer.text) == (status, True)


@pytest.mark.parametrize(
    "rest",
    ["[]", "7", "{", '{"a": 1e400}', '{"a": NaN}', '{"a": "\\ud800"}', '{"a":' * 300 + "1" + "}" * 300],
)
@pytest.mark.parametrize("name", ["arg_rest", "schema_rest"])
def test_ss_4_a_table_that_says_what_no_text_can_is_refused(member, connection, name, rest):
    row = {"arg_name": "city", "arg_type": "string", "arg_required": "yes", "arg_description": ""}
    table = {**FORM, **row, "editor": "table", "arg_place": "", "arg_rest": "{}", "schema_rest": "{}"}
    for act, status in (("save", 422), ("text", 200)):
        answer = member.submit(NEW, {**table, name: rest, "act": act})
        assert (answer.status_code, "field-error" in answer.text) == (status, True)


@pytest.mark.parametrize("url", ["https://[x/{city}", "http://[::1", "https://1.1.1.1/{", "//[", "x"])
def test_an_address_that_cannot_be_read_is_told(member, connection, url):
    answer = member.submit(NEW, {**FORM, "url": url, "schema": json.dumps(SCHEMA)})
    assert (answer.status_code, "field-error" in answer.text) == (422, True)


@pytest.mark.parametrize("levels", [30, 400, 900, 990, 1_500])
def test_ss_4_deep_schemas_are_refused(levels):
    for text in ('{"a":' * levels + "1" + "}" * levels, "[" * levels + "]" * levels):
        with pytest.raises(SchemaRefused):
            read_schema(text)

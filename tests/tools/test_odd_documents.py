"""OpenAPI documents of other shapes: parts of a wrong type are refused or left out, and allOf is merged."""

import json
from contextlib import suppress

import pytest
import yaml

from app.tools.services.importing import DocumentRefused, read_document
from tests.factories import orgs
from tests.tools.odd import variants

PLACES = [{"name": "dry", "in": "query", "required": True, "schema": {"$ref": "#/components/schemas/Flag"}}]
PET = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "nullable": True, "pattern": "^a", "enum": ["a", None]},
        "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "multipleOf": 2},
        "of": {"oneOf": [{"type": "array", "items": {"type": "string"}}]},
    },
}
DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "Pets"},
    "servers": [{"url": "https://1.1.1.1/v1"}],
    "paths": {
        "/pets/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "put": {
                "operationId": "put",
                "summary": "Puts.",
                "parameters": PLACES,
                "requestBody": {"required": True, "content": {"application/json": {"schema": PET}}},
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "allOf": [
                                    {"$ref": "#/components/schemas/Named"},
                                    {"required": ["size"], "properties": {"size": {"type": "integer"}}},
                                ]
                            }
                        }
                    },
                }
            },
        }
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}},
        "schemas": {
            "Flag": {"type": "boolean", "description": "Whether."},
            "Named": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        },
    },
}


def in_yaml(value):
    return yaml.dump(value, Dumper=yaml.CSafeDumper)


@pytest.mark.parametrize("write", [json.dumps, in_yaml], ids=["json", "yaml"])
def test_a_document_with_a_part_of_a_wrong_type_is_read_or_refused(write):
    assert len(read_document(write(DOCUMENT)).operations) == 2
    read = 0
    for odd in variants(DOCUMENT):
        with suppress(DocumentRefused):
            read += bool(read_document(write(odd)).operations)
    assert read > 500


def operation(schema=None, **values):
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    described = {"requestBody": body} if schema is not None else values
    document = {**DOCUMENT, "paths": {"/pets": {"post": described}}}
    return read_document(json.dumps(document)).operations[0]


@pytest.mark.parametrize("required", [True, 1, "name", {"name": True}])
def test_a_body_that_requires_no_list_of_names_says_so(required):
    assert "no list of names" in operation({**PET, "required": required}).fault


@pytest.mark.parametrize("place", [["query"], {"a": 1}, "body", None, 7])
def test_a_parameter_without_a_place_says_so(place):
    assert "neither in path" in operation(parameters=[{"name": "dry", "in": place}]).fault


def test_the_page_says_what_is_odd(new_client, connection):
    member = new_client(orgs.member(orgs.org(slug="acme")))
    for odd in ({**PET, "required": True}, {"allOf": 7}):
        content = {"application/json": {"schema": odd}}
        paths = {"/a": {"post": {"requestBody": {"required": True, "content": content}}}}
        given = {"act": "read", "document": json.dumps({"openapi": "3.1.0", "paths": paths})}
        answer = member.submit("/o/acme/tools/import", given)
        assert (answer.status_code, "1 that cannot become tools" in answer.text) == (200, True)


def test_a_body_of_several_objects_is_one_object():
    named = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    sized = {"allOf": [{"properties": {"size": {"type": "integer"}}}, {"required": ["size"]}]}
    schema = {"allOf": [named, sized], "properties": {"old": {"type": "boolean"}}, "required": ["old"]}
    made = operation({**schema, "description": "All of it."})
    assert (made.fault, set(made.places)) == ("", {"name", "size", "old"})
    assert made.schema["properties"] == {
        "old": {"type": "boolean"},
        "name": {"type": "string"},
        "size": {"type": "integer"},
    }
    assert sorted(made.schema["required"]) == ["name", "old", "size"]
    referenced = {"allOf": [{"$ref": "#/components/schemas/Named"}, named]}
    assert operation(referenced).schema["required"] == ["name"]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"properties": {"name": {"type": "integer"}}}, "name in two ways"),
        ({"oneOf": [{"required": ["name"]}]}, "oneOf"),
        ({"type": "array", "items": {}}, "no object"),
        (True, "no object"),
        ({"type": "object", "required": 1}, "no list of names"),
        ({"properties": []}, "no object"),
    ],
)
def test_a_body_of_parts_that_do_not_go_together_says_why(part, words):
    named = {"type": "object", "properties": {"name": {"type": "string"}}}
    assert words in operation({"allOf": [named, part]}).fault

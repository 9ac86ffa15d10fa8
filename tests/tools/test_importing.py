"""Several tools at once: operations of OpenAPI documents, tools of MCP servers."""

import io
import json
import time

import pytest

from app.tools.models import Tool
from app.tools.services.importing import DocumentRefused, read_document
from tests.factories import connections, orgs, tools
from tests.factories.rows import rows
from tests.support.pages import check_page

HOME = "/o/acme/tools"
PETS = {
    "openapi": "3.0.3",
    "info": {"title": "Pets"},
    "servers": [{"url": "https://1.1.1.1/v1/"}],
    "paths": {
        "/pets/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {"operationId": "get pet!", "summary": "One pet."},
            "put": {
                "operationId": "get pet!",
                "parameters": [
                    {"name": "dry", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                },
            },
            "delete": {"parameters": [{"name": "X-Key", "in": "header", "required": True}]},
        },
        "/tree": {
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}},
                }
            }
        },
        "/far": {
            "get": {"parameters": [{"name": "q", "in": "query", "schema": {"$ref": "http://127.0.0.1/x"}}]}
        },
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}},
        "schemas": {
            "Pet": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "nullable": True, "example": "Rex", "pattern": "(a+)+$"},
                    "age": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
                    "example": {"type": "string"},
                },
            },
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}},
        },
    },
}


def test_operations_are_read_with_their_arguments():
    found = read_document(json.dumps(PETS))
    assert (found.title, found.base_url) == ("Pets", "https://1.1.1.1/v1")
    made = {operation.key: operation for operation in found.operations}
    put = made["PUT /pets/{id}"]
    assert put.name == "get_pet"
    assert put.places == {"dry": "query", "name": "body", "age": "body", "example": "body"}
    assert put.schema["required"] == ["id", "name"]
    assert put.schema["properties"]["name"] == {"type": ["string", "null"]}
    assert put.schema["properties"]["age"] == {"type": "integer", "exclusiveMinimum": 0}
    assert "requires the header X-Key" in made["DELETE /pets/{id}"].fault
    assert "in a circle" in made["POST /tree"].fault
    assert "only references within the document" in made["GET /far"].fault


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no OpenAPI 3"),
        ("openapi: 3.0.0\n", "no operation"),
        ("openapi: 3.0.0\npaths: [\n", "Line 3, column 1"),
        ("a: *b", "Line 1, column 4: found undefined alias"),
        ("&a {x: *a}", "cannot be read"),
        ("base: &b {}\nmore:\n  <<: *b\n", "Line 3: merge keys"),
        ("? [1]\n: 2", "Line 1: only a text can be a key"),
        ("--- 1\n--- 2\n", "another document"),
        ("openapi: \x01", "does not allow"),
        ("9" * 5_000, "cannot be read"),
        ("!!python/object/apply:os.getcwd []", "no OpenAPI 3"),
        ('{"openapi": "3.0.0",,}', "Line 1, column 21"),
        ('{"swagger": "2.0"}', "no OpenAPI 3"),
        ("[]", "no OpenAPI 3"),
        ('{"openapi": "3.1.0", "paths": []}', "no operation"),
        ('{"openapi": "3.1.0", "paths": {"/a": {"get": 7}}}', "no operation"),
        ("[" * 100_000, "nesting depth"),
        ('{"a":' * 60_000, "cannot be read"),
        ('{"openapi": "3.1.0", "paths": {"/a": {"get": {"x": 1e999}}}}', "finite numbers"),
        ('{"openapi": "3.1.0", "info": {"title": "\\ud800"}}', "cannot be read"),
        (" " * 500_000, "longer than"),
    ],
)
def test_in_documents_that_are_none_are_refused(text, words):
    with pytest.raises(DocumentRefused, match=words):
        read_document(text)


YAML = """
openapi: 3.0.3
info: {title: Pets}
servers:
- url: https://1.1.1.1/v1
paths:
  /pets/{id}:
    get:
      operationId: getPet
      description: |
        One pet.
      parameters:
      - &id {name: id, in: path, required: true, schema: {type: integer, minimum: 0o17}}
      - name: since
        in: query
        schema: {type: string, enum: [yes, 2020-01-01, ~, 1.5e3]}
      responses:
        200: {description: Found}
    delete:
      parameters:
      - *id
"""


def test_documents_are_read_as_yaml_too():
    found = read_document(YAML)
    assert (found.title, found.base_url) == ("Pets", "https://1.1.1.1/v1")
    get, delete = found.operations
    assert (get.name, get.description, get.places) == ("getPet", "One pet.", {"since": "query"})
    assert get.schema["properties"] == {
        "id": {"type": "integer", "minimum": 15},
        "since": {"type": "string", "enum": ["yes", "2020-01-01", None, 1500.0]},
    }
    assert delete.schema["required"] == ["id"]


def test_ss_4_aliases_that_multiply_are_refused_in_time():
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    began = time.process_time()
    with pytest.raises(DocumentRefused, match="more than 100,000 values"):
        read_document("\n".join(["a0: &a0 [x]", *lines]))
    assert time.process_time() - began < 5


def test_ss_4_references_that_multiply_are_refused_in_time():
    schemas = {
        f"s{n}": {
            "type": "object",
            "properties": {k: {"$ref": f"#/components/schemas/s{n + 1}"} for k in "abcd"},
        }
        for n in range(30)
    } | {"s30": {"type": "string"}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/s0"}}}}
    paths = {f"/p{n}": {"post": {"requestBody": body}} for n in range(100)}
    began = time.process_time()
    found = read_document(
        json.dumps({"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}})
    )
    assert {operation.fault for operation in found.operations} == {
        "Its schema is too large once its references are followed."
    }
    assert time.process_time() - began < 5


@pytest.mark.parametrize("path", ["/../admin", "/{a}/{a}", "/x?y={a}", "/{a*}", "/a#b"])
def test_ss_paths_that_cannot_be_filled_in_are_no_tools(path):
    (operation,) = read_document(json.dumps({"openapi": "3.1.0", "paths": {path: {"get": {}}}})).operations
    assert operation.fault


def test_chosen_operations_become_tools_in_one_go(member, org):
    tools.tool(org, name="GET_PET")
    place = f"{HOME}/import"
    given = {"file": (io.BytesIO(json.dumps(PETS).encode()), "pets.json"), "act": "read"}
    answer = member.submit(place, given, content_type="multipart/form-data")
    assert answer.status_code == 200
    page = check_page(answer.text)
    assert page.find(id="base_url")["value"] == "https://1.1.1.1/v1"
    keys = [box["value"] for box in page.select("#operations input")]
    assert keys == ["GET /pets/{id}", "PUT /pets/{id}"]
    assert "3 that cannot become tools" in page.text
    chosen = {"document": page.find(id="document").text, "base_url": "https://1.1.1.1/v2", "operations": keys}
    chosen |= {"approval": "allow", "act": "create", "once": page.find(attrs={"name": "once"})["value"]}
    for _ in range(2):
        assert member.submit(place, chosen).status_code == 303
    made = {tool.name: tool for tool in rows(Tool) if tool.name != "GET_PET"}
    assert set(made) == {"get_pet_2", "get_pet_3"}
    assert made["get_pet_3"].config["url"] == "https://1.1.1.1/v2/pets/{id}"
    assert (made["get_pet_3"].approval, made["get_pet_3"].config["method"]) == ("allow", "PUT")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"operations": []}, "at least one"),
        ({"operations": ["DELETE /pets/{id}"]}, "only operations of this list"),
        ({"base_url": "http://127.0.0.1"}, "public internet"),
        ({"base_url": "https://{host}"}, "must have no"),
        ({"base_url": "file:///etc"}, "must be http"),
        ({"approval": "x"}, "Choose whether"),
        ({"document": "nonsense"}, "no OpenAPI 3 document"),
        ({"document": ""}, "Choose a file"),
        ({"credential": "x"}, "Choose a credential of this list"),
    ],
)
def test_ss_what_cannot_be_imported_is_told(member, change, words):
    given = {"document": json.dumps(PETS), "operations": ["GET /pets/{id}"], "act": "create"}
    answer = member.submit(
        f"{HOME}/import", {**given, "base_url": "https://1.1.1.1", "approval": "ask", **change}
    )
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(Tool) == []


def test_tools_of_mcp_servers_are_added(member, org):
    assert "No enabled MCP server" in member.page(f"{HOME}/mcp").text
    schema = {"type": "object", "properties": {"word": {"type": "string"}}}
    named = [
        {"name": "look.up", "description": "Looks up.", "input_schema": schema},
        {"name": "large", "description": "", "input_schema": None},
    ]
    server = connections.mcp_server(org, name="Wiki", discovered=named)
    connections.mcp_server(orgs.org(), name="Foreign", discovered=named)
    page = member.page(f"{HOME}/mcp")
    (box,) = page.select("#tools input")
    assert "1 that cannot be used" in page.text
    assert "Foreign" not in page.text
    given = {"tools": box["value"], "approval": "ask"}
    assert member.submit(f"{HOME}/mcp", given).status_code == 303
    (made,) = rows(Tool)
    assert (made.name, made.kind, made.mcp_server_id, made.config["tool"]) == (
        "look_up",
        "mcp",
        server.id,
        "look.up",
    )
    assert made.input_schema == schema
    assert "added already" in member.page(f"{HOME}/mcp").text
    for wrong in (
        {"approval": "ask"},
        {"tools": "x", "approval": "ask"},
        {"tools": box["value"], "approval": ""},
    ):
        assert member.submit(f"{HOME}/mcp", wrong).status_code == 422
    assert "Wiki" in member.page(f"{HOME}/{made.id}").text
    edited = {"name": "search_wiki", "seconds": "9", "approval": "allow", "enabled": "y", "lock_version": "1"}
    assert member.submit(f"{HOME}/{made.id}/edit", edited).status_code == 303
    (made,) = rows(Tool)
    assert (made.name, made.config, made.input_schema) == (
        "search_wiki",
        {"tool": "look.up", "seconds": 9},
        schema,
    )


def test_a_tool_says_that_its_server_no_longer_offers_it(member, org):
    server = connections.mcp_server(org, name="Wiki", discovered=[])
    tool = tools.mcp_tool(org, server)
    assert "did not name it" in member.page(f"{HOME}/{tool.id}").text
    assert "no longer offers it" in member.page(HOME).text
    alone = tools.mcp_tool(org, server, name="alone", mcp_server_id=None)
    assert "was deleted" in member.page(f"{HOME}/{alone.id}").text

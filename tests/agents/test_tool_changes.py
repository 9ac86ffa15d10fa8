"""Tools of two snapshots: each thing that differs is told, whatever else does."""

from uuid import UUID

import pytest

from app.agents.services.comparing import compare
from app.agents.snapshot import read_snapshot
from app.tools.services.tabular import arguments_of
from tests.tools.odd import variants

ID = UUID(int=1)
SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string", "description": "Which."}, "deep": {"type": "boolean"}},
    "required": ["order"],
}


def snapshot(**values):
    tool = {"id": str(ID), "name": "get_order", "description": "Reads.", "approval": "allow"}
    return read_snapshot({"name": "A", "tools": [{**tool, "input_schema": SCHEMA, **values}]})


def changed(**schema):
    return {**SCHEMA, **schema}


def told(comparison):
    return [(row.label, row.before, row.after) for row in comparison.values]


def test_a_renamed_tool_tells_what_else_was_changed():
    order = {"type": ["integer", "null"], "description": "Which one.", "minimum": 1}
    schema = {
        "type": "object",
        "properties": {"order": order, "all": {"type": "boolean"}},
        "required": ["all"],
    }
    after = snapshot(name="fetch_Order", approval="ask", description="Reads all.", input_schema=schema)
    found = compare(snapshot(), after)
    assert told(found) == [
        ("Tool", "get_order", "fetch_Order"),
        ("Tool fetch_Order, approval", "allow", "ask"),
        ("Tool fetch_Order, argument order, type", "string", "integer or null"),
        ("Tool fetch_Order, argument order, need", "required", "optional"),
        ("Tool fetch_Order, argument order, description", "Which.", "Which one."),
        ("Tool fetch_Order, argument deep", "boolean, optional.", None),
        ("Tool fetch_Order, argument all", None, "boolean, required."),
    ]
    assert [change.label for change in found.texts] == [
        "Description of tool fetch_Order",
        "Rules of argument order of tool fetch_Order",
    ]
    for phrase in (
        "description of tool fetch_Order changed (+1 word)",
        "tool renamed: get_order → fetch_Order",
        "tool fetch_Order: approval allow → ask",
        "tool fetch_Order: argument order string → integer or null",
        "tool fetch_Order: argument order now optional",
        "tool fetch_Order: argument deep removed",
        "tool fetch_Order: argument all added",
    ):
        assert phrase in f"{found.summary[0].lower()}{found.summary[1:]}"


@pytest.mark.parametrize(
    ("schema", "label"),
    [
        (changed(additionalProperties=False), "Rules of tool get_order"),
        (
            changed(properties={**SCHEMA["properties"], "deep": {"type": "boolean", "enum": [True]}}),
            "Rules of argument deep of tool get_order",
        ),
        (
            changed(properties={**SCHEMA["properties"], "deep": True}),
            "Rules of argument deep of tool get_order",
        ),
    ],
)
def test_rules_are_compared_word_by_word(schema, label):
    assert label in [change.label for change in compare(snapshot(), snapshot(input_schema=schema)).texts]


def test_every_change_of_a_schema_is_told():
    for odd in variants(SCHEMA):
        assert arguments_of(odd)
        there, back = (
            compare(*pair)
            for pair in ((snapshot(), snapshot(input_schema=odd)), (snapshot(input_schema=odd), snapshot()))
        )
        assert there.texts or there.values, odd
        assert back.texts or back.values, odd


def test_added_and_removed_tools_say_whether_they_ask():
    alone = read_snapshot({"name": "A"})
    assert told(compare(alone, snapshot())) == [("Tool", None, "get_order, approval allow")]
    assert told(compare(snapshot(), alone)) == [("Tool", "get_order, approval allow", None)]

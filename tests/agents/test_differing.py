"""Texts word by word, and snapshots in one sentence."""

import random
import time
from uuid import UUID

import pytest

from app.agents.services.comparing import NOTHING, compare
from app.agents.services.differing import text_difference
from app.agents.snapshot import Snapshot, read_snapshot

ID, OTHER = UUID(int=1), UUID(int=2)
MOST_SECONDS = 3  # of a processor, of some 0.5 where this was written


def sides(difference):
    """Return the two texts that the pieces are made of."""
    return tuple(
        "".join(piece.text for piece in difference.pieces if piece.kind != unseen)
        for unseen in ("added", "removed")
    )


@pytest.mark.parametrize(
    ("before", "after", "pieces"),
    [
        ("", "", []),
        ("a b", "a b", [("same", "a b")]),
        ("", "a b", [("added", "a b")]),
        ("a b", "", [("removed", "a b")]),
        ("You help.", "You really help.", [("same", "You "), ("added", "really "), ("same", "help.")]),
        (
            "one two three",
            "uno due three",
            [("removed", "one two"), ("added", "uno due"), ("same", " three")],
        ),
        ("a\nb\n", "a\nc\n", [("same", "a\n"), ("removed", "b"), ("added", "c"), ("same", "\n")]),
        ("<b>", "<i>", [("same", "<"), ("removed", "b"), ("added", "i"), ("same", ">")]),
        ("😀 é", "😀 e", [("same", "😀 "), ("removed", "é"), ("added", "e")]),
    ],
)
def test_words_that_differ_are_marked(before, after, pieces):
    assert [(piece.kind, piece.text) for piece in text_difference(before, after).pieces] == pieces


def test_both_texts_can_be_read_from_the_pieces():
    chance = random.Random(7)
    for _ in range(500):
        before, after = ("".join(chance.choices("ab ,\n", k=chance.randrange(30))) for _ in "12")
        assert sides(text_difference(before, after)) == (before, after)


@pytest.mark.parametrize(
    ("changed", "unit"), [(50, "word"), (300, "word"), (1_000, "line"), (30_000, "whole")]
)
def test_long_prompts_are_compared_in_time(changed, unit):
    chance = random.Random(7)
    lines = [" ".join(f"word{chance.randrange(500)}" for _ in range(9)) + "\n" for _ in range(3_000)]
    after = list(lines)
    for number in range(changed if unit != "whole" else 0):
        place = number * 7 % (3_000 if unit == "word" else 300)
        rest = lines[place].partition(" ")[2]
        after[place] = f"changed{number} {rest}" if unit == "word" else f"changed {number} in many words\n"
    if unit == "whole":
        after.reverse()
    texts = "".join(lines), "".join(after)
    assert len(texts[0]) > 200_000
    begun = time.process_time()
    difference = text_difference(*texts)
    assert time.process_time() - begun < MOST_SECONDS
    assert (difference.unit, sides(difference)) == (unit, texts)
    assert sum(len(piece.text) for piece in difference.shown if piece.kind == "same") < 200_000


@pytest.mark.parametrize(
    ("before", "after"),
    [("ab" * 100_000, "ba" * 100_000), ("a b " * 50_000, "b a " * 50_000), ("a," * 99_999, ",b" * 99_999)],
)
def test_the_worst_texts_take_no_longer(before, after):
    begun = time.process_time()
    difference = text_difference(before, after)
    assert time.process_time() - begun < MOST_SECONDS
    assert sides(difference) == (before, after)


def test_what_stays_the_same_is_shortened():
    middle = "same " * 1_000
    shown = text_difference(f"{middle}old {middle}", f"{middle}new {middle}").shown
    assert [piece.kind for piece in shown] == ["gap", "same", "removed", "added", "same", "gap"]
    assert [piece.text for piece in shown if piece.kind == "gap"] == ["4800", "4801"]


@pytest.mark.parametrize(
    ("before", "after", "summary"),
    [
        ({}, {}, NOTHING),
        ({}, {"prompt": "Hello"}, "Prompt added."),
        ({"prompt": "Hello"}, {}, "Prompt removed."),
        ({"prompt": "a b c"}, {"prompt": "a x y c"}, "Prompt changed (+2 \N{MINUS SIGN}1 words)."),
        ({"prompt": "a"}, {"prompt": "a."}, "Prompt changed."),
        ({"temperature": 0.7}, {"temperature": 0.2}, "Temperature 0.7 → 0.2."),
        ({"temperature": 0.7}, {}, "Temperature 0.7 removed."),
        ({"reasoning_effort": "low"}, {"reasoning_effort": "off"}, "Reasoning low → off."),
        ({}, {"reasoning_effort": "high"}, "Reasoning high added."),
        ({"model": "a"}, {"model": "b", "provider": "p"}, "Provider p added, model a → b."),
        ({"settings": {"timeout_seconds": 60}}, {}, "Time limit 60 seconds → 300 seconds."),
        ({}, {"persona": {"id": str(ID), "name": "Kind", "prompt": "P"}}, "Persona Kind added."),
        (
            {"persona": {"id": str(ID), "name": "Kind", "prompt": "P"}},
            {"persona": {"id": str(OTHER), "name": "Kind", "prompt": "P"}},
            "Another persona named Kind.",
        ),
        (
            {"persona": {"id": str(ID), "name": "Kind", "prompt": "P"}},
            {"persona": {"id": str(ID), "name": "Kind", "prompt": "P q"}},
            "Text of the persona changed (+1 word).",
        ),
        (
            {"knowledge_bases": [{"id": str(ID), "name": "A", "generation_id": str(ID)}]},
            {"knowledge_bases": [{"id": str(ID), "name": "A", "generation_id": str(OTHER)}]},
            "Knowledge base A rebuilt.",
        ),
        (
            {"knowledge_bases": [{"id": str(ID), "name": "A", "generation_id": str(ID)}]},
            {"knowledge_bases": [{"id": str(ID), "name": "B", "generation_id": str(ID)}]},
            "Knowledge base renamed: B.",
        ),
        ({}, {"tools": [{"id": str(ID), "name": "search"}]}, "Tool added: search."),
        (
            {"tools": [{"id": str(ID), "name": "search"}]},
            {"tools": [{"id": str(ID), "name": "search", "approval": "allow"}]},
            "Tool search: approval ask → allow.",
        ),
    ],
)
def test_one_sentence_says_what_differs(before, after, summary):
    assert compare(read_snapshot(before), read_snapshot(after)).summary == summary


def test_long_names_are_cut_in_the_sentence():
    long = compare(Snapshot(name="a"), Snapshot(name="b" * 255)).summary
    assert len(long) < 100

"""Passages: in order, within their size, exactly where they say they are."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.knowledge.chunker import LONGEST_TOKEN, SECTION, Piece, split
from app.knowledge.embedders.weights import tokenizer

CODE = "```python\n" + "\n".join(f"step_{number} = run({number})" for number in range(6)) + "\n```"
MANUAL = f"""# Pumps

Pumps move water. They need power, and a filter in front of them.

## Starting

Open the valve first. Then press the green button.

{CODE}

## Stopping

Press the red button. Close the valve when the pump stands still.
"""


def tokens(text):
    return len(tokenizer().encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize("markdown", [True, False])
@pytest.mark.parametrize("overlap", [0, 8])
def test_pieces_are_slices_in_order_and_within_their_size(markdown, overlap):
    pieces = split(MANUAL, size=40, overlap=overlap, markdown=markdown)
    assert len(pieces) > 2
    assert all(MANUAL[piece.start : piece.end] == piece.text for piece in pieces)
    assert [piece.start for piece in pieces] == sorted(piece.start for piece in pieces)
    assert max(tokens(piece.text) for piece in pieces) <= 40


def test_nothing_but_white_space_is_lost():
    pieces = split(MANUAL, size=30, overlap=0, markdown=True)
    assert "".join("".join(piece.text.split()) for piece in pieces) == "".join(MANUAL.split())


def test_a_code_block_and_a_heading_with_its_text_stay_whole():
    pieces = split(MANUAL, size=70, overlap=0, markdown=True)
    assert any(CODE in piece.text for piece in pieces)
    assert any(piece.text.startswith("## Stopping\n\nPress the red button.") for piece in pieces)


def test_overlap_repeats_the_end_of_the_piece_before():
    text = " ".join(f"Sentence number {number} is short." for number in range(40))
    pieces = split(text, size=30, overlap=12, markdown=False)
    assert all(after.start < before.end for before, after in pairwise(pieces))


def test_a_short_text_is_one_piece():
    assert split("Hello.", size=200, overlap=20, markdown=True) == [Piece("Hello.", 0, 6)]


@pytest.mark.parametrize("text", ["", "  \n\n ", "\u200b\n"])
def test_a_blank_text_has_hardly_a_piece(text):
    assert all(piece.text.strip() for piece in split(text, size=20, overlap=0, markdown=True))


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (-1, 0), (10, 10), (10, -1), (10, 11)])
def test_sizes_that_make_no_sense_are_refused(size, overlap):
    with pytest.raises(ValueError, match=f"{size} tokens cannot repeat {overlap}"):
        split("text", size=size, overlap=overlap, markdown=False)


@given(text=st.text(st.characters(), max_size=400), markdown=st.booleans())
@settings(max_examples=80, deadline=None)
def test_any_text_can_be_split(text, markdown):
    pieces = split(text, size=12, overlap=3, markdown=markdown)
    assert all(text[piece.start : piece.end] == piece.text for piece in pieces)


@pytest.mark.parametrize("line", ["word and word ", "a\n", "one line.\n\n", "日本語、"])
def test_sections_lose_and_double_nothing(line):
    text = line * (3 * SECTION // len(line))
    pieces = split(text, size=120, overlap=0, markdown=True)
    assert "".join("".join(piece.text.split()) for piece in pieces) == "".join(text.split())
    assert all(before.end <= after.start for before, after in pairwise(pieces))
    assert max(tokens(piece.text) for piece in pieces) <= 120


def test_a_section_ends_outside_a_code_block():
    text = "Some words before it.\n\n" * 866 + CODE.replace("\n", "\n\n") + "\n\nWords after it.\n\n" * 400
    assert text.index(CODE[:9]) < SECTION < text.rindex("```")
    pieces = split(text, size=100, overlap=0, markdown=True)
    assert [piece.text.count("```") for piece in pieces if "step_" in piece.text] == [2]


def test_a_word_without_end_is_cut_by_its_length():
    pieces = split("x" * 100_000, size=50, overlap=0, markdown=False)
    assert max(len(piece.text) for piece in pieces) == 50 * LONGEST_TOKEN
    assert "".join(piece.text for piece in pieces) == "x" * 100_000


@pytest.mark.parametrize("text", ["w" * 300_000, "a b\t" * 60_000, "# \n" * 50_000, "漢" * 30_000])
def test_monotonous_text_takes_no_more_than_its_time(text):
    began = time.process_time()
    pieces = split(text, size=200, overlap=20, markdown=True)
    assert time.process_time() - began < 30
    assert all(text[piece.start : piece.end] == piece.text for piece in pieces)

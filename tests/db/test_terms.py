import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.terms import MAX_LENGTH, MAX_TERMS, clean, contains, terms


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ()),
        ("  refund  policy ", ("refund", "policy")),
        ('"refund policy" late', ("refund policy", "late")),
        ('"unclosed phrase', ("unclosed", "phrase")),
        ('""', ()),
        ("a\x00b\nc", ("a", "b", "c")),
        ("e\u0301", ("\xe9",)),
    ],
)
def test_words_and_phrases(typed, found):
    assert terms(typed) == found


@given(st.text())
def test_any_text_becomes_few_short_printable_terms(typed):
    found = terms(typed)
    assert len(found) <= MAX_TERMS
    assert all(found)
    assert len(clean(typed)) <= MAX_LENGTH
    assert "\x00" not in "".join(found)
    "".join(found).encode()


def test_wildcards_are_literal():
    assert contains("50%_\\") == "%50\\%\\_\\\\%"

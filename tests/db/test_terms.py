import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.db.terms import MAX_LENGTH, MAX_TERMS, clean, contains, terms, websearch


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ()),
        ("  refund  policy ", ("refund", "policy")),
        ('"refund policy" late', ("refund policy", "late")),
        ('"unclosed phrase', ("unclosed", "phrase")),
        ('""', ('""',)),
        ('"', ('"',)),
        ('"" late', ("late",)),
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


_READ = text("SELECT websearch_to_tsquery('english', :words)::text")


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("-" * 33 + "refund", "!'refund'"),
        ("- " * 40 + "refund", "'refund'"),
        ("(-" * 41 + "refund", "!'refund'"),
        ("policy " + "-" * 50, "'polici'"),
    ],
)
def test_many_minus_signs_are_a_search_too(connection, typed, read):
    assert connection.scalar(_READ, {"words": websearch(typed)}) == read


@pytest.mark.parametrize(
    "typed", ["--flag", "-- -flag", "a -b", "a--b", "a -- b", "well-known -thing", "- -a", '-"a b"']
)
def test_a_search_with_few_minus_signs_means_what_it_meant(connection, typed):
    plain, ours = (connection.scalar(_READ, {"words": words}) for words in (typed, websearch(typed)))
    negations = str.maketrans("", "", "( )")
    assert plain.replace("!!", "").translate(negations) == ours.replace("!!", "").translate(negations)

"""The address is the state: read, checked, written back in one form."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from app.db.cursor import Position
from app.web.listing import Facet, ListSpec, read_list, read_span
from tests.conformance.inventory import UNKNOWN

SPEC = ListSpec(
    sorts={"name": "name", "updated": "last change"},
    default_sort="-updated",
    facets={"status": Facet("Status", {"live": "Live", "archived": "Archived"})},
    dates={"created": "Created"},
)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def read(app):
    """A function that reads a query string."""

    def run(*pairs, **values):
        with app.test_request_context("/o/acme/agents/"):
            return read_list(SPEC, args=MultiDict([*pairs, *values.items()]))

    return run


def test_defaults_leave_no_trace(read):
    assert read(sort="-updated", per="20", q="", status="").url() == "/o/acme/agents/"


def test_the_canonical_form_is_ordered(read):
    state = read(
        ("per", "50"), ("status", "live"), ("status", "-archived"), ("q", " a  b "), ("sort", "name")
    )
    assert state.url() == "/o/acme/agents/?q=a+b&status=live&status=-archived&sort=name&per=50"


@pytest.mark.parametrize(
    ("given", "per"), [("0", 20), ("-1", 20), ("abc", 20), ("60", 50), ("999999999", 100), ("75", 50)]
)
def test_sizes_are_clamped(read, given, per):
    assert read(per=given).per == per


def test_what_is_unknown_is_dropped_with_a_notice(read):
    state = read(status="nope", sort="password", created="whenever", other="1", after="x")
    assert (state.chosen, state.sort, state.spans, state.request.position) == ({}, "-updated", {}, None)
    assert len(state.notices) == 5


def test_each_chip_removes_only_itself(read):
    state = read(("q", "a"), ("status", "live"), ("status", "archived"), ("created", "7d"))
    chips = {chip.value: chip.url for chip in state.chips()}
    assert chips["Live"] == "/o/acme/agents/?q=a&status=archived&created=7d"
    assert chips["a"] == "/o/acme/agents/?status=archived&status=live&created=7d"
    assert len(chips) == 4


def test_a_cursor_fits_its_list_only(app, read):
    with app.test_request_context("/o/acme/agents/"):
        position = Position(NOW, UNKNOWN, 20)
        token = read_list(SPEC, args=MultiDict({"q": "a"})).cursor(position)
        same = read_list(SPEC, args=MultiDict({"q": "a", "per": "50", "after": token}))
        other = read_list(SPEC, args=MultiDict({"q": "b", "after": token}))
        forged = read_list(
            SPEC, args=MultiDict({"q": "a", "after": token[:-1] + ("A" if token[-1] != "A" else "B")})
        )
    assert same.request.position == position
    assert (other.request.position, forged.request.position) == (None, None)
    assert other.notices
    assert forged.notices


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ("24h", datetime(2026, 11, 24, 12, tzinfo=UTC), None),
        (
            "2026-11-01..2026-11-23",
            datetime(2026, 10, 31, 23, tzinfo=UTC),
            datetime(2026, 11, 23, 23, tzinfo=UTC),
        ),
        ("2026-11-01..", datetime(2026, 10, 31, 23, tzinfo=UTC), None),
        ("..2026-11-23", None, datetime(2026, 11, 23, 23, tzinfo=UTC)),
    ],
)
def test_ranges_are_days_of_the_persons_zone(typed, start, end):
    span = read_span(typed, "Europe/Berlin", NOW)
    assert (span.start, span.end) == (start, end)


@pytest.mark.parametrize(
    "typed", ["..", "x", "7y", "2026-02-31", "2026-11-23..2026-11-01", "999999-01-01..", "-7d", "\uff17d"]
)
def test_ranges_that_make_no_sense_are_none(typed):
    assert read_span(typed, "UTC", NOW) is None


@given(st.text())
def test_any_text_is_a_range_or_none(typed):
    read_span(typed, "Europe/Berlin", NOW)

"""The address is the state: read, checked, written back in one form."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Integer, Uuid, column, select, values
from werkzeug.datastructures import MultiDict

from app.db.cursor import Position
from app.web.bounds import read_bounds
from app.web.conditions import between, chosen
from app.web.listing import Facet, ListSpec, read_list
from app.web.spans import read_span
from tests.conformance.inventory import UNKNOWN

SPEC = ListSpec(
    sorts={"name": "name", "updated": "last change"},
    default_sort="-updated",
    facets={"status": Facet("Status", {"live": "Live", "archived": "Archived"})},
    dates={"created": "Created"},
    numbers={"messages": "Messages"},
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


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("30d", "last 30 days"),
        ("1h", "last hour"),
        ("2026-11-01..", "since 1 Nov 2026"),
        ("..2026-11-23", "until 23 Nov 2026"),
        ("2026-11-01..2026-11-23", "1 Nov 2026 to 23 Nov 2026"),
        ("2026-11-01", "1 Nov 2026"),
        ("2026-11-01..2026-11-01", "1 Nov 2026"),
    ],
)
def test_ranges_of_days_have_words(typed, words):
    assert read_span(typed, "UTC", NOW).words == words


@pytest.mark.parametrize(
    ("typed", "words"), [("3..", "at least 3"), ("..0.5", "at most 0.5"), ("7", "7"), ("3..9", "3 to 9")]
)
def test_ranges_of_numbers_have_words(typed, words):
    assert read_bounds(typed).words == words


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("10..", "10.."),
        ("..5", "..5"),
        (" 03 .. 9.50 ", "3..9.5"),
        ("7", "7"),
        ("4..4", "4"),
        ("-2..0", "-2..0"),
    ],
)
def test_ranges_of_numbers_have_one_spelling(typed, text):
    assert read_bounds(typed).text == text


@pytest.mark.parametrize("typed", ["", "..", "9..3", "x", "1e9", "1..2..3", "\uff17", "9" * 13, "nan", "1,5"])
def test_ranges_of_numbers_that_make_no_sense_are_none(typed):
    assert read_bounds(typed) is None


@given(st.text())
def test_any_text_is_a_range_of_numbers_or_none(typed):
    found = read_bounds(typed)
    assert found is None or read_bounds(found.text) == found


def test_a_range_of_numbers_is_a_filter_like_others(read):
    state = read(("status", "live"), ("messages", "3"), ("messages", " 9"), ("sort", "name"))
    assert state.filtered
    assert state.url() == "/o/acme/agents/?status=live&messages=3..9&sort=name"
    chips = {chip.label: (chip.value, chip.url) for chip in state.chips()}
    assert chips["Messages"] == ("3 to 9", "/o/acme/agents/?status=live&sort=name")
    assert state.clear_url == "/o/acme/agents/?sort=name"


def test_a_usual_span_goes_before_days_typed_beside_it(read):
    days = [("created", "2026-11-01"), ("created", "2026-11-23")]
    assert read(("created", "7d"), *days).spans["created"].text == "7d"
    assert read(("created", ""), *days).spans["created"].text == "2026-11-01..2026-11-23"
    assert read(("created", ""), ("created", ""), ("created", "")).url() == "/o/acme/agents/"


def test_two_fields_of_a_form_are_the_ends_of_a_range(read):
    assert read(("messages", "3"), ("messages", "")).bounds["messages"].text == "3.."
    empty = read(("messages", ""), ("messages", ""))
    assert (empty.bounds, empty.notices) == ({}, ())
    assert len(read(messages="many").notices) == 1


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("2..3", {2, 3}),
        ("..1.5", {1}),
        ("1.5..", {2, 3}),
        ("2", {2}),
        ("99999999999..", set()),
        ("", {1, 2, 3}),
    ],
)
def test_a_range_of_numbers_asks_for_rows(connection, read, typed, found):
    numbers = values(column("n", Integer), name="numbers").data([(1,), (2,), (3,)])
    statement = select(numbers.c.n).where(*between(read(messages=typed), "messages", numbers.c.n))
    assert set(connection.scalars(statement)) == found


def test_a_range_may_be_in_larger_units_than_the_column(connection, read):
    amounts = values(column("micros", BigInteger), name="amounts").data([(400_000,), (500_000,), (600_000,)])
    conditions = between(read(messages="0.5.."), "messages", amounts.c.micros, unit=1_000_000)
    assert set(connection.scalars(select(amounts.c.micros).where(*conditions))) == {500_000, 600_000}


def test_choices_may_be_records_by_their_ids(app, connection):
    agents = {str(UNKNOWN): "Support > triage"}
    spec = ListSpec(sorts={"name": "name"}, default_sort="name", facets={"agent": Facet("Agent", agents)})
    with app.test_request_context("/o/acme/threads"):
        state = read_list(spec, args=MultiDict([("agent", str(UNKNOWN)), ("agent", "-" + "0" * 36)]))
        without = read_list(spec, args=MultiDict({"agent": f"-{UNKNOWN}"}))
    assert [chip.value for chip in state.chips()] == ["Support > triage"]
    assert len(state.notices) == 1
    rows = values(column("agent_id", Uuid), name="rows").data([(UNKNOWN,), (UUID(int=1),)])
    statement = select(rows.c.agent_id)
    assert connection.scalars(statement.where(*chosen(state, "agent", rows.c.agent_id))).all() == [UNKNOWN]
    left = connection.scalars(statement.where(*chosen(without, "agent", rows.c.agent_id))).all()
    assert left == [UUID(int=1)]

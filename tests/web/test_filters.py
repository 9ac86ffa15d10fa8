"""Values as people read them, and the macros' own rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from app import create_app
from app.web import filters

NOW = datetime(2026, 11, 25, 14, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=-59), "just now"),
        (timedelta(seconds=30), "in a moment"),
        (timedelta(minutes=-5), "5 min ago"),
        (timedelta(hours=-23, minutes=-59), "23 h ago"),
        (timedelta(hours=3), "in 3 h"),
        (timedelta(days=-1), "24 Nov 2026"),
    ],
)
def test_ago(app, distance, words):
    with app.app_context():
        assert filters.ago(NOW + distance, NOW) == words


def test_times_are_in_the_viewers_zone(app):
    with app.app_context():
        filters.choose_zone("Asia/Tokyo", "Europe/Berlin")
        assert filters.full_time(NOW) == "25 Nov 2026, 23:03 JST"
        assert filters.iso_time(NOW) == "2026-11-25T14:03:00Z"


def test_the_zone_is_the_chosen_one_the_browsers_the_organisations_or_utc(app):
    with app.test_request_context(headers={"Cookie": "time_zone=America/New_York"}):
        assert filters.viewer_zone().key == "America/New_York"
        assert (
            filters.choose_zone("Asia/Tokyo", "Europe/Berlin").key
            == filters.viewer_zone().key
            == "Asia/Tokyo"
        )
        assert filters.choose_zone("No/Where", "Europe/Berlin").key == "America/New_York"
    with app.test_request_context():
        assert filters.viewer_zone().key == "UTC"
        assert filters.choose_zone(None, "Europe/Berlin").key == "Europe/Berlin"
    for name in ("localtime", "Factory", "posixrules", "right/UTC", "../UTC", "a" * 5_000, "%00"):
        with app.test_request_context(headers={"Cookie": f"time_zone={name}"}):
            assert filters.viewer_zone().key == "UTC"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1400, "1.4 kB"), (20_000_000, "20 MB"), (10**16, "10,000 TB")],
)
def test_byte_size(count, words):
    assert filters.byte_size(count) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (50 * 1024**2, "50 MiB"),
        (16 * 1024**3, "16 GiB"),
        (250_000_000, "250 MB"),
        (256_000, "256 kB"),
        (40, "40 B"),
    ],
)
def test_bounds_are_in_the_units_that_they_were_chosen_in(count, words):
    assert filters.size_bound(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 ms"), (0.34, "340 ms"), (4.2, "4.2 s"), (200, "3 min 20 s"), (259_261, "3 d 1 min")],
)
def test_duration(seconds, words):
    assert filters.duration_words(seconds) == words


@pytest.mark.parametrize(
    ("amount", "words"), [(0, "USD 0.00"), (Decimal("1204.5"), "USD 1,204.50"), (0.0042, "USD 0.0042")]
)
def test_money(amount, words):
    assert filters.money_words(amount) == words


def _render(app, text):
    with app.test_request_context():
        return app.jinja_env.from_string(text).render()


def test_unknown_macro_names_and_icons_are_errors(app):
    with pytest.raises(AttributeError, match="no macro 'nothing'"):
        _render(app, "{{ ui.nothing() }}")
    with pytest.raises(TemplateNotFound):
        _render(app, '{{ ui.icon("nothing") }}')


def test_a_worker_has_all_that_the_macros_of_its_mails_need(app):
    worker = create_app(app.extensions["settings"], pages=False)
    assert {"email_layout", "history"} <= set(dir(worker.jinja_env.globals["ui"]))


def test_icon_button_without_label_is_an_error(app):
    with pytest.raises(UndefinedError):
        _render(app, '{{ ui.icon_button("x") }}')


def test_macros_escape_what_they_are_given(app):
    assert "<b>" not in _render(app, '{{ ui.page_head("<b>name</b>", crumbs=[("<b>", "/")]) }}')

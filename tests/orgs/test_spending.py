"""Limits of what answers cost: their pages, who may set them, and that racing calls never exceed them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from flask import current_app
from sqlalchemy import text

from app.audit.models import AuditEvent
from app.db.base import db
from app.db.scope import Scope, use_scope
from app.db.session import transaction
from app.orgs.models import SpendLimit, SpendReservation
from app.orgs.repo.spending import LimitRow, Payer, SpendRepo
from app.orgs.services.spending import check_room, reached
from app.web.errors import Refusal
from tests.factories import orgs, tasks
from tests.factories.rows import rows
from tests.support.database import as_owner
from tests.support.queries import queries

RACERS, AT_ONCE = 40, 10


@pytest.fixture
def key(org, owner):
    return orgs.api_key(org, owner, name="Nightly")[0]


@pytest.fixture
def client(new_client, owner):
    return new_client(owner)


def facts(page):
    return page.get_text(" ", strip=True)


def test_the_limit_of_the_organisation_is_set_shown_and_removed(client, org):
    assert "Nothing limits" in facts(client.page("/o/acme/settings"))
    answer = client.submit("/o/acme/settings/limits", {"amount": "12.50", "period": "day"})
    assert answer.status_code == 303
    (limit,) = rows(SpendLimit, org_id=org.id)
    assert (limit.api_key_id, limit.period, limit.limit_micros) == (None, "day", 12_500_000)
    with queries(max=4):
        page = facts(client.page("/o/acme/settings"))
    assert "USD 12.50 a day" in page
    assert "00:00 UTC" in page
    with queries(max=4):
        page = client.page("/o/acme/settings/limits")
    assert page.find(id="amount")["value"] == "12.50"
    assert page.find(id="amount-unit").text == "USD"
    assert "USD 0.00" in facts(page.find(id="now"))
    ends = datetime.now(UTC).date() + timedelta(days=1)
    assert f"Period ends {ends.day} {ends:%b %Y}, 00:00 UTC" in facts(page.find(id="now"))
    (event,) = rows(AuditEvent, action="org.limit")
    assert event.after == {"period": "day", "limit": "USD 12.50"}
    assert client.submit("/o/acme/settings/limits/remove").status_code == 303
    assert rows(SpendLimit, org_id=org.id) == []
    assert rows(AuditEvent, action="org.unlimit")


def test_a_refusal_names_the_currency_of_each_amount():
    ends = datetime(2026, 12, 1, tzinfo=UTC)
    limit = LimitRow(uuid4(), None, "month", 1_234_500_000, 1_234_000_000, 400_000, ends)
    assert reached([limit], 250_001) == (
        "Spend limit reached: the organisation may spend USD 1,234.50 a month; USD 1,234.00 is spent, USD 0.40 is "
        "reserved. This call may cost up to USD 0.250001. The period ends on 2026-12-01 00:00 UTC."
    )


def test_the_limit_of_a_key_stands_on_its_page(client, org, key):
    place = f"/o/acme/keys/{key.id}"
    assert "no limit of its own" in facts(client.page(place))
    assert client.submit(f"{place}/limits", {"amount": "3", "period": "month"}).location == place
    with queries(max=4):
        page = facts(client.page(place))
    assert "USD 3.00 a month" in page
    assert "api_key.limit" in {event.action for event in rows(AuditEvent)}
    assert client.submit(f"{place}/limits/remove").location == place
    assert rows(SpendLimit, org_id=org.id) == []


@pytest.mark.parametrize("amount", ["", "-1", "1,5", "abc", "1.1234567", "9999999999", "1e3", "NaN", "٣"])
def test_what_is_no_amount_is_refused(client, org, amount):
    answer = client.submit("/o/acme/settings/limits", {"amount": amount, "period": "day"})
    assert answer.status_code == 422
    assert rows(SpendLimit, org_id=org.id) == []


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_members_set_no_limits(new_client, org, key, role):
    client = new_client(orgs.member(org, role))
    for place in ("/o/acme/settings/limits", f"/o/acme/keys/{key.id}/limits"):
        assert client.get(place).status_code == 403


def test_the_key_of_another_organisation_gets_no_limit(client, org):
    other = orgs.org(slug="blue")
    key = orgs.api_key(other, orgs.member(other, "owner"))[0]
    answer = client.submit(
        f"/o/acme/keys/{key.id}/limits",
        {"amount": "1", "period": "day"},
    )
    assert answer.status_code == 404
    assert rows(SpendLimit) == []


def test_another_period_counts_anew_and_the_same_goes_on(client, org):
    limit = orgs.spend_limit(org, 10, spent_micros=4, reserved_micros=2)
    client.submit("/o/acme/settings/limits", {"amount": "5", "period": "month"})
    (stored,) = rows(SpendLimit)
    assert (stored.id, stored.spent_micros, stored.reserved_micros) == (limit.id, 4, 2)
    client.submit("/o/acme/settings/limits", {"amount": "5", "period": "day"})
    (stored,) = rows(SpendLimit)
    assert (stored.spent_micros, stored.reserved_micros) == (0, 2)


@pytest.fixture
def payer(org, owner, key, acting):
    acting(org, owner)
    return Payer(org.id, tasks.task(org, status="running").id, key.id)


def test_both_limits_hold_or_none(org, key, payer):
    orgs.spend_limit(org, 100)
    orgs.spend_limit(org, 10, api_key_id=key.id)
    with transaction():
        made, over = SpendRepo().reserve(payer, 8)
        again, refused = SpendRepo().reserve(payer, 3)
    assert made
    assert not over
    assert again is None
    assert [limit.api_key_id for limit in refused] == [key.id]
    assert [row.reserved_micros for row in rows(SpendLimit)] == [8, 8]
    with transaction():
        assert SpendRepo().settle(org.id, made, 5)
        assert not SpendRepo().settle(org.id, made, 5)
        assert not SpendRepo().release(org.id, payer.task_id)
    assert [(row.spent_micros, row.reserved_micros) for row in rows(SpendLimit)] == [(5, 0), (5, 0)]


def test_a_new_period_begins_at_nothing_and_what_is_reserved_stays(org, payer):
    limit = orgs.spend_limit(org, 10, spent_micros=10, reserved_micros=2)
    with as_owner() as session:
        session.execute(text("UPDATE spend_limits SET period_start = period_start - interval '2 months'"))
    with transaction():
        assert SpendRepo().reserve(payer, 9)[1]
        made, _ = SpendRepo().reserve(payer, 8)
    assert made
    (stored,) = rows(SpendLimit)
    assert (stored.spent_micros, stored.reserved_micros) == (0, 10)
    assert stored.period_start == limit.period_start


def test_what_a_lost_worker_held_is_given_back_once(org, payer):
    orgs.spend_limit(org, 10)
    with transaction():
        made, _ = SpendRepo().reserve(payer, 6)
        assert SpendRepo().release(org.id, payer.task_id)
        assert not SpendRepo().release(org.id, payer.task_id)
        assert not SpendRepo().settle(org.id, made, 6)
    (stored,) = rows(SpendLimit)
    assert (stored.spent_micros, stored.reserved_micros) == (0, 0)


def test_a_rotated_key_keeps_its_limit(client, org, key, acting, owner):
    orgs.spend_limit(org, 10, api_key_id=key.id, spent_micros=10)
    assert client.submit(f"/o/acme/keys/{key.id}/rotate", {"hours": "1"}).status_code == 200
    acting(org, owner)
    (limit,) = rows(SpendLimit)
    assert limit.api_key_id != key.id
    for spender in (key.id, limit.api_key_id):
        with pytest.raises(Refusal, match="Spend limit reached"):
            check_room(org.id, spender)


def test_racing_calls_never_exceed_the_limits(live):
    """Forty, ten at once, for limits that fit seven, on real transactions; then all are settled twice at once."""
    org = orgs.org(slug="acme")
    owner = orgs.member(org, "owner")
    key = orgs.api_key(org, owner)[0]
    orgs.spend_limit(org, 100)
    orgs.spend_limit(org, 70, api_key_id=key.id)
    payers = [Payer(org.id, tasks.task(org, status="running").id, key.id) for _ in range(RACERS)]
    app = current_app._get_current_object()
    for connection in [db.engine.connect() for _ in range(AT_ONCE)]:
        connection.close()  # they race for limits, not for connections

    def reserve(payer):
        with app.app_context():
            use_scope(Scope(org.id, owner.id, "racer"))
            with transaction():
                return SpendRepo().reserve(payer, 10)

    def settle(reservation):
        with app.app_context():
            use_scope(Scope(org.id, owner.id, "racer"))
            with transaction():
                return SpendRepo().settle(org.id, reservation, 9)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = [found for found, _ in pool.map(reserve, payers) if found]
    assert len(made) == 7
    assert len(rows(SpendReservation)) == 7
    assert [row.reserved_micros for row in rows(SpendLimit)] == [70, 70]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        settled = list(pool.map(settle, made * 2))
    assert settled.count(True) == 7
    assert [(row.spent_micros, row.reserved_micros) for row in rows(SpendLimit)] == [(63, 0), (63, 0)]

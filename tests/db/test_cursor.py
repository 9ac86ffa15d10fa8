"""Keyset pages: complete, without doubles, the same forwards and backwards, stable while rows come and go."""

import pytest
from sqlalchemy import select

from app.agents.models import Agent
from app.db.base import db
from app.db.cursor import Order, PageRequest, neighbour, paginate
from tests.conformance.inventory import UNKNOWN
from tests.factories import agents, orgs
from tests.support.queries import queries

COUNT = 23


@pytest.fixture
def org(acting):
    org = orgs.org()
    for number in range(COUNT):
        agents.agent(org, name=f"Agent {number:02}", description=None if number % 3 else f"Text {number % 5}")
    acting(org)
    return org


@pytest.fixture(params=["name", "-name", "description", "-description"])
def order(request):
    key = request.param
    column = getattr(Agent, key.removeprefix("-"))
    return Order(column, Agent.id, descending=key.startswith("-"), nullable="description" in key)


def page(order, request):
    statement = select(Agent.id, Agent.name)
    return paginate(db.session(), statement, order, request, lambda row: row.name)


def walk(order, per, *, backward=False):
    """Return all pages from one end to the other."""
    request, found = PageRequest(per, last=backward), []
    while True:
        current = page(order, request)
        found.append(current)
        following = current.previous if backward else current.next
        if following is None:
            return found
        request = PageRequest(per, following)


@pytest.mark.parametrize("per", [1, 5, 22, 23, 24])
def test_a_walk_sees_every_row_once(org, order, per):
    names = [name for current in walk(order, per) for name in current.rows]
    assert len(names) == COUNT == len(set(names))


@pytest.mark.parametrize("per", [5, 23])
def test_both_directions_agree(org, order, per):
    forwards = [name for current in walk(order, per) for name in current.rows]
    pages = walk(order, per, backward=True)[::-1]
    assert [name for current in pages for name in current.rows] == forwards


def test_ordinals_count_the_rows(org, order):
    assert [(current.first, current.total) for current in walk(order, 5)] == [
        (n, COUNT) for n in (1, 6, 11, 16, 21)
    ]
    assert [current.first for current in walk(order, 5, backward=True)] == [21, 16, 11, 6, 1]


def test_nulls_come_last(org):
    order = Order(Agent.description, Agent.id, descending=True, nullable=True)
    statement = select(Agent.id, Agent.description)
    found = paginate(db.session(), statement, order, PageRequest(100), lambda row: row.description)
    filled = [text for text in found.rows if text]
    assert found.rows == filled + [None] * (COUNT - len(filled))


def test_rows_that_come_and_go_neither_double_nor_hide_others(org):
    order = Order(Agent.name, Agent.id, descending=False)
    first = page(order, PageRequest(5))
    agents.agent(org, name="Agent 00 came later")
    db.session.execute(Agent.__table__.delete().where(Agent.name == "Agent 04"))
    assert list(page(order, PageRequest(5, first.next)).rows) == [f"Agent {n:02}" for n in range(5, 10)]


def test_a_page_costs_two_statements(org, order):
    with queries(max=2):
        page(order, PageRequest(5))


def test_an_empty_list_has_no_way_on(acting):
    acting(orgs.org())
    empty = page(Order(Agent.name, Agent.id, descending=False), PageRequest(5))
    assert (empty.rows, empty.total, empty.previous, empty.next) == ([], 0, None, None)


def test_where_all_rows_beyond_a_position_are_gone_the_nearest_end_is_shown(org):
    order = Order(Agent.name, Agent.id, descending=False)
    first = page(order, PageRequest(5))
    second = page(order, PageRequest(5, first.next))
    db.session.execute(Agent.__table__.delete().where(Agent.name > "Agent 04"))
    last = page(order, PageRequest(5, first.next))
    assert list(last.rows) == [f"Agent {n:02}" for n in range(5)]
    assert (last.first, last.previous, last.next) == (1, None, None)
    agents.agent(org, name="Agent 09")
    db.session.execute(Agent.__table__.delete().where(Agent.name < "Agent 05"))
    assert list(page(order, PageRequest(5, second.previous)).rows) == ["Agent 09"]


def beside(order, row, *, backward, where=True):
    statement = select(Agent.id).where(where)
    place = select(Agent.id, order.column).where(Agent.id == row)
    return neighbour(db.session(), statement, order, place, backward=backward)


def test_a_walk_from_row_to_row_is_the_list(org, order):
    listed = [row.id for row in db.session.execute(_ordered(order))]
    for backward in (False, True):
        rows = listed[::-1] if backward else listed
        found = [rows[0]]
        while (following := beside(order, found[-1], backward=backward)) != found[-1]:
            found.append(following)
        assert found == rows


def _ordered(order):
    column = order.column.desc() if order.descending else order.column.asc()
    return select(Agent.id).order_by(column.nulls_last(), Agent.id.desc() if order.descending else Agent.id)


def test_a_row_that_left_the_list_still_has_neighbours(org):
    order = Order(Agent.name, Agent.id, descending=False)
    listed = [row.id for row in db.session.execute(_ordered(order))]
    gone = Agent.id != listed[3]
    with queries(max=2):
        assert beside(order, listed[3], backward=False, where=gone) == listed[4]
    assert beside(order, listed[4], backward=True, where=gone) == listed[2]
    assert beside(order, UNKNOWN, backward=True) is None

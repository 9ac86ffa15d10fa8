"""One commit, and scopes that end with their transaction."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError, InternalError

from app.db.base import db
from app.db.scope import Scope, current_scope, in_org, use_scope
from app.db.session import TooSlow, analytics_session, on_commit, transaction
from app.orgs.models import Org, OrgMember
from tests.factories import orgs
from tests.factories.rows import rows
from tests.support.queries import queries


def new_org(slug):
    return Org(name="Made here", slug=slug)


def test_a_transaction_commits_what_the_block_changed(acting):
    acting()
    with transaction() as session:
        session.add(new_org("kept"))
    db.session.rollback()
    assert [org.slug for org in rows(Org)] == ["kept"]


def test_a_transaction_undoes_everything_on_an_error(acting):
    acting()
    with pytest.raises(DataError), transaction() as session:
        session.add(new_org("undone"))
        session.flush()
        session.execute(text("SELECT 1 / 0"))
    assert rows(Org) == []


def test_transactions_do_not_nest(acting):
    acting()
    with transaction(), pytest.raises(RuntimeError, match="does not nest"), transaction():
        pass


def test_notices_run_after_the_commit_and_never_after_a_rollback(acting):
    acting()
    seen = []
    with transaction() as session:
        session.add(new_org("noticed"))
        on_commit(lambda: seen.append([org.slug for org in rows(Org)]))
        assert seen == []
    assert seen == [["noticed"]]
    with pytest.raises(DataError), transaction() as session:
        on_commit(lambda: seen.append("never"))
        session.execute(text("SELECT 1 / 0"))
    assert seen == [["noticed"]]


def test_a_new_context_has_no_scope_and_sees_no_row(app, acting):
    org = orgs.org()
    orgs.member(org)
    acting(org)
    assert db.session.query(OrgMember).count() == 1
    with app.app_context():
        assert current_scope() == Scope()
        assert db.session.query(OrgMember).count() == 0


def test_a_scope_acts_in_a_begun_transaction_at_once(acting):
    first, second = orgs.org(), orgs.org()
    orgs.member(second)
    acting(first)
    assert db.session.query(OrgMember).count() == 0
    use_scope(Scope(second.id))
    assert db.session.query(OrgMember).count() == 1
    with in_org(first.id):
        assert db.session.query(OrgMember).count() == 0
    assert db.session.query(OrgMember).count() == 1


def test_a_scope_is_set_again_after_each_commit(acting):
    org = orgs.org()
    orgs.member(org)
    acting(org)
    for _ in range(2):
        with transaction() as session:
            assert session.query(OrgMember).count() == 1


def test_the_scope_costs_one_round_trip_and_no_counted_statement(acting):
    acting(orgs.org())
    with queries(max=1) as statements, transaction() as session:
        session.query(OrgMember).count()
    assert len(statements) == 1


@pytest.fixture
def engines(app):
    """The real engines, with no outer transaction around."""
    with app.app_context():
        yield db.engines


def test_a_statement_over_the_limit_of_analytics_is_too_slow(engines):
    with pytest.raises(TooSlow), analytics_session() as session:
        session.execute(text("SET LOCAL statement_timeout = 10"))
        session.execute(text("SELECT pg_sleep(1)"))


def test_analytics_reads_only_and_has_its_own_limit(engines):
    with analytics_session() as session:
        assert session.execute(text("SHOW statement_timeout")).scalar() == "30s"
        with pytest.raises(InternalError, match="read-only"):
            session.execute(text("INSERT INTO orgs (id, name, slug) VALUES (gen_random_uuid(), 'x', 'x')"))


def test_the_main_engine_has_limits(engines):
    with engines[None].connect() as connection:
        shown = [
            connection.execute(text(f"SHOW {name}")).scalar()
            for name in ("statement_timeout", "lock_timeout")
        ]
    assert shown == ["15s", "4s"]

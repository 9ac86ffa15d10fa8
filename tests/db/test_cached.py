"""Read models in a real Redis: a hit, every kind of miss, and an outage."""

import pickle
from uuid import UUID

import pytest

from app.db import cached
from app.db.cached import read_through
from tests.support import programs

ORG, OTHER = UUID(int=1), UUID(int=2)


class Boom:
    def __reduce__(self):
        return (print, ("a planted value ran",))


@pytest.fixture
def built(app, redis, connection):
    """A function that reads through the cache and counts how often the value had to be built."""
    programs.need("redis-server")
    builds = []

    def ask(org=ORG, version=1, value="value"):
        def build():
            builds.append(value)
            return {"text": value}

        return read_through(org, "things:v1:all", version, build)["text"], len(builds)

    with app.app_context():
        app.extensions["cache_pause"].until = 0.0
        yield ask
        app.extensions["cache_pause"].until = 0.0


def test_a_version_is_built_once(built):
    assert built() == ("value", 1)
    assert built(value="never seen") == ("value", 1)
    assert built(version=2, value="newer") == ("newer", 2)


def test_organisations_share_nothing(built):
    built()
    assert built(org=OTHER, value="theirs") == ("theirs", 2)


def test_values_end_and_say_whose_they_are(built, redis):
    built()
    ((key, value),) = redis.values().items()
    assert str(ORG) in key
    assert str(ORG).encode() in value
    with redis.client() as client:
        assert 0 < client.ttl(key) <= cached.SECONDS


@pytest.mark.parametrize(
    "planted",
    [
        b"!" + pickle.dumps(Boom()),
        pickle.dumps({"org": str(ORG), "value": {"text": "planted"}}),
        b"7",
        b"j{",
        b"j[1]",
        b'j{"org":"00000000-0000-0000-0000-000000000002","value":{"text":"theirs"}}',
        b'j{"org":"00000000-0000-0000-0000-000000000001"}',
        b"",
    ],
)
def test_what_is_not_ours_is_a_miss_and_never_runs(built, redis, planted, capsys):
    built()
    (key,) = redis.values()
    with redis.client() as client:
        client.set(key, planted, ex=60)
    assert built(value="from the database") == ("from the database", 2)
    assert "ran" not in capsys.readouterr().out


def test_a_silent_redis_costs_one_timeout_and_one_line(built, redis, caplog):
    redis.pause()
    try:
        for number in range(1, 6):
            assert built(value=f"built {number}") == (f"built {number}", number)
    finally:
        redis.resume()
    assert [record.getMessage() for record in caplog.records].count(
        "redis does not answer; PostgreSQL does"
    ) == 1

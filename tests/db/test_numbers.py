"""Numbers in JSON that is read back from the database."""

import orjson
import pytest
from sqlalchemy import text

from app.db.base import db
from app.db.numbers import read_json


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("7", 7),
        (str(2**64 - 1), 2**64 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**64), 2.0**64),
        (str(-(2**63) - 1), -(2.0**63)),
        ("1" + "0" * 30, 1e30),
        ("1e30", 1e30),
        ("0.1", 0.1),
        ("9" * 400, "9" * 400),
        ('[1e20, {"a": 1.50}]', [1e20, {"a": 1.5}]),
    ],
)
def test_what_is_read_can_be_written_again(acting, written, read):
    acting()
    for kind in ("json", "jsonb"):
        found = db.session.scalar(text(f"SELECT CAST(:value AS {kind})"), {"value": written})
        assert (found, type(found)) == (read, type(read))
        assert orjson.loads(orjson.dumps(found)) == read
    assert read_json(written) == read

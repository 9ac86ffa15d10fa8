"""DD-6: a database that takes no changes for a while, such as a stand-by, is read all the same."""

import pytest

from tests.factories import orgs, world
from tests.support.processes import wait_until

pytestmark = pytest.mark.conformance

RETURN_SECONDS = 5
LONG_AGO = "UPDATE sessions SET last_seen_at = now() - interval '1 hour'"
OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def home(live):
    return world.tenant("Homecanary")


@pytest.fixture
def change(live):
    """A function that says whether the database takes changes."""
    with live.connect() as connection:

        def act(*, refused):
            connection.execute(f"ALTER DATABASE {live.name} SET default_transaction_read_only = {refused}")
            connection.execute(OTHERS)

        yield act
        act(refused=False)


def test_dd_6_pages_are_read_and_changes_are_put_off(live, home, change):
    path = f"/o/{home.org.slug}/agents"
    key = {"Authorization": f"Bearer {orgs.api_key(home.org, home.owner)[1]}"}
    headers = {"Sec-Fetch-Site": "same-origin"}
    with live.client(home.owner) as client, live.client() as program:
        form = {"name": "Later", "csrf_token": client.token("/me")}
        with live.connect() as connection:
            connection.execute(LONG_AGO)
        change(refused=True)
        assert client.get(path).status_code == 200
        assert program.get("/api/v1/agents", headers=key).status_code == 200
        answer = client.post(f"{path}/new", data=form, headers=headers)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert program.post("/api/v1/agents", json={"name": "Later"}, headers=key).status_code == 503
        assert client.get("/readyz").status_code == 200
        change(refused=False)
        wait_until(
            lambda: client.post(f"{path}/new", data=form, headers=headers).status_code == 303,
            RETURN_SECONDS,
            "a change once it is taken again",
        )
    assert "Traceback" not in live.web.output()

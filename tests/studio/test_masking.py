"""No secret of the schema is shown by the data browser, nor one that nobody has thought of yet."""

import pytest
from sqlalchemy import text

from app.db.base import Base
from app.db.sealed import Sealed
from app.studio.repo.catalogue import CatalogueRepo
from app.studio.repo.masking import may_show
from tests.factories import auth, orgs, world
from tests.support.database import as_owner

SENSITIVE = {
    "users.password",
    "users.preferences",
    "users.github_id",
    "sessions.token_hash",
    "password_resets.token_hash",
    "email_changes.token_hash",
    "email_changes.undo_hash",
    "oauth_flows.state_hash",
    "oauth_flows.browser_hash",
    "oauth_flows.nonce",
    "oauth_flows.verifier",
    "oauth_flows.profile",
    "totp_devices.secret",
    "recovery_codes.code_hash",
    "login_attempts.key_hash",
    "invitations.token_hash",
    "api_keys.key_hash",
    "email_outbox.context",
    "platform_settings.setup_token_hash",
    "idempotency_keys.key",
    "idempotency_keys.fingerprint",
    "idempotency_keys.location",
    "blob_parts.content",
    "credentials.secret",
    "credentials.hint",
    "mcp_servers.command",
}
HIDDEN = {"github_id", "google_id"}  # an id elsewhere, in a text column


@pytest.fixture
def columns(acting):
    """Every column of the product as `table.column`, and whether its values are shown."""
    acting()
    repo = CatalogueRepo()
    tables = [repo.table(facts.name) for facts in repo.tables()]
    return {f"{table.name}.{column.name}": column for table in tables for column in table.columns}


def test_what_is_sensitive_is_hidden(columns):
    assert {name for name in SENSITIVE if columns[name].shown} == set()


def test_what_is_sealed_or_a_hash_or_bytes_is_hidden(columns):
    sealed = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Sealed) or column.name.endswith("_hash")
    }
    bare = {name for name, column in columns.items() if column.type in {"bytea", "tsvector"}}
    assert {name for name in sealed | bare if columns[name].shown} == set()
    assert "totp_devices.secret" in sealed & bare


def test_what_people_look_for_is_shown(columns):
    for name in (
        "users.email",
        "agents.prompt",
        "sessions.expires_at",
        "orgs.slug",
        "api_keys.prefix",
        "messages.id",
    ):
        assert columns[name].shown, name


@pytest.mark.parametrize(
    ("name", "base", "shown"),
    [
        ("credential_id", "uuid", True),
        ("token_used_at", "timestamptz", True),
        ("token", "uuid", False),
        ("api_token", "text", False),
        ("otp", "int4", False),
        ("input_tokens", "int4", True),
        ("name", "text", True),
        ("name", "bytea", False),
        ("something_new", "text", False),
        ("something_new", "jsonb", False),
        ("something_new", "int4", True),
        ("embedding", "halfvec", False),
        ("password", "varchar", False),
    ],
)
def test_name_and_type_decide(name, base, shown):
    assert may_show("anything", name, base) is shown


def test_planted_secrets_come_out_nowhere(new_client, connection):
    home = world.tenant("Homecanary")
    admin = orgs.member(home.org, "owner", auth.platform_admin())
    client = new_client(admin)
    with as_owner() as session:
        session.execute(text("CREATE TABLE later (id int PRIMARY KEY, name text, wish text)"))
        session.execute(text("INSERT INTO later VALUES (1, 'shown', 'planted-secret')"))
        session.execute(text("GRANT SELECT ON later TO agentpress_app"))
        session.execute(text("UPDATE users SET password = 'planted-secret'"))
        tables = list(
            session.scalars(
                text(
                    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
                )
            )
        )
    for table in tables:
        for path in ("rows", "rows.csv"):
            every = ",".join(f"{column}" for column in ("id", "name", "wish", "password"))
            answer = client.get(f"/platform/data/{table}/{path}?cols={every}")
            assert answer.status_code == (
                404 if table.startswith("procrastinate_") and "csv" in path else 200
            ), table
            assert "planted-secret" not in answer.text, table
    assert "planted-secret" not in client.get("/platform/data/later/rows/1").text
    assert "planted-secret" not in client.get(f"/platform/data/users/rows/{admin.id}").text
    assert client.page("/platform/data/users/rows?q=planted-secret").find("table") is None

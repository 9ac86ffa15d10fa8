"""The command line, run as a person runs it."""

import json

import pytest
from click.testing import Result

from app import create_app
from app.agents.models import Agent, AgentVersion
from app.audit.models import AuditEvent
from app.auth.models import SignInSession, TotpDevice, User
from app.commands import registry
from app.db.tables import WorkerProcess
from app.orgs.models import ApiKey, Org, OrgMember
from app.threads.models import Message, Thread
from app.threads.parts import KINDS
from app.web.security import hash_token
from tests.factories import agents, auth, orgs
from tests.factories.rows import rows
from tests.support import database

PASSWORD = "four unlikely words here"


@pytest.fixture
def run(app, connection):
    """A function that runs `flask <words>` and returns how it ended."""
    runner = app.test_cli_runner()

    def command(*words: str, status: int = 0) -> Result:
        result = runner.invoke(args=words)
        assert result.exit_code == status, result.output
        return result

    return command


def test_users_create_stores_an_account_that_can_sign_in(run):
    run("users", "create", " Ana@Example.org ", "--first-name", "Ana", "--admin", "--password", PASSWORD)
    (user,) = rows(User, email="ana@example.org")
    assert (user.first_name, user.role) == ("Ana", "ADMIN")
    assert user.password.startswith("$argon2id$")


def test_users_create_can_add_a_membership(run):
    org = orgs.org(slug="acme")
    run("users", "create", "ben@example.org", "--org", "acme", "--role", "admin", "--password", PASSWORD)
    (member,) = rows(OrgMember, org_id=org.id)
    assert member.role == "admin"
    (event,) = rows(AuditEvent, action="member.add")
    assert event.actor_label == "command line"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("users", "create", "nobody", "--password", PASSWORD), "is not one e-mail address"),
        (("users", "create", "--password", "ann@x.example", "ann@x.example"), "the e-mail address itself"),
        (("users", "create", "a@example.org", "--password", "short"), "at least 8 characters"),
        (
            ("users", "create", "a@example.org", "--password", PASSWORD, "--org", "no"),
            "There is no organisation",
        ),
        (("users", "create", "taken@example.org", "--password", PASSWORD), "exists"),
        (("users", "create"), "Missing argument"),
        (("orgs", "create", "Acme", "--owner", "nobody@example.org"), "There is no account"),
        (("orgs", "create", "   ", "--owner", "taken@example.org"), "printable characters"),
        (("api-keys", "create", "k", "--org", "acme", "--user", "taken@example.org"), "is not a member"),
        (("api-keys", "create", "k", "--org", "acme", "--user", "taken@example.org", "--days", "0"), "range"),
        (("db", "push"), "for development"),
        (("worker", "--queues", "answers,slow"), "no queue 'slow'"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(run, words, said):
    auth.user(email="taken@example.org")
    orgs.org(slug="acme")
    assert said in run(*words, status=2).output
    assert rows(AuditEvent) == []


@pytest.mark.parametrize(
    "words", ["setup-link", "credentials reseal", "tasks list", "db upgrade", "db current"]
)
def test_a_database_that_is_away_is_said_without_a_stack(words, caplog):
    lost = create_app(database.settings("postgresql+psycopg://nobody@127.0.0.1:1/nothing"))
    registry.register(lost)
    result = lost.test_cli_runner().invoke(args=words.split())
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    said = result.output + caplog.text
    assert "database" in said
    assert "Traceback" not in said


def test_users_reset_password_prints_a_link_that_works(run, client):
    auth.user(email="ana@example.org")
    link = run("users", "reset-password", "ana@example.org").output.strip()
    assert client.get(link.partition("8000")[2], follow_redirects=True).status_code == 200
    assert "no account" in run("users", "reset-password", "eve@example.org", status=2).output


def test_users_remove_second_factor_lets_who_lost_it_in(app, run, client):
    user = auth.user(email="ana@example.org")
    auth.second_factor(app, user)
    auth.sign_in_token(user)
    assert "Removed" in run("users", "remove-second-factor", " Ana@example.org").output
    assert (rows(TotpDevice), rows(SignInSession)) == ([], [])
    (event,) = rows(AuditEvent, action="second_factor.remove")
    assert (event.target_id, event.actor_label) == (user.id, "command line")
    entry = {"email": user.email, "password": auth.PASSWORD, "next": "/me"}
    assert client.submit("/sign-in", entry).location == "/me"
    again = run("users", "remove-second-factor", "ana@example.org", status=2)
    assert "has no second factor" in again.output


def test_orgs_create(run):
    owner = auth.user(email="ana@example.org")
    assert "/o/acme-gmbh" in run("orgs", "create", "Acme GmbH", "--owner", "ana@example.org").output
    (org,) = rows(Org, slug="acme-gmbh")
    (member,) = rows(OrgMember, org_id=org.id)
    assert (member.user_id, member.role) == (owner.id, "owner")


def test_api_keys_create_prints_the_key_once_and_keeps_a_hash(run):
    org = orgs.org(slug="acme")
    orgs.member(org, user=auth.user(email="ana@example.org"))
    result = run(
        "api-keys", "create", "Nightly", "--org", "acme", "--user", "ana@example.org", "--days", "30"
    )
    secret = result.output.strip()
    (key,) = rows(ApiKey, org_id=org.id)
    assert key.key_hash == hash_token(secret)
    assert secret.startswith(key.prefix)
    assert len(secret) > len(key.prefix) + 32
    assert (key.expires_at - key.created_at).days == 30
    (event,) = rows(AuditEvent, action="api_key.create")
    assert secret not in str(event.after)


def test_routes_as_json_name_methods_endpoint_and_rule(run):
    found = {route["path"]: route for route in json.loads(run("routes", "--json").output)}
    assert found["/healthz"] == {
        "path": "/healthz",
        "methods": ["GET"],
        "endpoint": "health.live",
        "access": "always",
    }
    assert all(route["access"] for route in found.values())


def test_setup_link_prints_a_link_until_the_instance_is_claimed(run):
    assert "/setup?token=" in run("setup-link").output
    auth.platform_admin()
    assert run("setup-link").output == ""
    assert rows(WorkerProcess) == []


def test_seed_demo_adds_labelled_agents_once_and_removes_them(run):
    org = orgs.org()
    agents.agent(org, name="My own")
    assert "Added 5 sample agents and 13 sample threads" in run("seed", "demo").output
    assert "Added 0 sample agents and 0 sample threads" in run("seed", "demo").output
    names = [agent.name for agent in rows(Agent, org_id=org.id)]
    assert sum(name.endswith("(sample)") for name in names) == 5
    assert sorted(version.number for version in rows(AgentVersion)) == [1] * 5 + [2] * 5
    kinds = {part["kind"] for message in rows(Message, org_id=org.id) for part in message.parts}
    assert kinds == set(KINDS) - {"image"}
    assert "Deleted 5 sample agents and 13 sample threads" in run("seed", "demo", "--remove").output
    assert rows(Thread, org_id=org.id, deleted_at=None) == []
    assert "and 13 sample threads" in run("seed", "demo").output
    assert len(rows(Thread, org_id=org.id, deleted_at=None)) == 13
    run("seed", "demo", "--remove")
    assert [agent.name for agent in rows(Agent, org_id=org.id, deleted_at=None)] == ["My own"]


def test_seed_demo_asks_for_the_organisation_when_there_are_several(run):
    orgs.org()
    orgs.org(slug="second")
    assert "--org" in run("seed", "demo", status=2).output
    run("seed", "demo", "--org", "second")


def test_db_studio_says_where_the_data_browser_is(app, run, client):
    address = run("db", "studio").output.strip()
    assert address == f"{app.extensions['settings'].base_url}/platform/data"
    assert (
        client.get(address.partition("8000")[2]).status_code == 303
    )  # an instance without accounts leads to its setup

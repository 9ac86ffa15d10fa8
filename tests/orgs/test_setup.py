"""The first run."""

import pytest
from bs4 import BeautifulSoup

from app.audit.models import AuditEvent
from app.auth.models import User
from app.orgs.models import Org, OrgMember
from app.orgs.services.setup import setup_link
from tests.factories import auth
from tests.factories.rows import rows

ANSWERS = {
    "email": "Ana@Example.org",
    "password": "a long enough passphrase",
    "first_name": "Ana",
    "last_name": "Lima",
    "org_name": "Äcme & Söhne",
}


@pytest.fixture
def token(acting):
    acting()
    return setup_link().partition("token=")[2]


def claim(client, **values):
    page = BeautifulSoup(client.get("/setup").text, "html.parser")
    csrf = page.find("input", attrs={"name": "csrf_token"})["value"]
    return client.post("/setup", data={"csrf_token": csrf, **ANSWERS, **values})


def test_every_page_leads_to_the_first_run_while_there_is_no_account(client):
    for path in ("/", "/orgs/new", "/o/acme"):
        assert client.get(path).location == "/setup"


def test_the_link_moves_its_token_out_of_the_address(client, token):
    response = client.get(f"/setup?token={token}")
    assert (response.status_code, response.location) == (302, "/setup")
    assert response.headers["Referrer-Policy"] == "no-referrer"
    page = client.page("/setup")
    assert page.find("input", attrs={"name": "token"}) is None
    assert token not in page.text


def test_the_page_asks_for_the_token_if_the_link_was_not_used(client, token):
    assert client.page("/setup").find("input", attrs={"name": "token"})


def test_the_first_person_owns_the_organisation_and_runs_the_platform(client, token):
    response = claim(client, token=token)
    assert (response.status_code, response.location) == (303, "/o/acme-sohne")
    (user,) = rows(User)
    (org,) = rows(Org)
    (member,) = rows(OrgMember)
    assert (user.email, user.role, user.password[:10]) == ("ana@example.org", "ADMIN", "$argon2id$")
    assert (org.name, member.user_id, member.role) == ("Äcme & Söhne", user.id, "owner")
    assert [event.action for event in rows(AuditEvent)] == ["instance.claim", "org.create", "session.start"]
    client.page("/o/acme-sohne")
    assert client.get("/setup").status_code == 404


def test_the_kept_token_serves_as_well(client, token):
    client.get(f"/setup?token={token}")
    assert claim(client).status_code == 303


@pytest.mark.parametrize("given", ["", "wrong", "x" * 300, "\x00"])
def test_nothing_but_the_token_claims(client, token, given):
    assert claim(client, token=given).status_code == 422
    assert not rows(User)


def test_a_newer_link_ends_the_former(client, token):
    newer = setup_link().partition("token=")[2]
    assert claim(client, token=token).status_code == 422
    assert claim(client, token=newer).status_code == 303


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", "a@x.org,b@y.org"),
        ("password", "seven77"),
        ("password", "x" * 201),
        ("password", "ana@example.org"),
        ("org_name", "  "),
        ("org_name", "two\nlines"),
        ("org_name", "x" * 121),
        ("first_name", ""),
        ("first_name", "\x00"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_word(client, token, field, value):
    response = claim(client, token=token, **{field: value})
    assert response.status_code == 422
    page = BeautifulSoup(response.text, "html.parser")
    assert page.title.text.startswith("Error: ")
    assert page.find(id="error-summary").find("a", href=f"#{field}")
    assert not rows(User)


def test_a_claimed_instance_gives_no_link(acting):
    auth.user()
    acting()
    assert setup_link() is None

"""The credential vault: secrets go in, and only their last four characters come out."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from app.audit.models import AuditEvent
from app.connections.models import Credential
from app.connections.services.vault import SecretLost, secret_of
from app.db.keyring import Keyring
from tests.factories import connections, orgs
from tests.factories.rows import rows
from tests.support.client import HTMX
from tests.support.queries import queries

HOME = "/o/acme/connections/credentials"
SECRET = "sk-live-8f2a91c7d3e4-WXYZ"
FORM = {"name": "Production", "kind": "model", "secret": SECRET}


def names(page):
    return [link.text.strip() for link in page.select("#results tbody th a")]


def path(credential, act=""):
    return f"{HOME}/{credential.id}{act}"


def everything(connection) -> str:
    """Every row of every table as text."""
    connection.execute(text("SELECT set_config('role', 'none', true)"))
    tables = connection.execute(
        text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    ).scalars()
    return "\n".join(
        str(row)
        for table in tables.all()
        for row in connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
    )


def test_an_empty_vault_offers_the_first_credential(person, org):
    page = person.both(HOME)
    assert "No credentials yet" in page.find(id="results").text
    assert page.find(id="results").find("a", href=f"{HOME}/new")


def test_credentials_are_searched_filtered_sorted_and_counted(person, org):
    for name, kind in (("OpenAI", "model"), ("Anthropic", "model"), ("Wiki", "mcp")):
        connections.credential(org, name=name, kind=kind)
    with queries(max=4):
        person.page(HOME)
    assert names(person.both(HOME)) == ["Anthropic", "OpenAI", "Wiki"]
    assert names(person.both(f"{HOME}?q=open")) == ["OpenAI"]
    assert names(person.both(f"{HOME}?kind=mcp")) == ["Wiki"]
    assert names(person.both(f"{HOME}?sort=-name")) == ["Wiki", "OpenAI", "Anthropic"]
    assert "No credentials match" in person.both(f"{HOME}?q=nothing").text


def test_a_secret_is_stored_once_and_never_shown(person, org, admin, connection, app, caplog):
    once = person.page(f"{HOME}/new").find(attrs={"name": "once"})["value"]
    answers = [person.submit(f"{HOME}/new", {**FORM, "once": once}) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    (made,) = rows(Credential)
    assert (made.name, made.kind, made.hint, made.set_by) == ("Production", "model", "WXYZ", admin.id)
    shown = person.page(path(made))
    assert "…WXYZ" in shown.text
    bodies = [person.get(url).text for url in (HOME, path(made), path(made, "/edit"), "/o/acme/audit")]
    event = rows(AuditEvent, action="credential.create")[0]
    bodies += [person.get(f"/o/acme/audit/{event.id}").text, str(event.after), caplog.text]
    bodies += [
        person.get("/o/acme/audit.csv").text,
        person.get("/o/acme/audit.json").text,
        everything(connection),
    ]
    assert [body for body in bodies if SECRET in body or SECRET[:-4] in body] == []
    assert event.after == {"name": "Production", "kind": "model", "ends_in": "WXYZ"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "Enter a name for the credential."),
        ({"name": "x" * 121}, "Use at most 120 characters."),
        ({"kind": "everything"}, "Choose what it opens."),
        ({"secret": ""}, "Enter the secret."),
        ({"secret": "sk-7x"}, "A secret has 8 to 4,096 characters."),
        ({"secret": "x" * 4097}, "A secret has 8 to 4,096 characters."),
        ({"secret": "first line\nsecond line"}, "on one line only"),
        ({"secret": "schlüssel-schlüssel"}, "on one line only"),
        ({"secret": "null\0null-null"}, "on one line only"),
    ],
)
def test_wrong_values_are_named_and_nothing_is_stored(person, org, wrong, words):
    answer = person.submit(f"{HOME}/new", {**FORM, **wrong})
    assert (answer.status_code, rows(Credential)) == (422, [])
    assert words in answer.text
    assert not wrong.get("secret") or wrong["secret"] not in answer.text
    assert SECRET not in answer.text


def test_a_name_is_used_once(person, org):
    connections.credential(org, name="production")
    answer = person.submit(f"{HOME}/new", FORM)
    assert (answer.status_code, "Another credential has this name" in answer.text) == (422, True)
    assert SECRET not in answer.text


def test_a_credential_is_renamed_and_its_secret_replaced(person, org, acting):
    made = connections.credential(org, name="Old")
    form = {"name": "New", "secret": "", "lock_version": "1"}
    assert person.submit(path(made, "/edit"), form).status_code == 303
    acting(org)
    assert secret_of(org.id, made.id) == connections.SECRET
    form = {"name": "New", "secret": f" {SECRET}\n", "lock_version": "2"}
    assert person.submit(path(made, "/edit"), form, htmx=True).status_code == 204
    (now,) = rows(Credential)
    assert (now.name, now.hint, now.lock_version) == ("New", "WXYZ", 3)
    assert secret_of(org.id, made.id) == SECRET
    events = [(event.action, event.before, event.after) for event in rows(AuditEvent)]
    assert events == [
        ("credential.change", {"name": "Old"}, {"name": "New"}),
        ("credential.replace", {"ends_in": "abcd"}, {"ends_in": "WXYZ"}),
    ]


def test_saving_nothing_new_changes_nothing(person, org, state):
    made = connections.credential(org, name="Same")
    person.page(HOME)
    before = state()
    form = {"name": "Same", "secret": "", "lock_version": "1"}
    assert person.submit(path(made, "/edit"), form).status_code == 303
    assert state() == before


def test_who_saves_over_anothers_change_is_told(person, org):
    made = connections.credential(org, name="First", lock_version=2)
    form = {"name": "Second", "secret": SECRET, "lock_version": "1"}
    for version in ("1", "", "x"):
        answer = person.submit(path(made, "/edit"), {**form, "lock_version": version})
        assert answer.status_code == 409
        assert "Somebody else changed this credential" in answer.text
        assert ('value="Second"' in answer.text, SECRET in answer.text) == (True, False)
    assert rows(Credential)[0].name == "First"


def test_a_credential_in_use_stays_and_says_where(person, org):
    made = connections.credential(org, name="Key")
    connections.connection(org, name="OpenAI", credential_id=made.id)
    connections.mcp_server(org, name="Wiki", credential_id=made.id)
    shown = person.get(path(made, "/delete"))
    answer = person.submit(path(made, "/delete"), {"name": "Key"})
    assert (shown.status_code, answer.status_code) == (200, 409)
    for words in (shown.text, answer.text):
        assert "“Key” is used by " in words
        assert "the MCP server “Wiki”" in words
        assert "the model connection “OpenAI”" in words
    assert len(rows(Credential)) == 1
    shown = person.page(path(made))
    assert {"OpenAI", "Wiki"} <= {word.text for word in shown.find_all("bdi")}
    assert not shown.find("a", href=path(made, "/delete"))


def test_a_credential_is_deleted_once_its_name_is_typed(person, org):
    made = connections.credential(org, name="Key")
    assert person.submit(path(made, "/delete"), {"name": "key"}).status_code == 422
    person.page(path(made, "/delete"))
    assert person.submit(path(made, "/delete"), {"name": "Key"}).location == HOME
    assert rows(Credential) == []
    assert rows(AuditEvent, action="credential.delete")[0].before["ends_in"] == "abcd"


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_members_and_viewers_find_no_vault(new_client, org, role, state):
    made, client = connections.credential(org), new_client(orgs.member(org, role))
    assert not client.page("/o/acme").find("a", href=HOME)
    before = state()
    for url in (HOME, f"{HOME}/new", path(made), path(made, "/edit"), path(made, "/delete")):
        assert client.get(url).status_code == 403
    assert client.submit(f"{HOME}/new", FORM).status_code == 403
    assert client.submit(path(made, "/delete"), {"name": made.name}).status_code == 403
    assert state() == before


def test_another_organisations_credential_does_not_exist(new_client, org, person, acting):
    theirs = connections.credential(orgs.org(slug="other"))
    unknown = type("Row", (), {"id": uuid4()})
    for act in ("", "/edit", "/delete"):
        assert person.get(path(theirs, act)).status_code == person.get(path(unknown, act)).status_code == 404
    form = {"name": theirs.name, "secret": SECRET, "lock_version": "1"}
    assert person.submit(path(theirs, "/edit"), form).status_code == 404
    assert person.submit(path(theirs, "/delete"), form).status_code == 404
    acting(org)
    assert secret_of(org.id, theirs.id) is None
    assert secret_of(theirs.org_id, theirs.id) is None
    assert rows(Credential)[0].lock_version == 1


def test_a_pasted_id_leads_to_its_credential(person, org):
    made = connections.credential(org)
    assert person.get(f"{HOME}?q=cred_{made.id}").location == path(made)


def test_a_page_of_a_credential_takes_few_statements(person, org):
    made = connections.credential(org)
    connections.connection(org, credential_id=made.id)
    with queries(max=4):
        person.page(path(made))
    with queries(max=4):
        person.page(path(made, "/edit"))
    assert SECRET not in person.get(path(made), headers=HTMX).text


def test_a_secret_of_another_key_is_lost_not_shown(person, org, acting, app):
    made = connections.credential(org)
    before = app.extensions["keyring"]
    app.extensions["keyring"] = Keyring(["another secret key than the one it was sealed with"])
    try:
        person.page(HOME)
        person.page(path(made))
        acting(org)
        with pytest.raises(SecretLost, match="SECRET_KEY has changed"):
            secret_of(org.id, made.id)
        form = {"name": made.name, "secret": SECRET, "lock_version": "1"}
        assert person.submit(path(made, "/edit"), form).status_code == 303
        assert secret_of(org.id, made.id) == SECRET
    finally:
        app.extensions["keyring"] = before

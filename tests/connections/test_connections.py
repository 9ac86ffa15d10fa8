"""Model connections in the browser, without scripts: lists, forms, models, and the test against real servers."""

from uuid import uuid4

import pytest

from app.audit.models import AuditEvent
from app.connections import providers
from app.connections.models import ConnectionModel, Credential, ModelConnection
from app.connections.services.targets import model_target
from tests.connections.given import HOME, INTERNAL, PUBLIC, SECRET, path
from tests.factories import connections, orgs
from tests.factories.rows import rows
from tests.support.queries import queries

FORM = {"name": "Main", "slug": "", "kind": "openai", "base_url": PUBLIC, "credential": "", "enabled": "y"}


def names(page):
    return [link.text.strip() for link in page.select("#results tbody th a")]


def form_of(connection, **values):
    kept = {name: getattr(connection, name) for name in ("name", "slug", "kind", "base_url", "lock_version")}
    return {**kept, "enabled": "y", "credential": "keep", "secret": "", **values}


def test_an_empty_organisation_offers_the_first_connection(person, org):
    page = person.both(HOME)
    assert "No model connections yet" in page.find(id="results").text
    assert page.find(id="results").find("a", href=f"{HOME}/new")
    assert person.page("/o/acme").find("a", href=HOME)


def test_connections_are_searched_filtered_sorted_and_counted(person, org, opened):
    connections.connection(org, name="Claude", kind="anthropic", enabled=False)
    with queries(max=4):
        person.page(HOME)
    assert names(person.both(HOME)) == ["Claude", "Main"]
    assert names(person.both(f"{HOME}?q=1.1.1.1")) == ["Main"]
    assert names(person.both(f"{HOME}?kind=anthropic")) == ["Claude"]
    assert names(person.both(f"{HOME}?status=enabled&sort=-name")) == ["Main"]
    assert person.get(f"{HOME}?q=conn_{opened.id}").location == path(opened)


def test_a_connection_is_created_once_with_the_secret_that_was_typed(person, org, acting):
    once = person.page(f"{HOME}/new").find(attrs={"name": "once"})["value"]
    given = {**FORM, "name": "Öur Gateway!", "base_url": f" {PUBLIC}/ ", "secret": SECRET, "once": once}
    answers = [person.submit(f"{HOME}/new", given) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {303}
    (made,) = rows(ModelConnection)
    (key,) = rows(Credential)
    assert (made.slug, made.base_url, made.credential_id) == ("our-gateway", PUBLIC, key.id)
    assert (key.name, key.kind, key.hint) == ("Öur Gateway! key", "model", "WXYZ")
    assert SECRET not in person.get(path(made)).text
    assert SECRET not in str([(event.before, event.after) for event in rows(AuditEvent)])
    acting(org)
    assert model_target(org.id, "our-gateway", "m").secret == SECRET


def test_two_of_a_name_get_slugs_and_secrets_of_their_own(person, org):
    for _ in range(2):
        assert person.submit(f"{HOME}/new", {**FORM, "secret": SECRET}).status_code == 303
    assert sorted(made.slug for made in rows(ModelConnection)) == ["main", "main-2"]
    assert sorted(key.name for key in rows(Credential)) == ["Main key", "Main key 2"]
    answer = person.submit(f"{HOME}/new", {**FORM, "slug": "MAIN"})
    assert (answer.status_code, "Another connection has this provider name" in answer.text) == (422, True)


def test_a_stored_credential_is_chosen(person, org):
    key = connections.credential(org)
    assert person.submit(f"{HOME}/new", {**FORM, "credential": str(key.id)}).status_code == 303
    assert rows(ModelConnection)[0].credential_id == key.id


@pytest.mark.parametrize("kind", ["mcp", "tool", "theirs", "unknown", "nonsense"])
def test_only_credentials_for_models_of_this_organisation_can_be_chosen(person, org, kind):
    chosen = {"unknown": uuid4(), "nonsense": "x", "theirs": connections.credential(orgs.org()).id}
    wanted = chosen.get(kind) or connections.credential(org, kind=kind).id
    answer = person.submit(f"{HOME}/new", {**FORM, "credential": str(wanted)})
    assert (answer.status_code, rows(ModelConnection)) == (422, [])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "Enter a name for the connection."),
        ({"slug": "with space"}, "Use letters, digits and single hyphens"),
        ({"slug": "-a"}, "Use letters, digits and single hyphens"),
        ({"slug": "x" * 61}, "Use at most 60 characters."),
        ({"kind": "other"}, "Choose a protocol."),
        ({"secret": "short"}, "A secret has 8 to 4,096 characters."),
        ({"base_url": "https://1.1.1.1/" + "x" * 500}, "Use at most 500 characters."),
    ],
)
def test_wrong_values_are_named_and_nothing_is_stored(person, org, wrong, words):
    answer = person.submit(f"{HOME}/new", {**FORM, **wrong})
    assert (answer.status_code, rows(ModelConnection), rows(Credential)) == (422, [], [])
    assert words in answer.text


@pytest.mark.parametrize("url", INTERNAL)
def test_ss_addresses_that_may_not_be_called_are_not_saved(person, org, opened, url):
    given = {**FORM, "base_url": url, "secret": SECRET}
    for address, form in ((f"{HOME}/new", given), (path(opened, "/edit"), form_of(opened, base_url=url))):
        answer = person.submit(address, form)
        assert answer.status_code == 422
        assert "base_url-error" in answer.text
        assert SECRET not in answer.text
    assert [made.base_url for made in rows(ModelConnection)] == [PUBLIC]
    assert len(rows(Credential)) == 1


def test_without_an_address_it_is_the_providers_own(person, org, monkeypatch):
    monkeypatch.setitem(providers.DEFAULT_URLS, "openai", "https://1.1.1.1/default")
    assert person.submit(f"{HOME}/new", {**FORM, "base_url": ""}).status_code == 303
    assert rows(ModelConnection)[0].base_url == "https://1.1.1.1/default"


def test_anthropics_address_is_kept_without_its_version(person, org):
    assert person.submit(f"{HOME}/new", {**FORM, "kind": "anthropic"}).status_code == 303
    assert rows(ModelConnection)[0].base_url == "https://1.1.1.1"


def test_another_origin_takes_the_secret_off(person, org, opened):
    answer = person.submit(path(opened, "/edit"), form_of(opened, base_url="https://8.8.8.8/v1"))
    assert answer.status_code == 303
    (now,) = rows(ModelConnection)
    assert (now.base_url, now.credential_id) == ("https://8.8.8.8/v1", None)
    assert "the stored secret was taken off" in person.get(path(opened)).text
    (event,) = rows(AuditEvent, action="model_connection.change")
    assert (event.before["credential_id"], event.after["credential_id"]) == (str(opened.credential_id), None)


@pytest.mark.parametrize("url", ["http://1.1.1.1/v1", "https://1.0.0.1/v1"])
def test_scheme_and_host_are_parts_of_the_origin(person, org, opened, url):
    assert person.submit(path(opened, "/edit"), form_of(opened, base_url=url)).status_code == 303
    assert rows(ModelConnection)[0].credential_id is None


def test_another_path_keeps_the_secret(person, org, opened):
    given = form_of(opened, base_url="https://1.1.1.1:443/v2")
    assert person.submit(path(opened, "/edit"), given).status_code == 303
    assert rows(ModelConnection)[0].credential_id == opened.credential_id


def test_a_secret_that_is_chosen_or_typed_again_goes_along(person, org, opened):
    given = form_of(opened, base_url="https://8.8.8.8/v1", credential=str(opened.credential_id))
    assert person.submit(path(opened, "/edit"), given).status_code == 303
    assert rows(ModelConnection)[0].credential_id == opened.credential_id
    given = form_of(opened, base_url=PUBLIC, secret=SECRET, lock_version="2")
    assert person.submit(path(opened, "/edit"), given).status_code == 303
    (now,) = rows(ModelConnection)
    assert now.credential_id not in {None, opened.credential_id}


def test_a_secret_is_taken_off_on_purpose(person, org, opened):
    assert person.submit(path(opened, "/edit"), form_of(opened, credential="")).status_code == 303
    assert rows(ModelConnection)[0].credential_id is None
    assert person.page(path(opened, "/edit")).find("option", value="keep") is None


def test_who_saves_over_anothers_change_is_told(person, org, opened):
    for version in ("7", "", "x"):
        answer = person.submit(path(opened, "/edit"), form_of(opened, name="Mine", lock_version=version))
        assert (answer.status_code, 'value="Mine"' in answer.text) == (409, True)
    assert rows(ModelConnection)[0].name == "Main"


def test_a_connection_is_disabled_enabled_and_deleted(person, org, opened):
    connections.model(opened)
    for act, enabled in (("disable", False), ("disable", False), ("enable", True)):
        assert person.submit(path(opened, f"/{act}")).status_code == 303
        assert rows(ModelConnection)[0].enabled is enabled
    assert len(rows(AuditEvent, action="model_connection.change")) == 2
    assert person.submit(path(opened, "/delete"), {"name": "no"}).status_code == 422
    person.page(path(opened, "/delete"))
    assert person.submit(path(opened, "/delete"), {"name": "Main"}).location == HOME
    assert (rows(ModelConnection), rows(ConnectionModel), len(rows(Credential))) == ([], [], 1)


@pytest.mark.parametrize("role", ["viewer", "member"])
def test_members_and_viewers_find_no_connections(new_client, org, opened, role, state):
    client = new_client(orgs.member(org, role))
    assert not client.page("/o/acme").find("a", href=HOME)
    before = state()
    for url in (HOME, f"{HOME}/new", path(opened), path(opened, "/edit"), path(opened, "/models/new")):
        assert client.get(url).status_code == 403
    for url in (path(opened, "/test"), path(opened, "/models/offered"), path(opened, "/delete")):
        assert client.submit(url, {"name": "Main"}).status_code == 403
    assert state() == before


def test_another_organisations_connection_does_not_exist(person, org, opened, state):
    theirs = connections.connection(orgs.org())
    model = connections.model(theirs)
    mine = connections.model(opened)
    before = state()
    for act in ("", "/edit", "/delete", "/models/new", f"/models/{model.id}/edit", f"/models/{mine.id}/edit"):
        assert person.get(path(theirs, act)).status_code == 404
    for act in (
        "/edit",
        "/test",
        "/enable",
        "/models/offered",
        "/models/import",
        f"/models/{model.id}/delete",
    ):
        assert person.submit(path(theirs, act), form_of(theirs)).status_code == 404
    for act in ("edit", "delete"):
        assert person.submit(path(opened, f"/models/{model.id}/{act}"), {"name": "m"}).status_code == 404
    assert state() == before

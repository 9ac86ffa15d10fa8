"""The test of an embedding model says how wide its vectors really are; a connection that embeds bases stays."""

import pytest

from app.connections.models import ConnectionModel, ModelConnection
from tests.connections.given import path
from tests.factories import connections, knowledge, orgs
from tests.factories.rows import rows
from tests.support.embedding_server import MODEL, PERSONAL, embedding_server
from tests.support.queries import queries


@pytest.fixture
def server(allow):
    with embedding_server() as made:
        allow(made)
        yield made


@pytest.fixture
def opened(org, server):
    key = connections.credential(org, PERSONAL)
    return connections.connection(org, name="Vectors", base_url=server.url, credential_id=key.id)


def asked(person, opened, model):
    return person.submit(path(opened, f"/models/{model.id}/test"))


def test_the_width_is_said_and_noted_if_it_was_unknown(person, opened):
    model = connections.model(opened, MODEL, purpose="embedding")
    assert "Test" in person.page(path(opened)).find("table").text
    answer = asked(person, opened, model)
    assert answer.status_code == 200
    assert "A vector of 768 numbers after" in answer.text
    assert "They are noted now." in answer.text
    assert rows(ConnectionModel)[0].dimensions == 768
    assert "They are noted" not in asked(person, opened, model).text


def test_another_width_than_noted_or_than_is_searched_is_said(person, opened, server):
    model = connections.model(opened, MODEL, purpose="embedding", dimensions=1024)
    assert "1,024 are noted: correct that" in asked(person, opened, model).text
    assert rows(ConnectionModel)[0].dimensions == 1024
    server.width = 100
    assert "widths of 384, 768, 1024, 1536, 3072 only" in asked(person, opened, model).text


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", "answered 401: Not with •••, please."),
        ("html", "The answer is a web page"),
        ("few", "answered 0 vectors for 1 texts"),
    ],
)
def test_a_model_that_does_not_answer_says_why(person, opened, server, fault, words):
    model = connections.model(opened, MODEL, purpose="embedding")
    server.always = fault
    answer = asked(person, opened, model)
    assert words in answer.text
    assert PERSONAL not in answer.text
    assert rows(ConnectionModel)[0].dimensions is None


def test_a_model_for_chats_and_one_of_a_disabled_connection_are_not_asked(person, org, opened, server):
    assert asked(person, opened, connections.model(opened, "chat")).status_code == 422
    off = connections.connection(org, name="Off", base_url=server.url, enabled=False)
    answer = asked(person, off, connections.model(off, MODEL, purpose="embedding"))
    assert "The connection Off is disabled." in answer.text
    assert server.seen == []


def test_a_foreign_model_is_unknown(person, opened, server):
    theirs = connections.connection(orgs.org(slug="theirs"), base_url=server.url)
    model = connections.model(theirs, MODEL, purpose="embedding")
    assert asked(person, theirs, model).status_code == 404
    assert asked(person, opened, model).status_code == 404
    assert server.seen == []


def test_a_connection_that_embeds_a_base_says_so_and_stays(person, org, opened):
    knowledge.base(org, name="Handbook", model=MODEL, dimensions=768, connection_id=opened.id)
    with queries(max=4):
        page = person.page(path(opened))
    assert "Knowledge base Handbook" in page.text
    page = person.page(path(opened, "/delete"))
    assert "“Vectors” embeds the knowledge base “Handbook”" in page.text
    assert page.find("input", id="name") is None
    assert person.submit(path(opened, "/delete"), {"name": "Vectors"}).status_code == 409
    assert len(rows(ModelConnection)) == 1
    person.submit(path(opened, "/disable"))
    assert "is searched by words only" in person.page(path(opened)).text

"""The models of a connection: what people note, and what the provider lists."""

import re

import pytest

from app.audit.models import AuditEvent
from app.connections.models import ConnectionModel
from tests.connections.given import JSON, OPENAI, body, path
from tests.factories import connections
from tests.factories.rows import rows
from tests.support.queries import queries

MODEL = {"name": "gpt-5", "purpose": "chat", "context_size": "400000", "input_price_micros": "1.25"}


def test_a_model_is_added_changed_and_removed(person, opened):
    given = {**MODEL, "output_price_micros": "10", "capabilities": ["tools", "images"]}
    url = path(opened, "/models/new")
    person.page(url)
    assert person.submit(url, given).status_code == 303
    assert person.submit(url, given).status_code == 422
    (model,) = rows(ConnectionModel)
    assert (model.context_size, model.input_price_micros, model.output_price_micros) == (
        400_000,
        1_250_000,
        10**7,
    )
    assert model.capabilities == ["images", "tools"]
    with queries(max=4):
        page = person.page(path(opened))
    assert "1.25" in page.text
    edit = path(opened, f"/models/{model.id}/edit")
    shown = person.page(edit)
    assert shown.find(id="input_price_micros")["value"] == "1.25"
    saved = {**MODEL, "input_price_micros": "0.0375", "context_size": "", "lock_version": "1"}
    assert person.submit(edit, saved).status_code == 303
    assert person.submit(edit, saved).status_code == 409
    (model,) = rows(ConnectionModel)
    assert (model.context_size, model.input_price_micros, model.output_price_micros) == (None, 37_500, None)
    assert person.submit(path(opened, f"/models/{model.id}/delete")).status_code == 303
    assert rows(ConnectionModel) == []
    actions = [event.action for event in rows(AuditEvent)]
    assert actions == [f"connection_model.{verb}" for verb in ("create", "change", "delete")]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "as the provider spells it"),
        ({"purpose": "x"}, "Choose what the model is for."),
        ({"context_size": "0"}, "from 1 to 100,000,000"),
        ({"context_size": "many"}, "Enter a whole number."),
        ({"dimensions": "30000"}, "from 1 to 20,000"),
        ({"input_price_micros": "-1"}, "Enter an amount"),
        ({"input_price_micros": "1.1234567"}, "Enter an amount"),
        ({"input_price_micros": "NaN"}, "Enter an amount"),
        ({"output_price_micros": "1000001"}, "Enter an amount"),
        ({"output_price_micros": "1e3"}, "Enter an amount"),
        ({"capabilities": ["magic"]}, "not a valid choice"),
    ],
)
def test_wrong_facts_are_named_and_nothing_is_stored(person, opened, wrong, words):
    answer = person.submit(path(opened, "/models/new"), {**MODEL, **wrong})
    assert (answer.status_code, rows(ConnectionModel)) == (422, [])
    assert words in answer.text


def test_the_providers_list_is_fetched_and_chosen_from(person, org, provider):
    server, stored = provider
    connections.model(stored, "gpt-b", context_size=5)
    server.answers["/models"] = (200, JSON, body(OPENAI))
    answer = person.submit(path(stored, "/models/offered"))
    listed = re.search(r'name="listed" value="([^"]+)"', answer.text)[1]
    assert re.findall(r'name="names" value="([^"]+)"', answer.text) == ["gpt-a", "text-embed-3"]
    url = path(stored, "/models/import")
    assert person.submit(url, {"listed": listed}).status_code == 422
    given = {"listed": listed, "names": ["gpt-a", "text-embed-3", "made-up"]}
    assert person.submit(url, given).status_code == 303
    known = {model.name: (model.purpose, model.context_size) for model in rows(ConnectionModel)}
    assert known == {"gpt-a": ("chat", 128000), "gpt-b": ("chat", 5), "text-embed-3": ("embedding", None)}
    assert person.submit(url, given).status_code == 303
    assert len(rows(AuditEvent, action="model_connection.import_models")) == 1
    other = connections.connection(org)
    for wrong in ({**given, "listed": "x"}, {"names": ["gpt-a"]}):
        assert person.submit(url, wrong).status_code == 422
    assert person.submit(path(other, "/models/import"), given).status_code == 422

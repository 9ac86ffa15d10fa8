"""What an agent names is resolved to a connection of its own organisation, or to a sentence that says why not."""

import pytest

from app.connections.services.targets import NoConnection, model_target
from app.db.keyring import Keyring
from tests.factories import connections, orgs
from tests.support.queries import queries


@pytest.fixture
def openai(org):
    key = connections.credential(org)
    return connections.connection(org, name="OpenAI", slug="openai", credential_id=key.id)


def test_a_listed_model_comes_with_what_is_known_of_it(acting, org, openai):
    connections.model(
        openai, "gpt-5", context_size=400_000, input_price_micros=1_250_000, output_price_micros=10**7
    )
    acting(org)
    with queries(max=2):
        found = model_target(org.id, " OpenAI ", "gpt-5")
    assert (found.connection_id, found.kind, found.base_url) == (openai.id, "openai", openai.base_url)
    assert (found.secret, found.model, found.context_size) == (connections.SECRET, "gpt-5", 400_000)
    assert (found.input_price_micros, found.output_price_micros) == (1_250_000, 10_000_000)
    assert connections.SECRET not in repr(found)


def test_an_unlisted_model_is_allowed(acting, org, openai):
    connections.model(connections.connection(org, slug="local"), "other", context_size=1)
    acting(org)
    found = model_target(org.id, "openai", "other")
    assert (found.model, found.context_size, found.input_price_micros) == ("other", None, None)
    assert model_target(org.id, "local", "other").secret is None


@pytest.mark.parametrize(
    ("provider", "model", "words"),
    [
        ("missing", "gpt", "No connection is called missing"),
        ("off", "gpt", "The connection Off is disabled."),
        (None, "gpt", "No connection is chosen."),
        ("  ", "gpt", "No connection is chosen."),
        ("openai", "", "No model is chosen."),
        ("openai", None, "No model is chosen."),
        ("theirs", "gpt", "No connection is called theirs"),
        ("open%", "gpt", "No connection is called open%"),
    ],
)
def test_what_cannot_be_asked_says_why(acting, org, openai, provider, model, words):
    connections.connection(org, name="Off", slug="off", enabled=False)
    connections.connection(orgs.org(), slug="theirs")
    acting(org)
    with pytest.raises(NoConnection, match=words):
        model_target(org.id, provider, model)


def test_another_organisation_is_not_asked_for(acting, org, openai):
    acting(orgs.org())
    with pytest.raises(NoConnection):
        model_target(org.id, "openai", "gpt")


def test_a_secret_of_another_key_is_said_to_be_lost(acting, org, openai, app, monkeypatch):
    acting(org)
    other = Keyring(["another secret key than the one it was sealed with"])
    monkeypatch.setitem(app.extensions, "keyring", other)
    with pytest.raises(NoConnection, match="OpenAI has no usable secret"):
        model_target(org.id, "openai", "gpt")

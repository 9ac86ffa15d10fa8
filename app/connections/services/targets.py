"""Where a model answers: what an agent names, resolved to the connection, its secret and what is known of the model."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.connections.asking import Endpoint
from app.connections.repo.model_connections import ModelConnectionsRepo
from app.connections.services.vault import SecretLost, secret_of

CHARACTERS_A_TOKEN = 4
"""The usual rule of thumb for English."""


class NoConnection(Exception):
    """The model cannot be asked; the message is a sentence for people."""


@dataclass(frozen=True)
class ModelTarget:
    """A model with all that asking it takes; `context_size` counts tokens, `connection` is a name.

    Prices are millionths of the currency for a million tokens. The address is checked when it is called.
    """

    connection_id: UUID
    kind: str
    base_url: str
    secret: str | None = field(repr=False)
    model: str
    context_size: int | None
    input_price_micros: int | None
    output_price_micros: int | None
    connection: str

    @property
    def endpoint(self) -> Endpoint:
        """Where to ask for vectors or an order of texts."""
        return Endpoint(self.base_url, self.secret, self.model)


def about_tokens(characters: int) -> int:
    """How many tokens so many characters may be, where nobody has counted them."""
    return characters // CHARACTERS_A_TOKEN + 1


def model_target(org_id: UUID, provider: str | None, model: str | None) -> ModelTarget:
    """The model of the enabled connection whose slug is `provider`, in whatever case.

    A model that the connection does not list is allowed, with nothing known of it. Raises NoConnection.
    """
    return _target(org_id, *_named(org_id, provider, model))


def target_fault(org_id: UUID, provider: str | None, model: str | None) -> str:
    """Why `model_target` would refuse, as far as that can be said without the secret; empty if nothing is wrong."""
    try:
        found, _ = _named(org_id, provider, model)
        _check_enabled(found)
    except NoConnection as fault:
        return str(fault)
    return ""


def _named(org_id: UUID, provider: str | None, model: str | None) -> tuple[Any, str]:
    slug, name = (provider or "").strip(), (model or "").strip()
    if not slug:
        raise NoConnection("No connection is chosen. Name one as the provider.")
    if not name:
        raise NoConnection("No model is chosen.")
    found = ModelConnectionsRepo().resolve(org_id, slug.lower(), name)
    if found is None:
        raise NoConnection(f"No connection is called {slug}. Create one, or name another as the provider.")
    return found, name


def target_at(org_id: UUID, connection_id: UUID, model: str) -> ModelTarget:
    """A model of an enabled connection that speaks OpenAI's protocol, by the connection's id. Raises NoConnection."""
    found = _found(org_id, connection_id, model)
    if found.kind != "openai":
        raise NoConnection(
            f"The connection {found.name} must speak OpenAI’s protocol to answer with {model}."
        )
    return _target(org_id, found, model)


def speaking_target(org_id: UUID, connection_id: UUID | None, model: str) -> ModelTarget:
    """A model of an enabled connection of any protocol; without an id the connection is gone. Raises NoConnection."""
    return _target(org_id, _found(org_id, connection_id, model), model)


def _found(org_id: UUID, connection_id: UUID | None, model: str) -> Any:
    found = connection_id and ModelConnectionsRepo().resolve(org_id, connection_id, model)
    if found is None:
        raise NoConnection(f"The connection of the model {model} was deleted.")
    return found


def _check_enabled(found: Any) -> None:
    if not found.enabled:
        raise NoConnection(f"The connection {found.name} is disabled.")


def _target(org_id: UUID, found: Any, name: str) -> ModelTarget:
    _check_enabled(found)
    try:
        secret = secret_of(org_id, found.credential_id) if found.credential_id else None
    except SecretLost as lost:
        raise NoConnection(f"The connection {found.name} has no usable secret. {lost}") from lost
    return ModelTarget(
        connection_id=found.id,
        kind=found.kind,
        base_url=found.base_url,
        secret=secret,
        model=name,
        context_size=found.context_size,
        input_price_micros=found.input_price_micros,
        output_price_micros=found.output_price_micros,
        connection=found.name,
    )

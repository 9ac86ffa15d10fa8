"""The embedding models that a knowledge base can have: that of this machine, and those of connections."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.connections.models import WIDTHS
from app.connections.repo.known_models import KnownModelsRepo
from app.knowledge.embedders.registry import LOCAL, Model
from app.web.errors import Refusal

LOCAL_MODEL = Model(LOCAL, 384)
"""The model that needs no account."""


@dataclass(frozen=True)
class Choice:
    """A model, and the name of its connection; None for this machine."""

    model: Model
    connection: str | None


def offered_models(org_id: UUID) -> Sequence[Choice]:
    """The models to choose from; one statement. Those of connections whose width is unknown or not searched are not."""
    rows = KnownModelsRepo().offered(org_id, "embedding")
    return [
        Choice(LOCAL_MODEL, None),
        *(
            Choice(Model(row.model, row.dimensions, row.connection_id), row.connection)
            for row in rows
            if row.dimensions in WIDTHS
        ),
    ]


def chosen_model(org_id: UUID, key: str) -> Model:
    """The offered model with this key. Raises Refusal 409 if it is offered no more."""
    for choice in offered_models(org_id) if key != LOCAL_MODEL.key else [Choice(LOCAL_MODEL, None)]:
        if choice.model.key == key:
            return choice.model
    raise Refusal(409, "The chosen embedding model is not offered any more. Choose another one.")

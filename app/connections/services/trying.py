"""Trying an embedding model: how wide the vectors are that it really answers."""

import time
from dataclasses import dataclass
from uuid import UUID

from app.connections.asking import NotAnswered, Patience, embed
from app.connections.repo.known_models import KnownModelsRepo
from app.connections.services.known_models import FIELDS, change_model
from app.connections.services.targets import NoConnection, target_at
from app.db.session import transaction
from app.web.errors import NotFound, Refusal

WORDS = "How long does a refund take?"
PATIENCE = Patience(seconds=15.0)


@dataclass(frozen=True)
class Asked:
    """What a model answered: the numbers in its vector, or in `fault` why there is none.

    `noted` is the width that was known before; None if it was unknown, and is noted now.
    """

    model: str
    milliseconds: int
    width: int | None
    noted: int | None
    fault: str = ""


def ask_model(org_id: UUID, connection_id: UUID, model_id: UUID) -> Asked:
    """Ask an embedding model for one vector, holding no connection to the database, and note its width if unknown.

    Raises NotFound, and Refusal 422 for a model of another purpose.
    """
    with transaction():
        model = KnownModelsRepo().get(org_id, connection_id, model_id)
        if model is None:
            raise NotFound
        if model.purpose != "embedding":
            raise Refusal(422, "Only embedding models are tried this way.")
        try:
            target = target_at(org_id, connection_id, model.name)
        except NoConnection as error:
            return Asked(model.name, 0, None, model.dimensions, str(error))
    begun = time.monotonic()
    try:
        width, fault = len(embed(target.endpoint, [WORDS], PATIENCE).rows[0]), ""
    except NotAnswered as error:
        width, fault = 0, str(error)
    if width == 0:
        fault = fault or "The model answered a vector without numbers."
    milliseconds = round(1000 * (time.monotonic() - begun))
    if width and model.dimensions is None:
        _note(org_id, connection_id, model_id, width)
    return Asked(model.name, milliseconds, width or None, model.dimensions, fault)


def _note(org_id: UUID, connection_id: UUID, model_id: UUID, width: int) -> None:
    with transaction():
        stored = KnownModelsRepo().get(org_id, connection_id, model_id)
        if stored is None or stored.dimensions is not None:
            return
        values = {name: getattr(stored, name) for name in FIELDS}
        change_model(org_id, connection_id, model_id, stored.lock_version, {**values, "dimensions": width})

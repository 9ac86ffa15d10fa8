"""What is known of models: added, changed and removed by people, or taken from what a provider lists."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.connections.models import ConnectionModel
from app.connections.providers import Offered
from app.connections.repo.known_models import KnownModelsRepo
from app.connections.services.changed import Stale, record_change
from app.connections.services.connections import locked_connection
from app.web.errors import NotFound

FIELDS = (
    "name",
    "purpose",
    "context_size",
    "dimensions",
    "input_price_micros",
    "output_price_micros",
    "capabilities",
)
THING = "connection_model"


def add_model(org_id: UUID, connection_id: UUID, values: Mapping[str, Any]) -> UUID:
    """Store what is known of a model, `values` being FIELDS; its id. Raises NotFound, NameTaken."""
    locked_connection(org_id, connection_id)
    model_id = KnownModelsRepo().add(org_id, connection_id, values)
    record(f"{THING}.create", THING, model_id, values["name"], after=dict(values))
    return model_id


def add_offered(org_id: UUID, connection_id: UUID, offered: Sequence[Offered]) -> int:
    """Take models over from a provider's list, those that are known already staying as they are; how many are new.

    Raises NotFound.
    """
    connection = locked_connection(org_id, connection_id)
    rows = [
        {
            "name": model.name,
            "context_size": model.context_size,
            "purpose": _purpose(model.name.lower()),
        }
        for model in offered
    ]
    added = KnownModelsRepo().add_missing(org_id, connection_id, rows)
    if added:
        record(
            "model_connection.import_models",
            "model_connection",
            connection_id,
            connection.name,
            after={"models": sorted(added)},
        )
    return len(added)


def _purpose(name: str) -> str:
    """What a model is for, as far as its name tells."""
    return "rerank" if "rerank" in name else "embedding" if "embed" in name else "chat"


def change_model(
    org_id: UUID, connection_id: UUID, model_id: UUID, lock_version: int, values: Mapping[str, Any]
) -> None:
    """Save what is known of a model, `values` being FIELDS. Raises NotFound, Stale, NameTaken."""
    stored = _held(org_id, connection_id, model_id)
    if stored.lock_version != lock_version:
        raise Stale("model")
    before = {name: getattr(stored, name) for name in FIELDS}
    changed = {name: values[name] for name in FIELDS if before[name] != values[name]}
    if changed:
        KnownModelsRepo().change(org_id, model_id, changed)
        record_change(THING, model_id, values["name"], before, values)


def remove_model(org_id: UUID, connection_id: UUID, model_id: UUID) -> str:
    """Forget what is known of a model, which can be used all the same; its name. Raises NotFound."""
    stored = _held(org_id, connection_id, model_id)
    before = {name: getattr(stored, name) for name in FIELDS}
    record(f"{THING}.delete", THING, model_id, stored.name, before=before)
    KnownModelsRepo().remove(org_id, model_id)
    return stored.name


def _held(org_id: UUID, connection_id: UUID, model_id: UUID) -> ConnectionModel:
    found = KnownModelsRepo().get(org_id, connection_id, model_id, hold=True)
    if found is None:
        raise NotFound
    return found

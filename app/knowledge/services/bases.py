"""Knowledge bases: created, edited, archived and deleted, each with its audit row.

A base is made of FIELDS: `name`, `description`, the key of its embedding `model`, `size` and `overlap` of its passages
in tokens, and what a search does unless it is told otherwise: `top_k` passages, of at least the likeness `threshold`
(0 to 1), in the order of the model with the key `rerank`, if there is one. `gate` is what a new generation must do
before it goes live: nothing (`none`), find no fewer of the expected passages of the saved questions than the live one
(`no_worse`), or find the share `least_recall` of them (`least`).
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.knowledge.models.sources import KnowledgeBase
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.choosing import LOCAL_MODEL, chosen_model
from app.knowledge.services.embedding import model_of
from app.knowledge.services.generations import begin_generation, hold_connection
from app.web.errors import NotFound, Refusal

FIELDS = (
    "name",
    "description",
    "model",
    "size",
    "overlap",
    "top_k",
    "threshold",
    "rerank",
    "gate",
    "least_recall",
)
DEFAULTS: Mapping[str, Any] = {
    "description": None,
    "model": LOCAL_MODEL.key,
    "size": 200,
    "overlap": 30,
    "top_k": 8,
    "threshold": 0.0,
    "rerank": "",
    "gate": "none",
    "least_recall": 0.9,
}
CHUNKING = ("size", "overlap")
RETRIEVAL = ("top_k", "threshold", "rerank", "gate", "least_recall")


class Stale(Exception):
    """Somebody else changed the base in the meantime; `base` is what is stored now."""

    def __init__(self, base: KnowledgeBase) -> None:
        super().__init__(base.name)
        self.base = base


def values_of(base: KnowledgeBase) -> dict[str, Any]:
    """The FIELDS of a base."""
    return {
        "name": base.name,
        "description": base.description,
        "model": model_of(base).key,
        **{name: base.chunking[name] for name in CHUNKING},
        **{name: base.retrieval.get(name, DEFAULTS[name]) for name in RETRIEVAL},
    }


def create_base(org_id: UUID, values: Mapping[str, Any]) -> KnowledgeBase:
    """Store a new base from FIELDS; what is left out is as in DEFAULTS.

    Raises NameTaken, and Refusal 409 for a model that is offered no more.
    """
    given = {**DEFAULTS, **values}
    model = chosen_model(org_id, given["model"])
    hold_connection(org_id, model)
    embedded = {
        "model": model.name,
        "dimensions": model.dimensions,
        "connection_id": model.connection_id,
    }
    base = KnowledgeBasesRepo().add(org_id, {**_columns(given), **embedded})
    record("knowledge_base.create", "knowledge_base", base.id, base.name, after=values_of(base))
    return base


def change_base(org_id: UUID, base_id: UUID, lock_version: int, values: Mapping[str, Any]) -> KnowledgeBase:
    """Save an edited base, `values` being all FIELDS.

    Another model, size or overlap begins a generation, which is built beside the live one and swapped in by a worker;
    until then the base keeps the old ones. Raises NameTaken, Stale, NotFound, and Refusal 409 for an archived base, for
    a model that is offered no more, or while another generation is being built.
    """
    base = editable_base(org_id, base_id)
    if base.lock_version != lock_version:
        raise Stale(base)
    before = values_of(base)
    changed = {name: value for name, value in values.items() if before[name] != value}
    if not changed:
        return base
    columns = _columns({**before, **changed})
    chunking = columns.pop("chunking")
    saved = KnowledgeBasesRepo().change(org_id, base_id, columns)
    record(
        "knowledge_base.change",
        "knowledge_base",
        base_id,
        saved.name,
        before={name: before[name] for name in changed},
        after=changed,
    )
    if chunking != base.chunking or "model" in changed:
        model = chosen_model(org_id, changed["model"]) if "model" in changed else model_of(saved)
        begin_generation(saved, model, chunking)
    return saved


def editable_base(org_id: UUID, base_id: UUID) -> KnowledgeBase:
    """A base that may be edited; held until the transaction ends. Raises NotFound, and Refusal for an archived one."""
    base = locked_base(org_id, base_id)
    if base.archived:
        raise Refusal(409, "This knowledge base is archived. Restore it first.")
    return base


def locked_base(org_id: UUID, base_id: UUID) -> KnowledgeBase:
    """A base, held until the transaction ends. Raises NotFound."""
    base = KnowledgeBasesRepo().lock(org_id, base_id)
    if base is None:
        raise NotFound
    return base


def set_archived(org_id: UUID, base_id: UUID, *, archived: bool) -> KnowledgeBase:
    """Archive a base, which no search finds any more, or restore it. Raises NotFound; changes nothing twice."""
    base = locked_base(org_id, base_id)
    if base.archived == archived:
        return base
    saved = KnowledgeBasesRepo().change(org_id, base_id, {"archived": archived})
    before, after = ("active", "archived") if archived else ("archived", "active")
    record(
        f"knowledge_base.{'archive' if archived else 'restore'}",
        "knowledge_base",
        base_id,
        saved.name,
        before={"status": before},
        after={"status": after},
    )
    return saved


def delete_base(org_id: UUID, base_id: UUID) -> str:
    """Delete a base for good with its sources, passages and vectors; its name. Raises NotFound."""
    base = locked_base(org_id, base_id)
    name, blobs = base.name, SourcesRepo().blobs(org_id, base_id)
    record(
        "knowledge_base.delete",
        "knowledge_base",
        base_id,
        name,
        before={**values_of(base), "sources": base.source_count, "chunks": base.chunk_count},
    )
    KnowledgeBasesRepo().remove(org_id, base_id)
    for blob_id in blobs:
        SourcesRepo().remove_unused(org_id, blob_id)
    return name


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": values["name"],
        "description": values["description"],
        "chunking": {name: values[name] for name in CHUNKING},
        "retrieval": {name: values[name] for name in RETRIEVAL},
    }

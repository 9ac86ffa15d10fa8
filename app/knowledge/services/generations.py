"""Generations: begun, given up, swapped in, and gone back to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func

from app.audit.services import record
from app.connections.repo.model_connections import ModelConnectionsRepo
from app.knowledge.embedders.registry import Model, known
from app.knowledge.models.sources import Generation, KnowledgeBase
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.chunks import ChunksRepo
from app.knowledge.repo.generations import GenerationsRepo
from app.knowledge.repo.sources import SourcesRepo
from app.knowledge.services.embedding import model_of
from app.knowledge.services.queueing import queue_check, queue_generation
from app.web.errors import NotFound, Refusal

KEPT = 2
"""How many generations that were live before are kept to go back to."""


def begin_generation(base: KnowledgeBase, model: Model, chunking: Mapping[str, Any]) -> Generation:
    """Begin to build a locked base anew beside its live generation, with this model and this chunking.

    Raises Refusal 409 while another one is being built, and if the model's connection is gone.
    """
    hold_connection(base.org_id, model)
    repo = GenerationsRepo()
    former = repo.building(base.org_id, base.id)
    if former is not None and (former.status == "held" or repo.ended(base.org_id, former.id)):
        give_up(base, former, "replaced" if former.status == "held" else "its task ended before")
    elif former is not None:
        raise Refusal(409, "The knowledge base is being built anew. Wait until that is done, or cancel it.")
    values = {"model": model.name, "dimensions": model.dimensions, "chunking": dict(chunking)}
    generation = repo.add(base.org_id, base.id, {**values, "connection_id": model.connection_id})
    SourcesRepo().change_all(base.org_id, base.id, {"built_hash": None})
    task_id = queue_generation(base.id, generation.number)
    repo.change(base.org_id, generation.id, {"task_id": task_id})
    record(
        "knowledge_base.rebuild",
        "knowledge_base",
        base.id,
        base.name,
        after={**values, "generation": generation.number},
    )
    return generation


def hold_connection(org_id: UUID, model: Model) -> None:
    """Keep a model's connection from being deleted until the transaction ends. Raises Refusal 409 if it is gone."""
    if model.connection_id and ModelConnectionsRepo().lock(org_id, model.connection_id) is None:
        raise Refusal(409, f"The connection of the model {model.name} was deleted. Choose another model.")


def rebuild(org_id: UUID, base_id: UUID, model: Model) -> Generation:
    """Build a base anew with another embedding model. Raises NotFound, and Refusal 409 as `begin_generation` does."""
    base = _locked(org_id, base_id)
    return begin_generation(base, model, base.chunking)


def build_again(org_id: UUID, base_id: UUID, number: int) -> Generation:
    """Build a base anew as a generation was to be that failed. Raises NotFound without such a generation.

    Raises Refusal 409 as `begin_generation` does.
    """
    base = _locked(org_id, base_id)
    rows = {row.number: row for row in GenerationsRepo().listed(org_id, base_id)}
    wanted = GenerationsRepo().get(org_id, base_id, number)
    if wanted is None or rows[number].status != "failed":
        raise NotFound
    return begin_generation(base, model_of(wanted), wanted.chunking)


def cancel_build(org_id: UUID, base_id: UUID) -> None:
    """Give up the generation that is being built or held back. Raises NotFound if there is none."""
    base = _locked(org_id, base_id)
    generation = GenerationsRepo().building(org_id, base_id)
    if generation is None:
        raise NotFound
    give_up(base, generation, "cancelled")
    record(
        "knowledge_base.cancel",
        "knowledge_base",
        base_id,
        base.name,
        before={"generation": generation.number},
    )


def give_up(base: KnowledgeBase, generation: Generation, reason: str) -> None:
    """Undo what was built of a generation of a locked base."""
    ChunksRepo().abandon(base.org_id, base.id, generation.number)
    SourcesRepo().change_all(base.org_id, base.id, {"built_hash": None})
    GenerationsRepo().change(base.org_id, generation.id, {"status": "failed", "error": reason})


def swap(base: KnowledgeBase, number: int) -> None:
    """Make a built generation of a locked base the live one, and prune those that are too old to go back to."""
    org_id, repo, sources = base.org_id, GenerationsRepo(), SourcesRepo()
    generation = repo.get(org_id, base.id, number)
    assert generation is not None
    _make_live(base, generation)
    sources.change_all(org_id, base.id, {"content_hash": "built_hash"})
    sources.change_all(org_id, base.id, {"built_hash": None})
    kept = [entry.number for entry in repo.all(org_id, base.id) if entry.status in {"retired", "live"}]
    oldest = min(sorted(kept, reverse=True)[: KEPT + 1])
    ChunksRepo().prune(org_id, base.id, min(oldest, number))
    repo.prune(org_id, base.id, min(oldest, number))


def roll_back(org_id: UUID, base_id: UUID, number: int) -> KnowledgeBase:
    """Make a generation live that was so before, at once; a worker then brings sources up that changed since.

    Sources that were deleted or disabled since stay so. Raises NotFound without such a generation, and Refusal 409
    while another one is being built.
    """
    base = _locked(org_id, base_id)
    generation, before = GenerationsRepo().get(org_id, base_id, number), base.live_generation
    if generation is None or generation.status != "retired":
        raise NotFound
    if GenerationsRepo().building(org_id, base_id) is not None:
        raise Refusal(409, "Another generation is being built or held back. Decide about it first.")
    hold_connection(org_id, _still_there(model_of(generation)))
    _make_live(base, generation)
    SourcesRepo().change_all(org_id, base_id, {"content_hash": None})
    queue_check(base_id)
    record(
        "knowledge_base.roll_back",
        "knowledge_base",
        base_id,
        base.name,
        before={"generation": before},
        after={"generation": number},
    )
    return base


def _make_live(base: KnowledgeBase, generation: Generation) -> None:
    org_id, repo = base.org_id, GenerationsRepo()
    former = repo.get(org_id, base.id, base.live_generation)
    assert former is not None
    repo.change(org_id, former.id, {"status": "retired"})
    repo.change(org_id, generation.id, {"status": "live", "swapped_at": func.now(), "error": None})
    KnowledgeBasesRepo().change(
        org_id,
        base.id,
        {
            "live_generation": generation.number,
            "model": generation.model,
            "dimensions": generation.dimensions,
            "connection_id": generation.connection_id,
            "chunking": generation.chunking,
        },
    )
    KnowledgeBasesRepo().count(org_id, base.id)
    counts = ChunksRepo().count_all(org_id, base.id, generation.number)
    SourcesRepo().count_chunks(org_id, base.id, counts)
    repo.change(org_id, generation.id, {"chunk_count": sum(counts.values())})


def _still_there(model: Model) -> Model:
    """A model that can be asked. Raises Refusal 409 for one whose connection was deleted since."""
    if model.connection_id is None and not known(model.name):
        raise Refusal(
            409, f"The connection of the model {model.name} was deleted: nothing embeds with it any more."
        )
    return model


def _locked(org_id: UUID, base_id: UUID) -> KnowledgeBase:
    base = KnowledgeBasesRepo().lock(org_id, base_id)
    if base is None:
        raise NotFound
    if base.archived:
        raise Refusal(409, "This knowledge base is archived. Restore it first.")
    return base

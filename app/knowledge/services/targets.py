"""Which generation a source is brought into, and whether it is there already."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.knowledge.embedders.registry import Model
from app.knowledge.models.sources import Generation, KnowledgeBase
from app.knowledge.repo.bases import KnowledgeBasesRepo
from app.knowledge.repo.generations import GenerationsRepo

PIPELINE = 1
"""Raised when the same source under the same settings would give other passages."""


class Moved(Exception):
    """The generation is no longer what it was: another one is live, or it is not built any more."""


@dataclass(frozen=True)
class Target:
    """A generation of a base with its settings; `live`, or being built."""

    base_id: UUID
    number: int
    model: str
    dimensions: int
    chunking: Mapping[str, Any]
    live: bool
    connection_id: UUID | None = None

    @property
    def key(self) -> str:
        """What its vectors are told apart by."""
        return Model(self.model, self.dimensions, self.connection_id).key

    def fingerprint(self, input_hash: bytes) -> bytes:
        """What of a source with this input the generation holds, once it is brought into it."""
        settings = [PIPELINE, self.key, self.dimensions, sorted(self.chunking.items())]
        return hashlib.sha256(input_hash + orjson.dumps(settings)).digest()


def live_target(base: KnowledgeBase) -> Target:
    """The live generation of a base."""
    return Target(
        base.id,
        base.live_generation,
        base.model,
        base.dimensions,
        base.chunking,
        live=True,
        connection_id=base.connection_id,
    )


def build_target(generation: Generation) -> Target:
    """A generation that is being built."""
    return Target(
        generation.knowledge_base_id,
        generation.number,
        generation.model,
        generation.dimensions,
        generation.chunking,
        live=False,
        connection_id=generation.connection_id,
    )


def find_target(org_id: UUID, base_id: UUID, number: int | None) -> Target | None:
    """The live generation, or the one of this number that is being built; None if there is none."""
    if number is None:
        base = KnowledgeBasesRepo().get(org_id, base_id)
        return live_target(base) if base else None
    generation = GenerationsRepo().building(org_id, base_id)
    if generation is None or generation.number != number or generation.status != "building":
        return None
    return build_target(generation)


def hold_target(org_id: UUID, target: Target) -> KnowledgeBase:
    """The base of a target, held until the transaction ends. Raises Moved."""
    base = KnowledgeBasesRepo().lock(org_id, target.base_id)
    if base is None or find_target(org_id, target.base_id, None if target.live else target.number) != target:
        raise Moved
    return base

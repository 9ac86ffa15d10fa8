"""Embedding models of this machine by name, each loaded when it is first asked; the check of what any model answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from pgvector import HalfVector

from app.late import load

LOCAL = "all-MiniLM-L6-v2"
MODELS: dict[str, str] = {LOCAL: "app.knowledge.embedders.minilm:MiniLM"}
"""The place of each model: `module:class`, whose `embed(texts)` answers with a row of numbers for each text."""


class ModelMissing(Exception):
    """The files of the local model are absent or are not the ones the product was made with; says which."""


class EmbeddingFailed(Exception):
    """A model is unknown, or answered with something else than a vector for each text; says which numbers differ."""


class EmbeddingDelayed(EmbeddingFailed):
    """A model did not answer now, and may do so later."""


@dataclass(frozen=True)
class Model:
    """A model, the numbers in each of its vectors, and the connection it is asked at, unless it is of this machine."""

    name: str
    dimensions: int
    connection_id: UUID | None = None

    @property
    def key(self) -> str:
        """What vectors are told apart by: models of the same name at two connections need not be the same."""
        return f"{self.connection_id}/{self.dimensions}/{self.name}" if self.connection_id else self.name


def known(name: str) -> bool:
    """Whether this machine has a model of this name."""
    return name in MODELS


def vectors(model: str, dimensions: int, texts: Sequence[str]) -> list[HalfVector]:
    """The vectors of texts by a model of this machine, as `checked` makes them. Raises EmbeddingFailed."""
    return checked(Model(model, dimensions), _model(model).embed(texts), len(texts))


def checked(model: Model, rows: Sequence[Sequence[Any]], count: int) -> list[HalfVector]:
    """Vectors as the database keeps them, each of length 1. Raises EmbeddingFailed.

    There must be `count`, each as wide as the model's, of finite numbers that are not all zero.
    """
    if len(rows) != count:
        raise EmbeddingFailed(f"{model.name} answered {len(rows)} vectors for {count} texts.")
    return [_halved(model, row) for row in rows]


def _halved(model: Model, row: Sequence[Any]) -> HalfVector:
    if len(row) != model.dimensions:
        raise EmbeddingFailed(
            f"{model.name} answered a vector of {len(row)} numbers instead of {model.dimensions}."
        )
    try:
        numbers = [float(number) for number in row]
        length = math.hypot(*numbers)
    except (TypeError, ValueError, OverflowError):
        length = math.nan
    if not math.isfinite(length):
        raise EmbeddingFailed(f"{model.name} answered a vector with something that is no number in it.")
    if length == 0:
        raise EmbeddingFailed(f"{model.name} answered a vector of nothing but zeros.")
    return HalfVector([number / length for number in numbers])


@cache
def _model(name: str) -> Any:
    if name not in MODELS:
        raise EmbeddingFailed(f"There is no embedding model {name}.")
    return load(MODELS[name])()

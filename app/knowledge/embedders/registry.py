"""The embedding models by name, each loaded when it is first asked; what they answer is checked here."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from app.late import load

LOCAL = "all-MiniLM-L6-v2"
MODELS: dict[str, str] = {LOCAL: "app.knowledge.embedders.minilm:MiniLM"}
"""The place of each model: `module:class`, whose `embed(texts)` answers with a row of numbers for each text."""


class ModelMissing(Exception):
    """The files of the local model are absent or are not the ones the product was made with; says which."""


class EmbeddingFailed(Exception):
    """A model is unknown, or answered with something else than a vector for each text; says which numbers differ."""


def vectors(model: str, dimensions: int, texts: Sequence[str]) -> list[str]:
    """The vectors of texts as the database reads them, `[0.5,-1]`. Raises EmbeddingFailed."""
    rows = _model(model).embed(texts)
    if len(rows) != len(texts):
        raise EmbeddingFailed(f"{model} answered {len(rows)} vectors for {len(texts)} texts.")
    return [_written(model, dimensions, [float(number) for number in row]) for row in rows]


def _written(model: str, dimensions: int, numbers: list[float]) -> str:
    if len(numbers) != dimensions:
        raise EmbeddingFailed(f"{model} answered a vector of {len(numbers)} numbers instead of {dimensions}.")
    if not all(map(math.isfinite, numbers)):
        raise EmbeddingFailed(f"{model} answered a vector with something that is no number in it.")
    return f"[{','.join(f'{number:.5g}' for number in numbers)}]"


@cache
def _model(name: str) -> Any:
    if name not in MODELS:
        raise EmbeddingFailed(f"There is no embedding model {name}.")
    return load(MODELS[name])()

"""Texts to vectors by the model of a base: one of this machine, or one that a connection leads to."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pgvector import HalfVector

from app.connections.asking import NotAnswered, Patience, Vectors, embed
from app.connections.services.targets import ModelTarget, NoConnection, about_tokens, target_at
from app.db.session import rest, transaction
from app.db.work import Work
from app.knowledge.embedders.registry import (
    EmbeddingDelayed,
    EmbeddingFailed,
    Model,
    checked,
    vectors,
)
from app.orgs.repo.spending import SpendRepo
from app.orgs.services.spending import UNPRICED, reached

QUESTION = Patience(seconds=5.0)
"""A question is asked once: its searcher waits, and the search by words answers meanwhile."""
TRIES, SECONDS = 5, 60.0
"""For passages, which a worker embeds."""
CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Made:
    """Vectors, and what they cost in millionths of the currency; 0 if nobody knows."""

    vectors: Sequence[HalfVector]
    cost_micros: int = 0


def model_of(row: Any) -> Model:
    """The model of a base, a generation or a target."""
    return Model(row.model, row.dimensions, row.connection_id)


def embed_passages(work: Work, model: Model, texts: Sequence[str]) -> Made:
    """The vectors of passages; asks again for a while if the model does not answer, as long as the task may go on.

    Raises EmbeddingFailed, also where a spend limit has no room for it, EmbeddingDelayed if it may work later,
    ModelMissing, and what ends the task.
    """
    if model.connection_id is None:
        return Made(vectors(model.name, model.dimensions, texts))

    def wait(seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, CHECK_SECONDS))
            work.tell(())

    with transaction():
        target = _target(work.org_id, model)
        _check_limit(work.org_id, target, texts)
    found = _asked(target, texts, Patience(SECONDS, TRIES, wait))
    return Made(checked(model, found.rows, len(texts)), _cost(target, found.tokens or _tokens(texts)))


def embed_question(org_id: UUID, model: Model, words: str) -> HalfVector:
    """The vector of a question. Raises EmbeddingFailed, ModelMissing.

    While a server is asked no connection to the database is held, unless the caller's transaction needs it.
    """
    if model.connection_id is None:
        return vectors(model.name, model.dimensions, [words])[0]
    target = _target(org_id, model)
    rest()
    return checked(model, _asked(target, [words], QUESTION).rows, 1)[0]


def _target(org_id: UUID, model: Model) -> ModelTarget:
    assert model.connection_id is not None
    try:
        return target_at(org_id, model.connection_id, model.name)
    except NoConnection as error:
        raise EmbeddingFailed(str(error)) from error


def _check_limit(org_id: UUID, target: ModelTarget, texts: Sequence[str]) -> None:
    """EmbeddingFailed if the organisation's limit has no room for these texts, or if nobody knows what they cost.

    Nothing is reserved: what is embedded meanwhile by other workers may pass the limit by a batch each.
    """
    limits = SpendRepo().holding(org_id, None)
    if limits and target.input_price_micros is None:
        raise EmbeddingFailed(UNPRICED.format(model=target.model))
    wanted = _cost(target, _tokens(texts))
    if over := [limit for limit in limits if limit.left_micros < wanted]:
        raise EmbeddingFailed(reached(over, wanted))


def _tokens(texts: Sequence[str]) -> int:
    """About how many tokens texts have."""
    return sum(about_tokens(len(text)) for text in texts)


def _cost(target: ModelTarget, tokens: int) -> int:
    """What the model asks for it in micros, rounded up; 0 if nobody said its price."""
    return -(-(target.input_price_micros or 0) * tokens // 1_000_000)


def _asked(target: ModelTarget, texts: Sequence[str], patience: Patience) -> Vectors:
    try:
        return embed(target.endpoint, texts, patience)
    except NotAnswered as error:
        raise (EmbeddingDelayed if error.passing else EmbeddingFailed)(str(error)) from error

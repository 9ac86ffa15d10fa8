"""Passages put into order by a model of a connection, once both searches have found them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.connections.asking import NotAnswered, Patience, rerank
from app.connections.repo.known_models import KnownModelsRepo
from app.connections.services.targets import NoConnection, target_at
from app.db.session import rest

MOST = 50
"""Passages that are put into order; those after them stay behind."""
PATIENCE = Patience(seconds=5.0)


class NotReranked(Exception):
    """The order stays as it was; the message says why."""


@dataclass(frozen=True)
class Reranker:
    """A model of a connection; `key` is what a base keeps of it."""

    key: str
    name: str
    connection: str


def offered_rerankers(org_id: UUID) -> Sequence[Reranker]:
    """The models to choose from; one statement."""
    return [
        Reranker(f"{row.connection_id}/{row.model}", row.model, row.connection)
        for row in KnownModelsRepo().offered(org_id, "rerank")
    ]


def reranked(org_id: UUID, key: str, question: str, texts: Sequence[str]) -> Sequence[tuple[int, float]]:
    """The places of at most MOST texts with their scores, the best first. Raises NotReranked.

    While the server is asked no connection to the database is held, unless the caller's transaction needs it.
    """
    connection_id, _, model = key.partition("/")
    try:
        target = target_at(org_id, UUID(connection_id), model)
        rest()
        return rerank(target.endpoint, question, texts, PATIENCE)
    except (NoConnection, NotAnswered) as error:
        raise NotReranked(str(error)) from error

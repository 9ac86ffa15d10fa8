"""The search in knowledge bases in the API."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

from flask import request
from pydantic import Field

from app.api.schemas.lists import number, parameter
from app.api.schemas.search import Piece
from app.api.schemas.strict import CANONICAL_ID, Model
from app.knowledge.services.retrieval import KINDS, LEGS, LONGEST, Found, Hit, Leg, Question
from app.web.errors import FieldError, Refusal

MOST_PASSAGES = 100
MOST_NAMED = 100
_ID = re.compile(CANONICAL_ID)
_SHARE = re.compile(r"[01](\.[0-9]{1,6})?")


class Milliseconds(Model):
    """How long each part of a search took."""

    embed: float
    vector: float
    fulltext: float
    total: float


class Passage(Model):
    """A passage that was found. A rank counts from 1; it is null where that kind of search did not find it."""

    chunk_id: UUID
    base_id: UUID
    base_name: str
    source_kind: Literal["file", "text", "table", "page"]
    source_id: UUID
    source_name: str
    source_url: Annotated[str | None, Field(description="The address of a web page; null for other sources.")]
    text: str
    start_offset: Annotated[int, Field(ge=0, description="Where it begins in the text of its source.")]
    end_offset: Annotated[int, Field(ge=0)]
    pieces: list[Piece]
    score: Annotated[float, Field(description="What both searches add; compare it within one answer only.")]
    vector_rank: int | None
    likeness: Annotated[float | None, Field(description="From -1 to 1: how like the question, by the model.")]
    fulltext_rank: int | None
    fulltext_score: float | None
    rerank_score: Annotated[
        float | None, Field(description="By the model that put the passages into order, if any.")
    ]


class KnowledgeResult(Model):
    """The best passages, the best first."""

    data: list[Passage]
    milliseconds: Milliseconds
    notices: Annotated[list[str], Field(description="What could not be searched, in sentences.")]


_IDS = {"type": "array", "maxItems": MOST_NAMED, "items": {"type": "string", "format": "uuid"}}
QUERY = [
    {
        **parameter(
            "q",
            {"type": "string", "minLength": 1, "maxLength": LONGEST},
            "A question or words; quotes, `or` and minus signs bind the search by words.",
        ),
        "required": True,
    },
    parameter("base", _IDS, "Only in these knowledge bases; all that are not archived when left out."),
    parameter("source", _IDS, "Only in these sources; an address stands for all its pages."),
    parameter(
        "kind",
        {"type": "array", "items": {"type": "string", "enum": list(KINDS)}},
        "Only in sources of these kinds.",
    ),
    parameter(
        "top_k",
        {"type": "integer", "minimum": 1, "maximum": MOST_PASSAGES},
        "How many passages at most; as the knowledge base says when left out.",
    ),
    parameter(
        "threshold",
        {"type": "number", "minimum": 0, "maximum": 1},
        "How like the question a passage must be at least to be found by likeness.",
    ),
    parameter("leg", {"type": "string", "enum": list(LEGS)}, "Only by likeness, or only by words."),
]


def read_question() -> Question:
    """What is searched for. Refusal 422 with each parameter that is wrong."""
    errors = list(_wrong())
    if errors:
        raise Refusal(422, "Some parameters are wrong.", errors=errors)
    given = request.args
    legs: Sequence[Leg] = [leg for leg in LEGS if given.get("leg", leg) == leg]
    return Question(
        given["q"],
        base_ids=_ids("base"),
        source_ids=_ids("source"),
        kinds=given.getlist("kind") or None,
        top_k=int(given["top_k"]) if "top_k" in given else None,
        threshold=float(given["threshold"]) if "threshold" in given else None,
        legs=legs,
    )


def _ids(key: str) -> list[UUID] | None:
    return [UUID(value) for value in request.args.getlist(key)] or None


def _wrong() -> Iterator[FieldError]:
    given = request.args
    for key, values in given.lists():
        if key in {"base", "source"}:
            if len(values) > MOST_NAMED or not all(map(_ID.match, values)):
                yield FieldError(key, f"Give ids, at most {MOST_NAMED}.")
        elif key == "kind" and not set(values) <= set(KINDS):
            yield FieldError(key, f"Give one or more of {', '.join(KINDS)}.")
    yield from _wrong_values(given)


def _wrong_values(given: Mapping[str, str]) -> Iterator[FieldError]:
    if not given.get("q", "").strip() or len(given["q"]) > LONGEST:
        yield FieldError("q", f"Give 1 to {LONGEST:,} characters.")
    most = number(given.get("top_k", "1"))
    if most is None or most > MOST_PASSAGES:
        yield FieldError("top_k", f"Give a whole number from 1 to {MOST_PASSAGES}.")
    if not _SHARE.fullmatch(given.get("threshold", "0")) or float(given.get("threshold", "0")) > 1:
        yield FieldError("threshold", "Give a number from 0 to 1.")
    if given.get("leg", "vector") not in LEGS:
        yield FieldError("leg", f"Give {' or '.join(LEGS)}.")


def knowledge_result(found: Found) -> KnowledgeResult:
    """What was found."""
    parts = {name: found.milliseconds.get(name, 0.0) for name in Milliseconds.model_fields}
    return KnowledgeResult(
        data=[_passage(hit) for hit in found.hits],
        milliseconds=Milliseconds(**parts),
        notices=list(found.notices),
    )


def _passage(hit: Hit) -> Passage:
    shown = hit.passage
    return Passage.model_validate(
        {
            "chunk_id": shown.id,
            "base_id": shown.base_id,
            "base_name": shown.base_name,
            "source_kind": shown.kind,
            "source_id": shown.source_id,
            "source_name": shown.source_name,
            "source_url": shown.source_url,
            "text": shown.text,
            "start_offset": shown.start_offset,
            "end_offset": shown.end_offset,
            "pieces": [Piece(text=words, matches=matches) for words, matches in shown.pieces],
            "score": hit.score,
            "vector_rank": hit.vector_rank,
            "likeness": hit.likeness,
            "fulltext_rank": hit.fulltext_rank,
            "fulltext_score": hit.fulltext_score,
            "rerank_score": hit.rerank_score,
        }
    )

"""What servers of OpenAI's protocol are asked beside chat: vectors of texts, and which texts answer a question best.

https://platform.openai.com/docs/api-reference/embeddings/create, https://docs.cohere.com/reference/rerank
"""

import base64
import json
import random
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.connections.providers import reason, secret_headers
from app.web.outbound import Answer, Call, OutboundFailed, OutboundRefused, fetch

MOST_BYTES = 64 * 1024 * 1024
MOST_WAIT_SECONDS = 60.0
"""A server that asks for a longer pause is not asked again."""
_PASSING = frozenset({408, 425, 429})


class NotAnswered(Exception):
    """The model gave no usable answer; the message says why. `passing` is whether it may give one later."""

    def __init__(self, words: str, *, passing: bool = False, wait: float | None = None) -> None:
        super().__init__(words)
        self.passing, self.wait = passing, wait


@dataclass(frozen=True)
class Endpoint:
    """A model at a base URL."""

    base_url: str
    secret: str | None = field(repr=False)
    model: str


@dataclass(frozen=True)
class Patience:
    """How often to ask, how many seconds each call may take, and what waits so many seconds between them."""

    seconds: float
    tries: int = 1
    wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Vectors:
    """A row of numbers for each text, and how many tokens the server counted, if it says so."""

    rows: Sequence[Sequence[Any]]
    tokens: int | None


def embed(endpoint: Endpoint, texts: Sequence[str], patience: Patience) -> Vectors:
    """Ask for the vectors of texts, in their order. Raises NotAnswered.

    Whether each has the right width and holds numbers only is for the caller to check.
    """
    asked = {"model": endpoint.model, "input": list(texts), "encoding_format": "float"}
    found = ask(endpoint, "embeddings", asked, patience)
    listed = found.get("data") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise NotAnswered(f"{endpoint.model} answered JSON, but no list of vectors.")
    if len(listed) != len(texts):
        raise NotAnswered(f"{endpoint.model} answered {len(listed)} vectors for {len(texts)} texts.")
    places = [item.get("index", place) for place, item in enumerate(listed)]
    if sorted(map(str, places)) != sorted(map(str, range(len(texts)))):
        raise NotAnswered(f"{endpoint.model} answered vectors whose places are not those of the texts.")
    by_place = {str(place): item.get("embedding") for place, item in zip(places, listed, strict=True)}
    rows = [_numbers(by_place[str(place)]) for place in range(len(texts))]
    return Vectors(rows, _tokens(found))


def rerank(
    endpoint: Endpoint, question: str, texts: Sequence[str], patience: Patience
) -> Sequence[tuple[int, float]]:
    """The places of texts with their scores, the best first, as Cohere, Jina and vLLM answer. Raises NotAnswered."""
    asked = {"model": endpoint.model, "query": question, "documents": list(texts), "top_n": len(texts)}
    found = ask(endpoint, "rerank", asked, patience)
    listed = found.get("results") if isinstance(found, dict) else None
    if not isinstance(listed, list) or not listed:
        raise NotAnswered(f"{endpoint.model} answered JSON, but no order of texts.")
    scores: dict[int, float] = {}
    for item in listed:
        place, score = (
            (item.get("index"), item.get("relevance_score")) if isinstance(item, dict) else (None, 0)
        )
        if type(place) is not int or not 0 <= place < len(texts) or place in scores:
            raise NotAnswered(f"{endpoint.model} answered places that are not those of the texts.")
        if not isinstance(score, int | float) or not abs(score) <= sys.float_info.max:
            raise NotAnswered(f"{endpoint.model} answered a score that is no number.")
        scores[place] = float(score)
    return sorted(scores.items(), key=lambda entry: -entry[1])


def ask(endpoint: Endpoint, path: str, body: Any, patience: Patience) -> Any:
    """Post JSON to a path below the base URL; the JSON of the answer. Raises NotAnswered.

    What may pass (429, 5xx, a broken or slow connection) is asked again, later each time or when the server says so.
    """
    for attempt in range(1, patience.tries + 1):
        try:
            return _once(endpoint, path, body, patience.seconds)
        except NotAnswered as error:
            delay = 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5) if error.wait is None else error.wait
            if not error.passing or attempt == patience.tries or delay > MOST_WAIT_SECONDS:
                raise
            patience.wait(delay)
    raise AssertionError("patience without tries")


def _once(endpoint: Endpoint, path: str, body: Any, seconds: float) -> Any:
    call = Call(
        "model",
        f"{endpoint.base_url}/{path}",
        method="POST",
        headers={"Accept": "application/json"},
        secret_headers=secret_headers("openai", endpoint.secret),
        body=orjson.dumps(body),
        seconds=seconds,
        max_bytes=MOST_BYTES,
    )
    try:
        answer = fetch(call)
    except OutboundRefused as error:
        raise NotAnswered(str(error)) from error
    except OutboundFailed as error:
        raise NotAnswered(str(error), passing=True) from error
    if answer.status != 200:
        passing = answer.status in _PASSING or answer.status >= 500
        words = f"{endpoint.model} answered {answer.status}: {reason(answer, endpoint.secret)}"
        raise NotAnswered(words, passing=passing, wait=_wait(answer))
    return _read(endpoint, answer)


def _read(endpoint: Endpoint, answer: Answer) -> Any:
    """The JSON of an answer, in which some servers write NaN, too."""
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        words = f"{endpoint.model} gave no usable answer: {reason(answer, endpoint.secret)}"
        raise NotAnswered(words) from error


def _wait(answer: Answer) -> float | None:
    """The seconds of Retry-After; None if it says none, or names a date."""
    said = answer.headers.get("retry-after", "").strip()
    return float(said) if said.isascii() and said.isdigit() and len(said) < 7 else None


def _numbers(given: Any) -> Sequence[Any]:
    """A vector as a list of numbers, or as the base64 of little-endian floats of four bytes each."""
    if isinstance(given, list):
        return given
    try:
        numbers = array("f", base64.b64decode(given, validate=True))
    except (TypeError, ValueError):
        return ()
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _tokens(found: dict[str, Any]) -> int | None:
    usage = found.get("usage")
    count = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else None
    return count if type(count) is int and 0 <= count < 10**12 else None

"""What model providers are asked and answer: their list of models, in the protocols of OpenAI and of Anthropic."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.web.outbound import Answer, Call, OutboundFailed, OutboundRefused, fetch

DEFAULT_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
ANTHROPIC_VERSION = "2023-06-01"
SECONDS = 10
MOST_BYTES = 4 * 1024 * 1024
MOST_MODELS = 2_000
NAME_LENGTH = 255
WORDS_LENGTH = 300
MASK = "•••"
_PIECE = 8
_SIZES = ("context_length", "context_window", "max_model_len", "max_context_length", "max_input_tokens")
_MOST_TOKENS = 100_000_000


@dataclass(frozen=True)
class Offered:
    """A model that a provider lists; `context_size` in tokens where the provider says it."""

    name: str
    context_size: int | None


@dataclass(frozen=True)
class Tried:
    """What came of asking for the models: the HTTP status if there was an answer, and how long it took.

    `words` say what went wrong, in the provider's own words where it gave some, without the secret; empty if all is
    well.
    """

    status: int | None
    milliseconds: int
    models: Sequence[Offered] = ()
    words: str = ""

    @property
    def worked(self) -> bool:
        """Whether the provider answered with its models."""
        return not self.words


def list_url(kind: str, base_url: str) -> str:
    """The address that lists the models of a provider."""
    return f"{base_url}/v1/models?limit=1000" if kind == "anthropic" else f"{base_url}/models"


def secret_headers(kind: str, secret: str | None) -> dict[str, str]:
    """The headers that carry the secret."""
    if not secret:
        return {}
    return {"x-api-key": secret} if kind == "anthropic" else {"Authorization": f"Bearer {secret}"}


def try_models(kind: str, base_url: str, secret: str | None) -> Tried:
    """Ask a provider for its models, within SECONDS; never raises for what it answers or where it is."""
    headers = {"Accept": "application/json"}
    if kind == "anthropic":
        headers["anthropic-version"] = ANTHROPIC_VERSION
    call = Call(
        "model",
        list_url(kind, base_url),
        headers=headers,
        secret_headers=secret_headers(kind, secret),
        seconds=SECONDS,
        max_bytes=MOST_BYTES,
    )
    begun = time.monotonic()
    try:
        answer = fetch(call)
    except (OutboundRefused, OutboundFailed) as error:
        return Tried(None, _since(begun), words=masked(str(error), secret))
    tried = read_answer(answer)
    return replace(tried, milliseconds=_since(begun), words=masked(tried.words, secret)[:WORDS_LENGTH])


def read_answer(answer: Answer) -> Tried:
    """The models of an answer, or what it says instead of them."""
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return Tried(answer.status, 0, words=_no_json(answer))
    if answer.status != 200:
        said = _said(found)
        return Tried(answer.status, 0, words=said or "The provider gives no reason.")
    listed = found.get("data") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        return Tried(answer.status, 0, words="The answer is JSON, but no list of models.")
    return Tried(answer.status, 0, _offered(listed))


def reason(answer: Answer, secret: str | None) -> str:
    """Why an answer is none, in the provider's own words where it gives some, without the secret."""
    try:
        words = _said(orjson.loads(answer.body)) or "The provider gives no reason."
    except orjson.JSONDecodeError:
        words = _no_json(answer)
    return masked(words, secret)[:WORDS_LENGTH]


def masked(text: str, secret: str | None) -> str:
    """A text without the secret, nor any piece of it as long as _PIECE characters."""
    if not secret:
        return text
    size = min(_PIECE, len(secret))
    hidden = [False] * len(text)
    for start in range(len(text) - size + 1):
        if text[start : start + size] in secret:
            hidden[start : start + size] = [True] * size
    kept = [
        char if not hidden[place] else MASK if place == 0 or not hidden[place - 1] else ""
        for place, char in enumerate(text)
    ]
    return "".join(kept)


def _since(begun: float) -> int:
    return round(1000 * (time.monotonic() - begun))


def _offered(listed: Sequence[Any]) -> list[Offered]:
    """The models by name, each once; what has no usable name is left out."""
    found = {}
    for item in listed[:MOST_MODELS]:
        name = item.get("id") if isinstance(item, dict) else None
        if isinstance(name, str) and 0 < len(name) <= NAME_LENGTH and name.isprintable():
            found[name] = Offered(name, _size(item))
    return sorted(found.values(), key=lambda offered: offered.name.lower())


def _size(item: dict[str, Any]) -> int | None:
    sizes = [item.get(key) for key in _SIZES]
    return next((size for size in sizes if type(size) is int and 0 < size <= _MOST_TOKENS), None)


def _said(found: Any) -> str:
    """The reason in a refusal: `error.message`, `error`, `message` or `detail`."""
    if not isinstance(found, dict):
        return ""
    error = found.get("error")
    inner = error.get("message") if isinstance(error, dict) else error
    for words in (inner, found.get("message"), found.get("detail")):
        if isinstance(words, str) and words.strip():
            return _line(words)
    return ""


def _no_json(answer: Answer) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    text = _line(answer.body[: 4 * WORDS_LENGTH].decode("utf-8", "replace"))
    if kind == "text/plain" and text and answer.status != 200:
        return text
    what = "a web page" if "html" in kind or text[:1] == "<" else "empty" if not text else "no JSON"
    return f"The answer is {what}. Look whether the base URL is complete."


def _line(text: str) -> str:
    """A text on one line, without what cannot be shown."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())

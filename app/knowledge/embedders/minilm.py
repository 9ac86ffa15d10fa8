"""The local embedding model all-MiniLM-L6-v2: 384 numbers for a text, in numpy, without a network.

It is a BERT of 6 layers and 12 heads; a text's vector is the mean of its tokens' last states, made one long. It
was trained on English and reads the first 256 tokens of a text, marks of begin and end among them.

Measured on one core: 2,600 tokens a second, that is 18 texts of 143 tokens; 150 MB above an idle process. Of 403
texts of 2 to 256 tokens no number differed by more than 4e-7 from what transformers computes on torch, which nothing
here needs.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from threadpoolctl import threadpool_limits

from app.knowledge.embedders.weights import tensors, tokenizer

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384
TOKENS = 256
LAYERS = 6
HEADS = 12
BATCH_TOKENS = 2048  # padding counted; the largest array of a batch takes 25 MB
TOKENIZED_AT_ONCE = 256  # texts
_GELU_ROWS = 64  # of 1,536 numbers: what the steps of the formula work on stays in the cache of a core
_EPSILON = np.float32(1e-12)
_FAR = np.float32(-1e9)  # added to the score of padding
# erf(x) by Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: off by 1.5e-7 at most.
_ERF_P = np.float32(0.3275911)
_ERF_A = tuple(np.float32(a) for a in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592))

Array = np.ndarray


class MiniLM:
    """The model; its weights are checked and mapped on first use and shared within the process."""

    def embed(self, texts: Sequence[str]) -> Array:
        """Return one row for each text: float32 (n, 384), each of length 1; raises ModelMissing.

        What goes beyond 256 tokens is left out; a lone surrogate counts as a question mark.
        """
        network = _network()
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        ids = _tokens(texts)
        for rows in _batches([len(one) for one in ids]):
            vectors[rows] = network.vectors([ids[row] for row in rows])
        return vectors


def _tokens(texts: Sequence[str]) -> list[Array]:
    """Return the ids of each text, those of begin and end among them, 256 at most."""
    first, *_, last = tokenizer().encode("").ids
    ids: list[Array] = []
    for start in range(0, len(texts), TOKENIZED_AT_ONCE):
        clean = [
            text.encode("utf-8", "replace").decode() for text in texts[start : start + TOKENIZED_AT_ONCE]
        ]
        ids.extend(
            np.array([first, *encoded.ids[: TOKENS - 2], last], dtype=np.int32)
            for encoded in tokenizer().encode_batch_fast(clean, add_special_tokens=False)
        )
    return ids


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the rows in batches of about the same length, so that little of a batch is padding."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        if batch and (len(batch) + 1) * lengths[batch[0]] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


class _Layer:
    """One of the six: attention over the tokens, then a step on each token alone."""

    def __init__(self, weights: Mapping[str, Array], number: int) -> None:
        def of(name: str) -> Array:
            return weights[f"encoder.layer.{number}.{name}"]

        parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
        self._inputs = np.concatenate([of(f"{part}.weight") for part in parts]).T
        self._inputs_bias = np.concatenate([of(f"{part}.bias") for part in parts])
        self._steps = {
            step: (of(f"{step}.dense.weight").T, of(f"{step}.dense.bias"))
            for step in ("attention.output", "intermediate", "output")
        }
        self._norms = {
            step: (of(f"{step}.LayerNorm.weight"), of(f"{step}.LayerNorm.bias"))
            for step in ("attention.output", "output")
        }

    def apply(self, states: Array, far: Array | None) -> Array:
        """Return the states (texts, tokens, 384) after this layer; `far` keeps padding out of attention."""
        attended = self._step("attention.output", self._attention(states, far))
        states = _normal(attended + states, *self._norms["attention.output"])
        wide = self._step("intermediate", states)
        _gelu(wide.reshape(-1, wide.shape[-1]))
        return _normal(self._step("output", wide) + states, *self._norms["output"])

    def _step(self, name: str, states: Array) -> Array:
        weight, bias = self._steps[name]
        result: Array = states @ weight
        result += bias
        return result

    def _attention(self, states: Array, far: Array | None) -> Array:
        texts, tokens, width = states.shape
        joined = states @ self._inputs
        joined += self._inputs_bias
        query, key, value = joined.reshape(texts, tokens, 3, HEADS, -1).transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2)
        scores *= np.float32((width // HEADS) ** -0.5)
        if far is not None:
            scores += far
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: Array = scores @ value
        return mixed.swapaxes(1, 2).reshape(texts, tokens, width)


class _Network:
    """The weights in the order of use."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = (
            weights["embeddings.position_embeddings.weight"][:TOKENS]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"]
        self._layers = [_Layer(weights, number) for number in range(LAYERS)]

    def vectors(self, ids: Sequence[Array]) -> Array:
        """Return the vectors (n, 384) of texts given as ids of tokens."""
        longest = max(map(len, ids))
        padded = np.zeros((len(ids), longest), dtype=np.int32)
        mask = np.zeros((len(ids), longest), dtype=np.float32)
        for row, one in enumerate(ids):
            padded[row, : len(one)] = one
            mask[row, : len(one)] = 1
        far = None if mask.all() else ((1 - mask) * _FAR)[:, None, None, :]
        states = _normal(self._words[padded] + self._places[:longest], *self._norm)
        for layer in self._layers:
            states = layer.apply(states, far)
        means = np.einsum("btw,bt->bw", states, mask) / mask.sum(axis=1, keepdims=True)
        lengths = np.linalg.norm(means, axis=1, keepdims=True)
        return np.asarray(means / np.maximum(lengths, _EPSILON), dtype=np.float32)


@cache
def _network() -> _Network:
    # Threads of the algebra library wait for each other by spinning: beside other busy processes two of them took ten
    # times as long as one, and on an idle machine they gained a quarter.
    threadpool_limits(1, user_api="blas")
    return _Network(tensors())


def _normal(states: Array, weight: Array, bias: Array) -> Array:
    """Return each token's state with mean 0 and variance 1, scaled and moved; `states` is used up."""
    states -= states.mean(axis=-1, keepdims=True)
    variance = np.einsum("...w,...w->...", states, states)[..., None] / np.float32(states.shape[-1])
    states /= np.sqrt(variance + _EPSILON)
    states *= weight
    states += bias
    return states


def _gelu(rows: Array) -> None:
    """Replace each x of a table by x/2 · (1 + erf(x/√2)), a few rows at a time."""
    for start in range(0, len(rows), _GELU_ROWS):
        block = rows[start : start + _GELU_ROWS]
        scaled = np.abs(block)
        scaled *= np.float32(0.5**0.5)
        share = 1 / (1 + _ERF_P * scaled)
        rest = share * _ERF_A[0]
        for factor in _ERF_A[1:]:
            rest += factor
            rest *= share
        scaled *= scaled
        np.negative(scaled, out=scaled)
        rest *= np.exp(scaled, out=scaled)  # 1 - erf|x|
        np.subtract(1, rest, out=rest)
        np.copysign(rest, block, out=rest)
        rest += 1
        block *= np.float32(0.5)
        block *= rest

"""Embedding models that only tests know: a number for each word, by its hash, so that equal words are near."""

import hashlib
import re
from collections.abc import Sequence

import numpy as np

HERE = "tests.support.embedder"
WIDE = "words-768"
embedded: list[str] = []


class Words:
    """As many numbers as `width`, of length 1; texts with the same words are the same."""

    width = 384

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        embedded.extend(texts)
        rows = np.zeros((len(texts), self.width), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % self.width] += 1
        lengths: np.ndarray = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.maximum(lengths, 1e-9)


class WideWords(Words):
    width = 768


class Broken(Words):
    """What it answers is set by tests."""

    answer: object = None

    def embed(self, _texts: Sequence[str]) -> np.ndarray:
        return type(self).answer  # type: ignore[return-value]


MODELS = {"all-MiniLM-L6-v2": f"{HERE}:Words", WIDE: f"{HERE}:WideWords", "broken": f"{HERE}:Broken"}

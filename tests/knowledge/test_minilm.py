"""The local embedding model: its vectors, its limits, its files."""

import re
import subprocess
import sys

import numpy as np
import pytest

from app.knowledge.embedders import weights
from app.knowledge.embedders.minilm import BATCH_TOKENS, DIMENSIONS, MODEL, TOKENS, MiniLM, _batches, _tokens

# First numbers and sum of the vectors that the reference implementation (transformers on torch) gives.
REFERENCE = {
    "A backup that was never restored is a hope, not a backup.": (
        [-0.092684, -0.021691, 0.037167, -0.018731, 0.043868, -0.006368],
        0.29266,
    ),
    "ERR-4711": ([-0.139368, 0.051005, -0.061095, -0.075559, 0.019047, -0.040136], 0.23766),
    "Füße, naïve café, 漢字 😀": ([0.025688, 0.060336, -0.003756, 0.051237, -0.001897, 0.014094], 0.04059),
}
MEMORY = """
import re
import app
def resident():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
before = resident()
from app.knowledge.embedders.minilm import MiniLM
MiniLM().embed(["word " * 400] * 40 + ["short"] * 200)
print(resident() - before)
"""


def embed(*texts):
    return MiniLM().embed(texts)


def test_the_model_says_what_it_is():
    assert (MODEL, DIMENSIONS) == ("all-MiniLM-L6-v2", 384)


@pytest.mark.parametrize(("text", "reference"), REFERENCE.items())
def test_vectors_are_those_of_the_reference_implementation(text, reference):
    first, total = reference
    vector = embed(text)[0]
    assert vector[: len(first)] == pytest.approx(first, abs=2e-6)
    assert vector.sum() == pytest.approx(total, abs=1e-4)


def test_vectors_are_single_floats_of_length_one():
    vectors = embed("one", "two words", "", "   ", "x" * 5000, "\x00\x07", "a lone \ud800 surrogate")
    assert vectors.shape == (7, DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(7), abs=1e-5)


def test_no_text_gives_no_vector():
    assert embed().shape == (0, DIMENSIONS)


def test_a_vector_does_not_depend_on_its_neighbours():
    texts = [f"Sentence {number} " + "with a few more words " * (number % 40) for number in range(90)]
    together = MiniLM().embed(texts)
    alone = np.concatenate([embed(text) for text in texts[::9]])
    assert np.abs(together[::9] - alone).max() < 2e-6


def test_what_is_meant_alike_is_near():
    question, *answers = embed(
        "How do I get back into my account when I forgot the password?",
        "Reset a lost password: choose 'Forgotten' on the sign-in page and follow the link in the e-mail.",
        "An account is locked for ten minutes after five wrong passwords.",
        "The cantina serves soup on Thursdays.",
    )
    nearness = [float(question @ answer) for answer in answers]
    assert nearness == sorted(nearness, reverse=True)
    assert nearness[0] > 0.5
    assert nearness[2] < 0.2


def test_what_is_beyond_256_tokens_is_left_out():
    words = ["alpha", "beta", "gamma"] * 200
    kept = " ".join(words[: TOKENS - 2])
    assert len(_tokens([" ".join(words)])[0]) == TOKENS
    assert np.array_equal(embed(" ".join(words))[0], embed(kept)[0])
    assert not np.allclose(embed(kept)[0], embed(" ".join(words[:100]))[0])


def test_batches_hold_each_row_once_and_little_padding():
    lengths = [(7 * number) % 255 + 2 for number in range(500)]
    batches = list(_batches(lengths))
    assert sorted(row for batch in batches for row in batch) == list(range(500))
    padded = [len(batch) * max(lengths[row] for row in batch) for batch in batches]
    assert max(padded) <= BATCH_TOKENS
    assert sum(padded) < 1.1 * sum(lengths)


def test_memory_stays_small():
    command = [sys.executable, "-c", MEMORY]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert int(printed) <= 250


def test_changed_weights_are_refused(monkeypatch):
    name, sha256 = weights.WEIGHTS
    monkeypatch.setattr(weights, "WEIGHTS", (name, "0" * 64))
    with pytest.raises(
        weights.ModelMissing, match=f"model.safetensors .* has SHA-256 {sha256} instead of 0{{64}}"
    ):
        weights.tensors()


def test_absent_weights_are_named(monkeypatch):
    with pytest.raises(weights.ModelMissing, match=re.escape("lacks its file model.onnx")):
        weights.checked("model.onnx", "0" * 64)
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    with pytest.raises(weights.ModelMissing, match="is not installed"):
        weights.checked(*weights.WEIGHTS)

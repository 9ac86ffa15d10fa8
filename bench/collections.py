"""Judged collections from documentation that installed packages ship, to choose constants of the search by.

`python -m bench.collections DIRECTORY` writes three in the BEIR layout, for `flask knowledge evaluate`:

- `rules`: ruff's rules without what they check; asked for by that sentence, by their message, and by their code;
- `docstrings`: functions and classes of the standard library without their first sentence, which is the question;
- `headings`: sections of the descriptions of packages without their headings, which are the questions.

None has anything to do with the collection that the product is judged by (`tests/knowledge/collection`).
"""

import importlib
import inspect
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

SEED = 5
MOST = 500
"""Documents of a collection."""
LEAST = 150
"""Characters of a document."""
_CHECKED = re.compile(r"## What it does\s+(.+?)\n\n(.*)", re.DOTALL)
_FIRST = re.compile(r"(.{20,200}?[.:])\s+(.*)", re.DOTALL)
_SECTION = re.compile(r"^#{2,4} +(.+?)\n(.*?)(?=^#{1,4} |\Z)", re.MULTILINE | re.DOTALL)
Entry = tuple[str, str, list[str]]
"""A document with its title and the questions that it answers."""


def rules() -> Iterator[Entry]:
    """Yield each stable rule of ruff."""
    command = [Path(sys.executable).with_name("ruff"), "rule", "--all", "--output-format", "json"]
    said = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - ours
    for number, rule in enumerate(json.loads(said.stdout)):
        found = _CHECKED.match(rule["explanation"] or "")
        if found is None:
            continue
        asked = [found[1], re.sub(r"\{\w+\}", "", rule["summary"]), f"What is {rule['code']}?"]
        yield f"{rule['code']} ({rule['name']})", found[2], [asked[number % 3]]


def docstrings() -> Iterator[Entry]:
    """Yield the functions and classes of the standard library that say more than one sentence."""
    for module in _modules():
        for name, thing in sorted(vars(module).items()):
            if name.startswith("_") or getattr(thing, "__module__", "") != module.__name__:
                continue
            found = _FIRST.fullmatch(inspect.getdoc(thing) or "")
            if found:
                yield name, found[2], [" ".join(found[1].split())]


def headings() -> Iterator[Entry]:
    """Yield the sections of the descriptions of installed packages."""
    for package in sorted(distributions(), key=lambda one: one.metadata["Name"].lower()):
        for heading, text in _SECTION.findall(str(package.metadata.get_payload())):
            asked = re.sub(r"[`*#]|\[|\]\(.*?\)", "", heading).strip()
            if len(asked.split()) >= 2:
                yield package.metadata["Name"], text.strip(), [f"{package.metadata['Name']}: {asked}"]


def _modules() -> Iterator[ModuleType]:
    for name in sorted(sys.stdlib_module_names):
        if name.startswith("_") or name in {"antigravity", "this", "idlelib"}:
            continue
        try:
            yield importlib.import_module(name)
        except ImportError:
            continue


def write(directory: Path, entries: Iterable[Entry]) -> int:
    """Write a collection of some of the entries, chosen by the seed; how many documents it has."""
    unique = {text: entry for entry in entries if len(text := entry[1]) >= LEAST}
    chosen = random.Random(SEED).sample(list(unique.values()), min(MOST, len(unique)))
    (directory / "qrels").mkdir(parents=True, exist_ok=True)
    corpus, queries, judged = [], [], ["query-id\tcorpus-id\tscore"]
    for number, (title, text, asked) in enumerate(chosen):
        corpus.append(json.dumps({"_id": f"d{number}", "title": title, "text": text}))
        for words in asked:
            queries.append(json.dumps({"_id": f"q{len(queries)}", "text": words}))
            judged.append(f"q{len(queries) - 1}\td{number}\t1")
    for name, lines in [("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels/test.tsv", judged)]:
        (directory / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(chosen)


def main() -> None:
    """Write all of them."""
    place = Path(sys.argv[1])
    for make in (rules, docstrings, headings):
        print(f"{make.__name__}: {write(place / make.__name__, make())} documents")


if __name__ == "__main__":
    main()

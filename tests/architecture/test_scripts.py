"""The browser scripts: their weight, one module that knows htmx, no words of their own, nothing the policy forbids."""

import gzip
import re

import pytest

from tests.architecture import source

SCRIPTS = sorted((source.ROOT / "static" / "js").glob("*.js"))
# Bytes as sent.
CEILINGS = {
    "adapter": 3070,
    "autosave": 1200,
    "copy": 430,
    "form": 1320,
    "kept": 2120,
    "keys": 2700,
    "list": 1250,
    "main": 1150,
    "place": 900,
    "stream": 2000,
    "thread": 900,
}
LINE = 120


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts_are_small(script):
    assert len(gzip.compress(script.read_bytes())) <= CEILINGS[script.stem]
    assert max(len(line) for line in script.read_text().splitlines()) <= LINE


def test_one_module_knows_htmx():
    assert [script.stem for script in SCRIPTS if "htmx" in script.read_text().lower()] == ["adapter"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts_take_their_words_from_templates(script):
    code = re.sub(r"^\s*(//|/\*\*).*$", "", script.read_text(), flags=re.MULTILINE)
    words = re.findall(r"""["'`][A-Z][a-z]+ [a-z].*?["'`]""", code)
    assert words == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_scripts_make_no_markup_or_code_from_text(script):
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|unload\"\s*,\s*\("
    )
    assert re.findall(forbidden, script.read_text()) == []

"""Templates: the blocks views ask for exist, and the markup keeps to the dialect."""

import ast
import re

from jinja2 import Environment, FileSystemLoader, nodes

from tests.architecture import source
from tests.support.pages import HTMX

ENVIRONMENT = Environment(
    loader=FileSystemLoader(source.TEMPLATES),
    autoescape=True,
    extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
)
ATTRIBUTE = re.compile(r"[\s\"'](?P<name>(?:data-)?hx-[a-z:-]+)\s*=")
INLINE = re.compile(
    r"\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|<style|<script(?![^>]*\ssrc=)|javascript:", re.IGNORECASE
)
JINJA = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)
NAMES = {"name", "title", "email", "question"}
SAFE = re.compile(r"\|\s*safe\b")


def _rendered() -> list[tuple[str, str, str | None]]:
    """Return (where, template, block) of each `render("x.html", "block", ...)` with literal arguments."""
    found = []
    for module in source.app_sources():
        for call in module.calls:
            name = call.func.id if isinstance(call.func, ast.Name) else None
            literals = [item.value if isinstance(item, ast.Constant) else None for item in call.args[:2]]
            if name == "render" and literals and isinstance(literals[0], str):
                block = literals[1] if len(literals) > 1 else None
                found.append((f"{module.name}:{call.lineno}", literals[0], block))
    return found


def _parsed(template: str) -> nodes.Template:
    return ENVIRONMENT.parse((source.TEMPLATES / template).read_text(encoding="utf-8"))


def _markup() -> list[tuple[str, str]]:
    pages = [path for path in source.templates() if path.suffix == ".html" and path.parent.name != "email"]
    return [(str(path.relative_to(source.TEMPLATES)), path.read_text(encoding="utf-8")) for path in pages]


def test_what_is_passed_on_has_an_else():
    """`{{ ui.time(a if b) }}` passes an undefined value on, which fails once something reads it."""
    for where, text in _markup():
        for call in ENVIRONMENT.parse(text).find_all((nodes.Call, nodes.Filter)):
            given = [call.node, *call.args, *(pair.value for pair in call.kwargs)]
            lacking = [one for one in given if isinstance(one, nodes.CondExpr) and one.expr2 is None]
            assert not lacking, f"{where}:{lacking[0].lineno}: say what else is passed on"


def test_headings_and_questions_keep_names_apart():
    """`"Delete " ~ agent.name` lets a name of another direction turn the sentence round; `ui.isolated` does not."""
    for where, text in _markup():
        page = ENVIRONMENT.parse(text)
        titles = [call.args[0] for call in page.find_all(nodes.Call) if _is_ui(call.node, "page_head")]
        asked = list(page.find_all(nodes.Concat)) if "ui.confirm_page(" in text else []
        for sentence in [*titles, *asked]:
            parts = sentence.nodes if isinstance(sentence, nodes.Concat) else []
            bare = [part for part in parts if isinstance(part, nodes.Getattr) and part.attr in NAMES]
            assert not bare, f"{where}:{bare[0].lineno}: isolate {bare[0].attr}"


def _is_ui(node: nodes.Expr, macro: str) -> bool:
    return isinstance(node, nodes.Getattr) and node.attr == macro and node.node == nodes.Name("ui", "load")


def test_rendered_templates_and_blocks_exist():
    for where, template, block in _rendered():
        assert (source.TEMPLATES / template).exists(), f"{where}: {template} is absent"
        blocks = {node.name for node in _parsed(template).find_all(nodes.Block)}
        assert block is None or block in blocks, f"{where}: {template} defines no block {block}"


def test_a_rendered_block_holds_the_element_of_its_name():
    for where, template, block in _rendered():
        if block:
            text = (source.TEMPLATES / template).read_text(encoding="utf-8")
            signs = (
                f'id="{block}"',
                f'"{block}"',
                f"ui.{block}(",
            )  # a macro may write the element of its name
            assert any(sign in text for sign in signs), (where, template, block)


def test_every_template_parses():
    for name, text in _markup():
        ENVIRONMENT.parse(text, name)


def test_templates_hold_no_inline_code():
    found = [
        (name, match.group()) for name, text in _markup() for match in INLINE.finditer(JINJA.sub("", text))
    ]
    assert found == []


def test_templates_trust_no_text():
    assert [name for name, text in _markup() if SAFE.search(text)] == []


def test_templates_keep_to_the_dialect():
    found = {
        (name, m["name"])
        for name, text in _markup()
        for m in ATTRIBUTE.finditer(text)
        if m["name"] not in HTMX
    }
    assert found == set()

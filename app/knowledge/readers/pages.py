"""HTML: what a page says, without menus, scripts and forms."""

from pathlib import Path
from typing import Any

from lxml import etree, html

from app.knowledge.readers.document import BROKEN, NO_TEXT, Document, Unreadable
from app.knowledge.readers.markup import to_markdown
from app.knowledge.readers.text import clean, read_text

_SILENT = (
    "script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "math", "canvas", "form", "button",
    "select", "input", "textarea", "dialog", "link", "meta", "title",
)  # fmt: skip
_FRAME = ("nav", "aside", "footer")
_BLOCKS = ("div", "section", "ul", "ol", "table")
_MAIN = "//main | //article | //*[@role='main']"
_MENU_LINKS = 5
_MENU_SHARE = 0.8  # of the letters of a menu stand in links


def read(path: Path) -> Document:
    """Read a web page."""
    return read_page(read_text(path))


def read_page(source: str) -> Document:
    """Return title and text of a page given as HTML: of its `main` and `article` parts, else of all but its menus.

    What is nearly nothing but links counts as a menu, unless the page holds nothing else.
    """
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        tree = html.document_fromstring(clean(source).encode(), parser=parser)
    except etree.ParserError as error:
        raise Unreadable(NO_TEXT) from error
    except etree.XMLSyntaxError as error:
        raise Unreadable(BROKEN) from error
    title = str(tree.findtext(".//title") or tree.findtext(".//h1") or "")
    _drop(tree, _SILENT)
    whole = _markdown([tree])
    parts = tree.xpath(_MAIN) or [tree]
    parts = [part for part in parts if not any(above in parts for above in part.iterancestors())]
    for part in parts:
        _drop(part, _FRAME)
        for block in part.xpath(" | ".join(f".//{name}" for name in _BLOCKS)):
            if block.getparent() is not None and _is_menu(block):
                block.drop_tree()
    return Document(title, _markdown(parts) or whole)


def _drop(tree: Any, names: tuple[str, ...]) -> None:
    for element in tree.xpath(" | ".join(f".//{name}" for name in names)):
        element.drop_tree()


def _is_menu(block: Any) -> bool:
    links = block.xpath(".//a[@href]")
    if len(links) < _MENU_LINKS:
        return False
    linked = sum(len("".join(link.text_content().split())) for link in links)
    return linked >= _MENU_SHARE * len("".join(block.text_content().split()))


def _markdown(parts: list[Any]) -> str:
    made = (to_markdown(html.tostring(part, encoding="unicode", with_tail=False)) for part in parts)
    return "\n\n".join(text for text in made if text)

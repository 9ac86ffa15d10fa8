"""Markdown that people and models wrote, as the only HTML that is made from it.

Raw HTML is text, images are links, and nh3 passes the finished markup through lists of its own: what markdown-it or
pygments might let slip is not in them.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

import nh3
from flask import Flask, g, has_app_context
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

MOST_CHARACTERS = 50_000
"""Longer texts are shown as they were written."""
MOST_SIGNS = 4_000
"""So are texts with more brackets, stars and the like: each may be compared with each."""
MOST_SECONDS = 1.0
"""And so are the texts that follow in a page once its texts have taken this long."""
MOST_CODE = 12_000
"""Code beyond it is not coloured; all code of one text counts."""
CODE_PIECE = 1_000
"""Code is coloured in pieces: the time that some lexers take grows with the square of the length."""
CODE_SECONDS = 0.2
"""The pieces that follow stay uncoloured once the code of a block has taken this long."""
MOST_KEPT = 8_000
"""Texts up to this length are kept for the next page that shows them."""
DEEPEST = 20
FIRST_HEADING, LAST_HEADING = 3, 6

CLASSES = {"c", "k", "s", "m", "n", "t", "a", "i", "d"}
"""Comment, keyword, string, number, name, tag, attribute, inserted, deleted."""
_KINDS = {
    "Comment": "c",
    "Keyword": "k",
    "Operator.Word": "k",
    "Literal.String": "s",
    "Literal.Number": "m",
    "Name.Function": "n",
    "Name.Class": "n",
    "Name.Builtin": "n",
    "Name.Tag": "t",
    "Name.Attribute": "a",
    "Generic.Heading": "k",
    "Generic.Inserted": "i",
    "Generic.Deleted": "d",
}
# Languages that are coloured: lexers cost memory once loaded, and some others time.
_COLOURED = (
    "bash c cpp csharp css diff docker dockerfile go graphql html ini java javascript js json jsx kotlin lua "
    "perl php powershell py python r rb rs ruby rust scala sh shell sql swift toml ts tsx typescript xml yaml yml"
)
_LANGUAGES = frozenset(_COLOURED.split())
_LANGUAGE = re.compile(r"[\w.+#-]{1,20}")
_ADDRESS = re.compile(r"(?:https?://[^\s/?#\\]+(?:[/?#][^\s\\]*)?|mailto:[^\s\\]+)", re.IGNORECASE)
_SIGN = re.compile(r"[\\`*_\[\]<>~|]")
# Lines that begin with a letter and hold no sign Markdown has a use for need no parser: most of what people write.
_PLAIN_LINE = r"[^\W\d_][^\x00-\x1f\x7f\\`*_\[\]<>&~|\xa0\ud800-\udfff]*"
_PLAIN = re.compile(rf"(?:{_PLAIN_LINE}\n+)*{_PLAIN_LINE}\n*")
# Stars between two spaces or letters, or beside a slash, are no marks: products, powers, comments, patterns of paths.
_MARKS = re.compile(r"(?<!\w)\*{2,}+(?=[^\s/])|(?<=[^\s/])\*{2,}+(?!\w)|`+|^ {0,3}#{1,6}[ \t]+", re.MULTILINE)
_TRAILING = re.compile(r"[^\S\n](?:\n|\Z)")
_TAGS = (
    "a blockquote br code del div em figcaption figure h3 h4 h5 h6 hr li ol p pre s small span strong "
    "table tbody td th thead tr ul"
)
_ALIGNED = {"align": {"left", "center", "right"}}
_REGION = {"role": {"group"}, "tabindex": {"0"}}
_CLEANER = nh3.Cleaner(
    tags=set(_TAGS.split()),
    clean_content_tags=set(),
    attributes={"a": {"href"}, "ol": {"start"}, "div": {"aria-label"}, "pre": {"aria-label"}},
    tag_attribute_values={"th": _ALIGNED, "td": _ALIGNED, "div": _REGION, "pre": _REGION},
    allowed_classes={"span": CLASSES},
    attribute_filter=lambda _tag, name, value: None if name == "href" and not _allowed(value) else value,
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer",
)


def render_markdown(text: str) -> Markup:
    """The text as sanitised HTML, whatever it holds."""
    try:
        return _timed(text) if len(text) > MOST_KEPT else _kept(text)
    except TimeoutError:
        return _as_written(text)


def unmarked(pieces: Sequence[tuple[str, bool]]) -> Iterator[tuple[str, bool]]:
    """A passage, cut into pieces, without the marks of strong words, code and headings. It stays text, not HTML."""
    text = "".join(piece for piece, _ in pieces)
    gone = {place for mark in _MARKS.finditer(text) for place in range(*mark.span())}
    begin = 0
    for piece, found in pieces:
        left = "".join(char for place, char in enumerate(piece, begin) if place not in gone)
        begin += len(piece)
        if left:
            yield left, found


def _timed(text: str) -> Markup:
    """The text rendered; TimeoutError once the texts of a page have taken too long."""
    spent = g.get("markdown_seconds", 0.0) if has_app_context() else 0.0
    if spent > MOST_SECONDS:
        raise TimeoutError
    begun = time.perf_counter()
    shown = _rendered(text)
    if has_app_context():
        g.markdown_seconds = spent + time.perf_counter() - begun
    return shown


def _rendered(text: str) -> Markup:
    if len(text) <= MOST_CHARACTERS:
        if _PLAIN.fullmatch(text) and not _TRAILING.search(text):
            return Markup(_paragraphs(text))  # noqa: S704 - it holds no sign of HTML
        if sum(1 for _ in _SIGN.finditer(text)) <= MOST_SIGNS:
            return Markup(_CLEANER.clean(_PARSER.render(_readable(text), {})))  # noqa: S704 - sanitised
    return _as_written(text)


_kept = lru_cache(maxsize=256)(_timed)


def _as_written(text: str) -> Markup:
    return Markup("<pre {}>{}</pre>").format(_region("Text"), _readable(text))


def _readable(text: str) -> str:
    """Without halves of characters, which have no place in a page."""
    return text.encode("utf-8", "replace").decode()


def _paragraphs(text: str) -> str:
    parts = re.split(r"\n{2,}", text.strip("\n"))
    return "".join(f"<p>{part}</p>\n".replace("\n", "<br>\n", part.count("\n")) for part in parts)


def _allowed(url: str) -> bool:
    return _ADDRESS.fullmatch(url) is not None and bool(_host(url))


def _host(url: str) -> str:
    """What the address leads to: a host, or who gets the mail. Empty if it cannot be told."""
    if url.lower().startswith("mailto:"):
        return url[7:].partition("?")[0]
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _region(label: str) -> Markup:
    return Markup('role="group" tabindex="0" aria-label="{}"').format(label)


class _Renderer(RendererHTML):
    """markdown-it's own, with links that say where they lead, and code and tables that scroll in themselves."""

    def link_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        env["links"] = [*env.get("links", ()), str(tokens[index].attrs["href"])]
        tokens[index].attrs.pop("title", None)
        return self.renderToken(tokens, index, options, env)

    def link_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        url = env["links"].pop()
        return "</a>" if tokens[index].info == "auto" else f"</a>{_note(url)}"

    def image(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        url = str(tokens[index].attrs["src"])
        words = escape(self.renderInlineAsText(tokens[index].children, options, env)) or "Image"
        return (
            f"{words}{_note(url)}" if env.get("links") else f'<a href="{escape(url)}">{words}</a>{_note(url)}'
        )

    def fence(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        token = tokens[index]
        found = _LANGUAGE.match(token.info.strip())
        language = found[0] if found else ""
        code = _coloured(token.content, language.lower(), env)
        block = f"<pre {_region(f'Code {language}'.strip())}><code>{code}</code></pre>"
        return (
            f"<figure><figcaption>{escape(language)}</figcaption>{block}</figure>\n"
            if language
            else f"{block}\n"
        )

    def code_block(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f"<pre {_region('Code')}><code>{escape(tokens[index].content)}</code></pre>\n"

    def table_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return f"<div {_region('Table')}><table>\n"

    def table_close(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return "</table></div>\n"

    def td_open(self, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        style = str(tokens[index].attrs.pop("style", ""))
        if style:
            tokens[index].attrs["align"] = style.partition(":")[2]
        return self.renderToken(tokens, index, options, env)

    th_open = td_open


def _note(url: str) -> str:
    return f" <small>{escape(_host(url))}</small>"


def _coloured(code: str, language: str, env: dict[str, Any]) -> str:
    env["code"] = env.get("code", 0) + len(code)
    if language not in _LANGUAGES or env["code"] > MOST_CODE:
        return escape(code)
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    end = time.perf_counter() + CODE_SECONDS
    return "".join(
        _spans(lexer.get_tokens(piece)) if time.perf_counter() < end else escape(piece)
        for piece in _pieces(code)
    )


def _pieces(code: str) -> Iterator[str]:
    """The code in parts that end with a line, where lines are not too long for that."""
    while len(code) > CODE_PIECE:
        end = code.rfind("\n", 0, CODE_PIECE) + 1 or CODE_PIECE
        yield code[:end]
        code = code[end:]
    yield code


def _spans(found: Iterable[tuple[_TokenType, str]]) -> str:
    """The code with a span around each run of one class; spaces belong to what stands before them."""
    parts: list[tuple[str, str]] = []
    for kind, value in found:
        name = _class(kind)
        if parts and (parts[-1][0] == name or value.isspace()):
            parts[-1] = (parts[-1][0], parts[-1][1] + value)
        else:
            parts.append((name, value))
    return "".join(
        f'<span class="{name}">{escape(value)}</span>' if name else escape(value) for name, value in parts
    )


@lru_cache(maxsize=len(STANDARD_TYPES))
def _class(kind: _TokenType) -> str:
    names = ".".join(kind).split(".")
    found = (_KINDS.get(".".join(names[:length])) for length in range(len(names), 0, -1))
    return next(filter(None, found), "")


def _settle_headings(state: StateCore) -> None:
    """Headings begin below the message's own and skip no level, however they were numbered."""
    outer: list[int] = []
    for token in state.tokens:
        if token.type == "heading_open":
            level = int(token.tag[1])
            outer = [*(other for other in outer if other < level), level]
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(FIRST_HEADING + len(outer) - 1, LAST_HEADING)}"


def _parser() -> MarkdownIt:
    options: Mapping[str, Any] = {"html": False, "breaks": True, "maxNesting": DEEPEST}
    made = MarkdownIt("commonmark", options, renderer_cls=_Renderer).enable(["table", "strikethrough"])
    made.core.ruler.push("settle_headings", _settle_headings)
    made.validateLink = _allowed  # type: ignore[method-assign]
    return made


_PARSER = _parser()


def register(app: Flask) -> None:
    """Give templates the filters `markdown` and `unmarked`."""
    app.jinja_env.filters["markdown"] = render_markdown
    app.jinja_env.filters["unmarked"] = unmarked

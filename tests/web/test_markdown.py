"""OE-2: whatever people and models write, only the renderer's own tags come out, and in bounded time."""

import re
import time
from html.parser import HTMLParser

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web import markdown
from app.web.markdown import render_markdown, unmarked

ATTRIBUTES = {
    "a": {"href", "rel"},
    "ol": {"start"},
    "div": {"role", "tabindex", "aria-label"},
    "pre": {"role", "tabindex", "aria-label"},
    "th": {"align"},
    "td": {"align"},
    "span": {"class"},
}
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<iframe src=//evil.example></iframe><form action=//evil.example><button>go</form>",
    "<style>*{display:none}</style><div style='position:fixed' id=main hx-get=/ class=button>x</div>",
    "<svg/onload=alert(1)><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "[a](javascript:alert(1)) [b](JaVa\tScript:alert(1)) [c](&#106;avascript:alert(1)) [d](data:text/html,<b>)",
    "[a](vbscript:x) [b](//evil.example) [c](/o/acme/settings) [d](\\\\evil.example) [e](#main) [f](?x)",
    "<javascript:alert(1)> <data:text/html;base64,PHNjcmlwdD4=> [x]: javascript:alert(1)\n\n[x]",
    "![x](javascript:alert(1)) ![y](data:image/svg+xml,<svg onload=alert(1)>) ![z](/pixel.png)",
    '[a](https://good.example "\\" onmouseover=alert(1) x=\\"") ![b](https://i.example/"onerror=alert(1))',
    "[a](http://good.example\\@evil.example/) [b](https:evil.example) [c](https:///evil.example)",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\n<b>\n```',
    '``` x" onclick=alert(1)\ncode\n```',
    "    </code><script>alert(1)</script>",
    "| <b> | [a](javascript:alert(1)) |\n|---|:-:|\n| <script> | `</td><script>` |",
    "<b><i></b></i></p></div></main><!-- <![CDATA[ <?php ?> --><a href=x>",
    "&lt;script&gt; &#60;script&#62; &amp;lt;",
    "**<b** onclick=x>**\n\n> - 1. # <h1 id=x>\n\n# one\n###### six",
    "\x00\x01\ufeff\u202e\u2028 \ud800 lone",
)


class Judge(HTMLParser):
    """Collects the tags of rendered text and complains about any that the renderer does not make."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        assert tag in markdown._TAGS.split(), tag
        assert set(given) <= ATTRIBUTES.get(tag, set()), (tag, attrs)
        assert set(given.get("class", "c").split()) <= markdown.CLASSES
        if tag == "a":
            assert given["rel"] == "noopener noreferrer"
            assert re.match(r"https?://[^/\\@?#]|mailto:", given.get("href", "https://x"), re.IGNORECASE)
        if tag not in {"br", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize("text", HOSTILE)
def test_oe_2_markup_in_a_message_is_text(text):
    html = str(render_markdown(text))
    Judge(html)
    assert html == nh3.clean(html, tags=set(markdown._TAGS.split()), attributes=ATTRIBUTES, link_rel=None)


WORDS = (
    *HOSTILE,
    *("[", "](", ")", "![", "<", ">", "`", "```", "~~~", "*", "_", "**", "|", "|-|", "#", "> ", "- ", "1. "),
    *(
        "\n",
        "\n\n",
        " ",
        "\t",
        "    ",
        "\\",
        "&#x6a;",
        "javascript:",
        "data:",
        "http://",
        "//",
        "@",
        '"',
        "'",
    ),
    *(
        "onerror=",
        "<a href=",
        "</p>",
        "<!--",
        "-->",
        "py\n",
        "html\n",
        "é",
        "\u0627",
        "🚀",
        "word",
        "mailto:a@b.c",
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join))
def test_oe_2_no_combination_of_signs_gets_through(text):
    Judge(str(render_markdown(text)))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab é'\"().,;:!?-+=#1/@\n "), max_size=60))
def test_text_without_signs_needs_no_parser(text):
    whole = markdown._CLEANER.clean(markdown._PARSER.render(text, {}))
    assert str(markdown._rendered(text)).strip() == whole.strip()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>\ntwo</p>\n<p>three</p>"),
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>"),
        ("# one\n\n#### two\n\n# three", "<h3>one</h3>\n<h4>two</h4>\n<h3>three</h3>"),
        ("1. a\n2. b\n\n- c", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n<ul>\n<li>c</li>\n</ul>"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
    ],
)
def test_what_people_write(text, html):
    assert str(render_markdown(text)).strip() == html


def test_links_say_where_they_lead():
    link = '<a href="https://evil.example/x" rel="noopener noreferrer">{}</a>'
    shown = str(render_markdown("[good.example](https://evil.example/x) <https://evil.example/x>"))
    assert link.format("good.example") + " <small>evil.example</small>" in shown
    assert link.format("https://evil.example/x") + "</p>" in shown
    assert "<small>evil.example</small>" in render_markdown("[good](https://good.example@evil.example/)")
    assert "<small>a@example.org</small>" in render_markdown("[write](mailto:a@example.org?subject=x)")


def test_images_are_links_that_name_their_host():
    shown = str(render_markdown("![a cat](https://img.example/cat.png)"))
    assert shown == (
        '<p><a href="https://img.example/cat.png" rel="noopener noreferrer">a cat</a> <small>img.example</small></p>\n'
    )
    nested = str(render_markdown("[![cat](https://img.example/c.png)](https://o.example)"))
    assert nested.count("<a ") == 1


def test_code_and_tables_scroll_in_themselves():
    code = str(render_markdown('```python\ndef f():\n    return "<b>"  # why\n```'))
    assert "<figcaption>python</figcaption>" in code
    assert '<pre role="group" tabindex="0" aria-label="Code python"><code>' in code
    assert '<span class="k">def </span><span class="n">f</span>' in code
    assert '<span class="s">"&lt;b&gt;"  </span><span class="c"># why' in code
    table = str(render_markdown("| a | b |\n|---|--:|\n| 1 | 2 |"))
    assert table.startswith('<div role="group" tabindex="0" aria-label="Table"><table>')
    assert '<td align="right">2</td>' in table


def test_code_keeps_every_character():
    code = "".join(f"x{number} = '{number}'\n\n" for number in range(900))
    shown = str(render_markdown(f"```python\n{code[:11_000]}\n```"))
    bare = re.sub(r"<[^>]+>", "", shown.partition("<code>")[2])
    assert bare.strip() == code[:11_000].strip()


@pytest.mark.parametrize(
    "sign",
    [
        "[",
        "](",
        "*",
        "**a ",
        "`",
        "<",
        "![",
        "> ",
        "- a\n",
        "# a\n",
        "a\n=\n",
        "|a|\n|-|\n",
        "&#",
        "\\",
        "[a](b",
    ],
)
def test_oe_2_hostile_texts_take_bounded_time(sign):
    begun = time.process_time()
    for size in (markdown.MOST_SIGNS, markdown.MOST_CHARACTERS):
        render_markdown((sign * size)[:size])
    render_markdown(sign * 500_000)
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    ("language", "sign"), [("c", "\n"), ("java", "a "), ("csharp", "a\n b"), ("ts", "a.b")]
)
def test_oe_2_hostile_code_takes_bounded_time(language, sign):
    begun = time.process_time()
    code = (sign * 20_000)[: markdown.MOST_CODE]
    markdown._coloured(code, language, {})
    assert time.process_time() - begun < 4


def test_oe_2_deep_nesting_ends():
    Judge(str(render_markdown(">" * 5_000 + "a\n" + "".join("  " * depth + "- a\n" for depth in range(200)))))


def test_a_long_text_is_shown_as_written():
    text = "**a** <b>\n" * 10_000
    assert render_markdown(text).startswith(
        '<pre role="group" tabindex="0" aria-label="Text">**a** &lt;b&gt;'
    )


def test_a_page_stops_rendering_when_it_took_too_long(app, monkeypatch):
    monkeypatch.setattr(markdown, "MOST_SECONDS", -1.0)
    with app.app_context():
        assert str(render_markdown("**a**")).startswith("<pre")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**You** can: ***now***.", "You can: now."),
        ("tent**: cut before, **cut behind", "tent: cut before, cut behind"),
        ("a\n### Steps #1\nb", "a\nSteps #1\nb"),
        ("```python\nx\n``` and `y`", "python\nx\n and y"),
        ("2**3, 2 ** 3, a*b*c, * one\n/** note */ src/**/x **/y #include __init__", None),
    ],
)
def test_passages_lose_the_marks_but_nothing_else(text, shown):
    assert "".join(piece for piece, _ in unmarked([(text, False)])) == (text if shown is None else shown)


def test_passages_keep_their_found_words_whatever_marks_stand_around_them():
    cut = [
        ("**The ", False),
        ("tent", True),
        ("** of 2**", False),
        ("3", True),
        (" `", False),
        ("days", True),
    ]
    cut += [("`", False)]
    assert list(unmarked(cut)) == [
        ("The ", False),
        ("tent", True),
        (" of 2**", False),
        ("3", True),
        (" ", False),
        ("days", True),
    ]


@pytest.mark.parametrize("sign", ["*", "** ", "`", "# ", " ", "#", "\n# ", "**a"])
def test_passages_are_unmarked_in_bounded_time(sign):
    begun = time.process_time()
    list(unmarked([(sign * 25_000, False)]))
    assert time.process_time() - begun < 1

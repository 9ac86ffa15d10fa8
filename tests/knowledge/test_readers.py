"""Each kind of file, recognised and read."""

import pytest

from app.knowledge.readers import document as kinds
from app.knowledge.readers.detection import HEAD_BYTES, detect
from app.knowledge.readers.document import Table, Unreadable
from app.knowledge.readers.parsing import parse
from tests.knowledge import files

PAGE = """<!DOCTYPE html>
<html><head><title>Valves</title><style>p { color: red }</style><script>alert("evil")</script></head>
<body><nav><a href="/">Home</a></nav>
<div class="menu">{links}</div>
<h1>Valves of the station</h1>
<p onclick="evil()">There are <b>two</b> valves; see <a href="javascript:evil()">the plan</a>.</p>
<pre><code>def open():
    return True
</code></pre>
<table><tr><th>Valve</th><th>Width</th></tr><tr><td>A</td><td>20</td></tr></table>
<form><input value="evil"><button>evil</button></form><img src="http://elsewhere/evil.png" alt="">
<!-- evil --><footer>Imprint</footer></body></html>
""".replace("{links}", "".join(f'<a href="/{number}">Link {number}</a> ' for number in range(8)))


def read(path):
    head = path.read_bytes()[:HEAD_BYTES]
    return parse(path, detect(head, path.name))


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_pdf_gives_its_pages_and_title(tmp_path):
    found = read(
        files.pdf(tmp_path / "a.pdf", ["The pump stands still.", "It starts again."], title="Pump log")
    )
    assert found.title == "Pump log"
    assert found.text == "The pump stands still.\n\nIt starts again."
    assert found.tables == ()


def test_the_lines_of_a_pdf_become_paragraphs(tmp_path):
    lines = [
        "The first line of a paragraph goes to the right edge,",
        "this one does not.",
        "Here begins another one.",
    ]
    drawing = "BT /F1 12 Tf 72 700 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    stream = f"<< /Length {len(drawing)} >>\nstream\n{drawing}\nendstream".encode()
    found = read(files.pdf(tmp_path / "a.pdf", ["x"], stream=stream))
    assert found.text == f"{lines[0]}\n{lines[1]}\n\n{lines[2]}"


def test_a_word_document_keeps_headings_lists_tables_and_code(tmp_path):
    found = read(files.word(tmp_path / "a.docx"))
    assert found.title == "Pump manual"
    assert found.text == (
        "# Starting\n\nOpen valve_7 before the pump starts.\n\n- Check the seal.\n- Check the oil.\n\n"
        "| Part | Price |\n| --- | --- |\n| Seal | 4.20 |\n\n```\ndef start():\n    return 1\n```"
    )


def test_a_presentation_gives_slides_with_their_notes(tmp_path):
    found = read(files.slides(tmp_path / "a.pptx"))
    assert found.title == "Maintenance plan"
    assert found.text == "## Maintenance plan\n\n- Clean the filter\n- Change the oil\n\nMention the holiday."


def test_a_workbook_gives_the_rows_of_its_visible_sheets(tmp_path):
    found = read(files.workbook(tmp_path / "a.xlsx"))
    assert found.tables == (
        Table(
            "Prices",
            (
                ("Part", "Price", "Since", "Sold"),
                ("Seal", "4.2", "2024-05-01", "TRUE"),
                ("Pump | big", "100", "2024-05-01 13:30:00"),
            ),
        ),
    )
    assert found.text.startswith(
        "## Prices\n\n| Part | Price | Since | Sold |\n| --- | --- | --- | --- |\n| Seal |"
    )
    assert "| Pump \\| big | 100 |" in found.text


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_values_are_parted_by_what_the_file_uses(tmp_path, sign):
    lines = [("Part", "Price"), ("Seal", "4"), ('"two\nlines"', "100")]
    found = read(written(tmp_path, "a.csv", "\n".join(sign.join(line) for line in lines)))
    assert found.tables == (Table("", (("Part", "Price"), ("Seal", "4"), ("two\nlines", "100"))),)
    assert found.text.splitlines()[-1] == "| two lines | 100 |"


def test_a_page_gives_what_it_says_and_nothing_else(tmp_path):
    found = read(written(tmp_path, "a.html", PAGE))
    assert found.title == "Valves"
    assert found.text == (
        "# Valves of the station\n\nThere are **two** valves; see the plan.\n\n"
        "```\ndef open():\n    return True\n```\n\n| Valve | Width |\n| --- | --- |\n| A | 20 |"
    )


def test_a_page_with_a_main_part_gives_that_part(tmp_path):
    page = "<body><div>Cookies!</div><main><h2>Rules</h2><article><p>Wear boots.</p></article></main></body>"
    assert read(written(tmp_path, "a.htm", page)).text == "## Rules\n\nWear boots."


def test_a_page_of_links_alone_keeps_them(tmp_path):
    page = (
        "<html><body><ul>"
        + "".join(f'<li><a href="/{n}">Part {n}</a></li>' for n in range(9))
        + "</ul></body></html>"
    )
    assert "- Part 8" in read(written(tmp_path, "a.html", page)).text


def test_markdown_stays_as_it_is(tmp_path):
    text = "Intro\n\n# Pumps #\n\n```\n# no heading\n```"
    found = read(written(tmp_path, "a.md", text))
    assert (found.title, found.text) == ("Pumps", text)


TEXTS = {
    "utf-8": ("Grüße, 漢字 😀".encode(), "Grüße, 漢字 😀"),
    "with a mark": (b"\xef\xbb\xbf" + "Grüße".encode(), "Grüße"),
    "utf-16": ("Grüße aus Köln".encode("utf-16"), "Grüße aus Köln"),
    "utf-16 without a mark": ("A longer line of text".encode("utf-16-le"), "A longer line of text"),
    "windows-1252": ("Grüße – aus Köln".encode("cp1252"), "Grüße – aus Köln"),
    "bad bytes": (
        "Grüße, größer, \udcff schöner".encode("utf-8", "surrogateescape"),
        "Grüße, größer, \ufffd schöner",
    ),
    "NUL bytes": (b"one\x00two" + b" and more text" * 20, "onetwo" + " and more text" * 20),
    "carriage returns": (b"one\r\ntwo\rthree\x0cfour", "one\ntwo\nthree\nfour"),
    "escape codes": (b"\x1b[31mred\x1b[0m" + b" text" * 40, "[31mred[0m" + " text" * 40),
}


@pytest.mark.parametrize("case", TEXTS)
def test_up_5_text_in_any_encoding_is_read(tmp_path, case):
    data, text = TEXTS[case]
    assert read(written(tmp_path, "a.txt", data)).text == text


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@pytest.mark.parametrize(
    "text", ["x" * 2_000_000, "word " * 1_900_000], ids=["a word of 2 MB", "a line of 9 MB"]
)
def test_up_5_long_lines_are_read(tmp_path, name, text):
    assert read(written(tmp_path, name, text)).text == text


NAMES = {
    "a.pdf": (b"%PDF-1.7\n", kinds.PDF),
    "noise before.pdf": (b"\r\n\r\n%PDF-1.4\n", kinds.PDF),
    "README": (b"plain text", kinds.PLAIN),
    "page": (b"<!-- x -->\n<!DOCTYPE html><p>", kinds.HTML),
    "xhtml": (b"<?xml version='1.0'?>\n<html xmlns='x'>", kinds.HTML),
    "a.TXT": (b"<html>", kinds.PLAIN),
    "a.Markdown": (b"# x", kinds.MARKDOWN),
    "a.tsv": (b"a\tb", kinds.CSV),
    "data.json": (b'{"a": 1}', kinds.PLAIN),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_content_says_what_a_file_is(name):
    head, media_type = NAMES[name]
    assert detect(head, name) == media_type


@pytest.mark.parametrize(
    ("make", "media_type"),
    [(files.word, kinds.DOCX), (files.slides, kinds.PPTX), (files.workbook, kinds.XLSX)],
)
def test_office_files_are_known_without_their_ending(tmp_path, make, media_type):
    assert detect(make(tmp_path / "file").read_bytes()[:HEAD_BYTES], "upload") == media_type


def test_reading_is_repeatable(tmp_path):
    path = files.word(tmp_path / "a.docx")
    assert read(path) == read(path)


def test_an_unknown_media_type_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(KeyError):
        parse(written(tmp_path, "a.txt", "text"), "image/png")


def test_a_missing_file_is_no_unreadable_one(tmp_path):
    with pytest.raises(OSError, match="absent"):
        parse(tmp_path / "absent.txt", kinds.PLAIN)


def test_the_message_is_a_sentence():
    with pytest.raises(Unreadable, match=r"^The file is empty\.$"):
        detect(b"", "a.txt")

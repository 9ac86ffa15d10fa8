"""Files that are broken, locked, hostile or too large: each is refused with its reason, in time."""

import time
import zipfile
import zlib

import pytest

from app.knowledge.readers import document as kinds
from app.knowledge.readers.detection import HEAD_BYTES, detect
from app.knowledge.readers.document import MOST_CHARACTERS, Unreadable
from app.knowledge.readers.parsing import parse
from tests.knowledge import files

DAMAGED = "The file is damaged: it could not be read."
ENTITIES = "The file declares entities, which no Office program does: it was not read."
OLD = "The file is locked with a password or of an old Office format. Save it as DOCX, PPTX or XLSX without one."
PICTURE = "A picture cannot be read. Only text can be searched."
UNKNOWN = "A file of this kind cannot be read. PDF, DOCX, PPTX, XLSX, CSV, Markdown, HTML and text can."
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "haha">'
    + "".join(f'<!ENTITY {chr(b)} "{f"&{chr(b - 1)};" * 10}">' for b in range(ord("b"), ord("k")))
    + f"]><w:document {W}><w:body><w:p><w:r><w:t>&j;</w:t></w:r></w:p></w:body></w:document>"
)
EXTERNAL = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    f"<w:document {W}><w:body><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:body></w:document>"
)


def refusal(path, name=None):
    """Return why a file is refused, by its look or by its reader."""
    began = time.monotonic()
    with pytest.raises(Unreadable) as refused:
        parse(path, detect(path.read_bytes()[:HEAD_BYTES], name or path.name))
    assert time.monotonic() - began < 30
    return str(refused.value)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.fixture
def word(tmp_path):
    return files.word(tmp_path / "good.docx")


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize(
    ("name", "make"), [("a.docx", files.word), ("a.pptx", files.slides), ("a.xlsx", files.workbook)]
)
def test_up_3_a_truncated_office_file(tmp_path, name, make, share):
    assert refusal(cut(make(tmp_path / name), share)) == DAMAGED


def test_up_4_a_truncated_pdf(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\n1 0 obj\n<< /Type /Cata")
    assert refusal(path) == DAMAGED


def test_up_4_an_encrypted_pdf(tmp_path):
    locked = (
        f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >> /ID [<00> <00>]"
    )
    path = files.pdf(tmp_path / "a.pdf", ["text"], trailer=locked)
    assert refusal(path) == "The PDF is locked with a password. Save it without one."


def test_up_4_a_pdf_without_text(tmp_path):
    reason = refusal(files.pdf(tmp_path / "a.pdf", ["", ""]))
    assert reason == "No text was found in the PDF: its pages are pictures, such as scans, or empty."


def test_up_4_a_pdf_with_too_many_pages(tmp_path):
    reason = refusal(files.pdf(tmp_path / "a.pdf", ["x"] * 5_001))
    assert reason == "The PDF has 5,001 pages; 5,000 are read at most."


def test_up_4_a_pdf_whose_pages_are_a_loop(tmp_path):
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R] /Parent 2 0 R >>",
    ]
    assert refusal(files.write_pdf(tmp_path / "a.pdf", objects, "")).endswith(("damaged.", "or empty."))


def test_up_4_a_pdf_that_unpacks_without_end(tmp_path):
    packed = zlib.compressobj(9)
    data = b"".join(packed.compress(files.CHUNK) for _ in range(400)) + packed.flush()
    data = zlib.compress(data, 9)
    head = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n" % len(data)
    path = files.pdf(tmp_path / "a.pdf", ["x"], stream=head + data + b"\nendstream")
    assert refusal(path)


def test_up_3_an_archive_that_unpacks_to_far_too_much(tmp_path, word):
    path = files.bomb(word, tmp_path / "bomb.docx", 210)
    assert path.stat().st_size < 1_000_000
    assert refusal(path) == "The file unpacks to far more than a document: it was not read."


@pytest.mark.parametrize("count", [12_000, 60_000])
def test_up_3_an_archive_of_very_many_files(tmp_path, word, count):
    path = files.repacked(
        word, tmp_path / "many.docx", {f"word/{number}.bin": b"" for number in range(count)}
    )
    assert refusal(path) == "The file unpacks to far more than a document: it was not read."


def test_up_3_an_archive_that_understates_a_size(tmp_path, word):
    data = b"<w:document>" + b" " * 100_000
    path = files.repacked(word, tmp_path / "lie.docx", {"word/document.xml": data})
    size = len(data).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (100).to_bytes(4, "little")))
    assert refusal(path) == DAMAGED


@pytest.mark.parametrize("markup", [LAUGHS, EXTERNAL], ids=["billion laughs", "a file of the server"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_up_4_entities_are_refused(tmp_path, word, markup, encoding):
    path = files.repacked(word, tmp_path / "a.docx", {"word/document.xml": markup.encode(encoding)})
    assert refusal(path) == ENTITIES


def test_up_4_entities_in_a_workbook_are_refused(tmp_path):
    good = files.workbook(tmp_path / "good.xlsx")
    path = files.repacked(good, tmp_path / "a.xlsx", {"xl/sharedStrings.xml": LAUGHS.encode()})
    assert refusal(path) == ENTITIES


@pytest.mark.parametrize("depth", [2_000, 300_000])
def test_up_4_deep_markup_in_a_document(tmp_path, word, depth):
    markup = f"<w:document {W}><w:body>" + "<w:sdt>" * depth + "</w:sdt>" * depth + "</w:body></w:document>"
    path = files.repacked(word, tmp_path / "a.docx", {"word/document.xml": markup.encode()})
    assert refusal(path) in {"The file is nested too deeply to be read.", DAMAGED, kinds.NO_TEXT}


@pytest.mark.parametrize("tag", ["div", "blockquote", "ul><li"])
def test_up_4_deep_markup_in_a_page(tmp_path, tag):
    path = tmp_path / "a.html"
    path.write_text("<html><body>" + f"<{tag}>" * 100_000 + "deep", encoding="utf-8")
    try:
        found = parse(path, kinds.HTML).text
    except Unreadable as refused:
        found = str(refused)
    assert "deep" in found or found == kinds.NO_TEXT


def test_up_3_a_sheet_that_claims_a_million_columns(tmp_path):
    good = files.workbook(tmp_path / "good.xlsx")
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        '<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
        "</sheetData></worksheet>"
    )
    path = files.repacked(good, tmp_path / "a.xlsx", {"xl/worksheets/sheet1.xml": sheet.encode()})
    found = parse(path, kinds.XLSX)
    assert [len(row) for row in found.tables[0].rows] == [1, 16_384]


def test_a_table_of_too_many_cells(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(("1," * 99 + "1\n") * 10_001, encoding="utf-8")
    assert refusal(path) == "The table is too large: it holds more than 1 million cells."


@pytest.mark.parametrize(
    ("name", "head", "reason"),
    [
        ("a.pdf", b"<html><body>x</body></html>", "The name ends in .pdf, but the file is HTML."),
        ("a.html", b"%PDF-1.7\n", "The name ends in .html, but the file is a PDF."),
        ("a.docx", b"just text", "The name ends in .docx, but the file is text."),
        ("a.txt", b"", "The file is empty."),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLD),
        ("a.rtf", b"{\\rtf1 text", "RTF cannot be read. Save the file as DOCX or PDF."),
        ("a.png", b"\x89PNG\r\n\x1a\n", PICTURE),
        ("a.svg", b"<?xml version='1.0'?><!-- x --><svg onload='evil()'>", PICTURE),
        ("a.gz", b"\x1f\x8b\x08\x00", "A packed file cannot be read. Unpack it first."),
        ("a.txt", b"\x00" * 500, UNKNOWN),
        ("program", b"\x7fELF\x02\x01\x01" + b"\x00" * 60 + b"abc" * 9, UNKNOWN),
    ],
)
def test_up_1_what_no_reader_takes(name, head, reason):
    with pytest.raises(Unreadable) as refused:
        detect(head, name)
    assert str(refused.value) == reason


def test_up_1_a_zip_archive_called_docx(tmp_path):
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", b"PK")
    assert refusal(path) == "A ZIP archive cannot be read. Bring the files in it one by one."


def test_up_1_a_workbook_called_docx(tmp_path):
    reason = refusal(files.workbook(tmp_path / "a.xlsx"), "report.docx")
    assert reason == "The name ends in .docx, but the file is a workbook."


def test_up_1_comments_take_no_time_to_be_refused():
    began = time.process_time()
    assert detect(b"<!-- a --> " * 5_900 + b"<", "page") == kinds.PLAIN
    assert time.process_time() - began < 1


@pytest.mark.parametrize("data", [b"   \n\n\t ", b"\xef\xbb\xbf"])
def test_a_text_of_nothing(tmp_path, data):
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    assert refusal(path) == "No text was found in the file."


def test_garbled_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\ue000\ue001 \ue002\ue003 " * 100, encoding="utf-8")
    assert refusal(path) == "The text of the file is garbled: most of its signs are no letters."


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        (101 << 20, "The file is too large: it has 101 MiB, and 100 MiB are read at most."),
        (100 << 20, "The file is too large: it holds more than 10 million characters of text."),
        (MOST_CHARACTERS + 1, "The file is too large: it holds more than 10 million characters of text."),
    ],
)
def test_up_5_a_text_that_is_too_large(tmp_path, size, reason):
    path = tmp_path / "a.txt"
    with path.open("wb") as file:
        for start in range(0, size, len(files.CHUNK)):
            file.write(b"x" * min(len(files.CHUNK), size - start))
    assert refusal(path) == reason

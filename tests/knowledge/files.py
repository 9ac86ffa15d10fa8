"""Files to read, made on the spot: good ones of each kind, and the parts that broken ones are made of."""

import datetime as dt
import zipfile
from pathlib import Path

import docx
import openpyxl
import pptx

CHUNK = b" " * (1 << 20)


def pdf(
    path: Path, pages: list[str], *, title: str = "", trailer: str = "", stream: bytes | None = None
) -> Path:
    """Write a PDF with a line of text on each page; `stream` is put in place of each page's drawing."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        f"<< /Title ({title}) >>".encode(),
    ]
    font = "<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    for number, text in enumerate(pages):
        drawing = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        content = f"/Contents {5 + 2 * number} 0 R"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources {font} {content} >>".encode(),
            stream or b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing.encode("latin-1")),
        ]
    return write_pdf(path, objects, f"/Info 3 0 R {trailer}")


def write_pdf(path: Path, objects: list[bytes], trailer: str) -> Path:
    """Write the objects with the table of their places."""
    data, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += (
        f"trailer << /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    )
    path.write_bytes(data)
    return path


def word(path: Path) -> Path:
    """Write a Word document with title, headings, lists, a table and code."""
    made = docx.Document()
    made.core_properties.title = "Pump manual"
    made.add_heading("Starting", 1)
    made.add_paragraph("Open valve_7 before the pump starts.")
    made.add_paragraph("Check the seal.", style="List Bullet")
    made.add_paragraph("Check the oil.", style="List Bullet")
    table = made.add_table(2, 2)
    for row, cells in enumerate((("Part", "Price"), ("Seal", "4.20"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    made.styles.add_style("Code", 1)
    made.add_paragraph("def start():", style="Code")
    made.add_paragraph("    return 1", style="Code")
    made.save(str(path))
    return path


def slides(path: Path) -> Path:
    """Write a presentation of two slides, the second without words."""
    made = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "Maintenance plan"
    slide.placeholders[1].text = "Clean the filter\nChange the oil"
    slide.notes_slide.notes_text_frame.text = "Mention the holiday."
    made.slides.add_slide(made.slide_layouts[6])
    made.save(str(path))
    return path


def workbook(path: Path) -> Path:
    """Write a workbook of a visible sheet with values of each kind, an empty one and a hidden one."""
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = "Prices"
    sheet.append(["Part", "Price", "Since", "Sold"])
    sheet.append(["Seal", 4.2, dt.datetime(2024, 5, 1), True])  # noqa: DTZ001 - a workbook knows no zones
    sheet.append(["Pump | big", 100.0, dt.datetime(2024, 5, 1, 13, 30)])  # noqa: DTZ001 - as above
    made.create_sheet("Empty")
    hidden = made.create_sheet("Hidden")
    hidden.append(["secret"])
    hidden.sheet_state = "hidden"
    made.save(path)
    return path


def repacked(source: Path, target: Path, replaced: dict[str, bytes]) -> Path:
    """Copy an archive with some of its files replaced or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in replaced:
                new.writestr(name, old.read(name))
        for name, data in replaced.items():
            new.writestr(name, data)
    return target


def bomb(source: Path, target: Path, megabytes: int) -> Path:
    """Copy an archive and add a file that unpacks to many megabytes."""
    repacked(source, target, {})
    with (
        zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/media/image1.xml", "w", force_zip64=True) as entry,
    ):
        for _ in range(megabytes):
            entry.write(CHUNK)
    return target

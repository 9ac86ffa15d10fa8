"""The archive an Office file is: looked through before any library opens it."""

import struct
import zipfile
import zlib
from pathlib import Path

from lxml import etree

from app.knowledge.readers.document import BROKEN, Unreadable

MOST_FILES = 10_000
MOST_UNPACKED = 200 * 1024 * 1024
LARGEST_DIRECTORY = 2 * 1024 * 1024
_END = struct.Struct("<4s4H2LH")
_CHUNK = 1024 * 1024
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, OSError, ValueError, UnicodeError)
_TOO_MUCH = "The file unpacks to far more than a document: it was not read."
_DECLARATIONS = tuple(
    mark.encode(code) for mark in ("<!DOCTYPE", "<!ENTITY") for code in ("ascii", "utf-16-le", "utf-16-be")
)
_TITLE = "{http://purl.org/dc/elements/1.1/}title"


def check(path: Path, part: str) -> None:
    """Raise Unreadable unless the archive holds this part, is of a sane size, and declares no entities."""
    try:
        _check_directory(_tail(path))
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, part)
    except _FAULTS as error:
        raise Unreadable(BROKEN) from error
    except RuntimeError as error:  # how zipfile says that a password is missing, or a packing unknown to it
        raise Unreadable("The file is locked with a password or packed in an unknown way.") from error


def title(path: Path) -> str:
    """Return the title an Office file states; empty without one. The archive was checked before."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        with zipfile.ZipFile(path) as archive:
            root = etree.fromstring(archive.read("docProps/core.xml"), parser)
    except (KeyError, etree.XMLSyntaxError):
        return ""
    return str(root.findtext(_TITLE) or "")


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _CHUNK))
        return file.read()


def _check_directory(tail: bytes) -> None:
    """Refuse an archive whose list of files would fill the memory; the list is read whole before the first file."""
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise Unreadable(BROKEN)
    if _END.unpack_from(tail, at)[5] > LARGEST_DIRECTORY:
        raise Unreadable(_TOO_MUCH)


def _check_entries(archive: zipfile.ZipFile, part: str) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise Unreadable(_TOO_MUCH)
    if part not in archive.namelist():
        raise Unreadable(f"The file is damaged: its part {part} is missing.")
    for entry in entries:
        if entry.filename.endswith((".xml", ".rels", ".vml")):
            _check_markup(archive, entry)


def _check_markup(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Read a part whole, so that a wrong checksum shows, and refuse what no Office program writes."""
    with archive.open(entry) as content:
        before = b""
        while chunk := content.read(_CHUNK):
            if any(mark in before + chunk for mark in _DECLARATIONS):
                raise Unreadable("The file declares entities, which no Office program does: it was not read.")
            before = chunk[-32:]

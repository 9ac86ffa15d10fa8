"""Pictures that people add to messages: checked by their content, stored once, shown from here."""

from binascii import a2b_base64
from io import BytesIO
from typing import IO
from uuid import UUID

from app.db.blobs import store_blob
from app.threads.parts import ImagePart
from app.web.filters import size_bound

MOST_PICTURES = 4
MOST_PICTURE_BYTES = 5 * 1024 * 1024
_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_HEAD_BYTES = 12


class NoPicture(ValueError):
    """A file that is none, or too large; the message says which."""


def picture_type(file: IO[bytes]) -> str:
    """The media type of a picture by its content. Raises NoPicture."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if not size:
        raise NoPicture("It is empty.")
    if size > MOST_PICTURE_BYTES:
        raise NoPicture(_too_large())
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    for beginning, media_type in _BEGINNINGS.items():
        if head.startswith(beginning):
            return media_type
    raise NoPicture("It is no PNG, JPEG, GIF or WebP.")


def picture_in(address: str) -> BytesIO:
    """The picture that a data: URL holds. Raises NoPicture, also for every other address: nothing is fetched."""
    head, comma, encoded = address.partition(",")
    if head[:5].lower() != "data:":
        raise NoPicture("Send the image itself, as a data: URL; addresses are not fetched.")
    if not comma or not head.lower().endswith(";base64"):
        raise NoPicture("A data: URL with an image begins like data:image/png;base64, and goes on in base64.")
    if len(encoded) > base64_length(MOST_PICTURE_BYTES):
        raise NoPicture(_too_large())
    try:
        file = BytesIO(a2b_base64(encoded, strict_mode=True))
    except ValueError as error:
        raise NoPicture("Its base64 is broken.") from error
    picture_type(file)
    return file


def base64_length(count: int) -> int:
    """How many characters that many bytes take."""
    return -(-count // 3) * 4


def _too_large() -> str:
    return f"It has more than {size_bound(MOST_PICTURE_BYTES)}."


def store_picture(org_id: UUID, file: IO[bytes], name: str) -> ImagePart:
    """Keep a picture as the part of a message; its name is what it shows. Raises NoPicture."""
    return ImagePart(blob_id=store_blob(org_id, file, picture_type(file)), alt=name or None)

"""Pictures that people add to messages: checked by their content, stored once, shown from here."""

from typing import IO
from uuid import UUID

from app.db.blobs import store_blob
from app.threads.parts import ImagePart

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
    if size > MOST_PICTURE_BYTES:
        raise NoPicture(f"It has more than {MOST_PICTURE_BYTES // 1024**2} MiB.")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    for beginning, media_type in _BEGINNINGS.items():
        if head.startswith(beginning):
            return media_type
    raise NoPicture("It is no PNG, JPEG, GIF or WebP.")


def store_picture(org_id: UUID, file: IO[bytes], name: str) -> ImagePart:
    """Keep a picture as the part of a message; its name is what it shows. Raises NoPicture."""
    return ImagePart(blob_id=store_blob(org_id, file, picture_type(file)), alt=name or None)

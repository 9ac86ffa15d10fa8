"""Stored files: their bytes in parts of at most 1 MiB, written and read one at a time."""

import hashlib
from collections.abc import Iterator
from typing import IO
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_new
from uuid_utils.compat import uuid7

from app.db.base import db
from app.db.tables import Blob, BlobPart

PART_BYTES = 1024 * 1024


def store_blob(org_id: UUID, file: IO[bytes], media_type: str) -> UUID:
    """Keep a file, from its beginning; what the organisation has already is not kept twice."""
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    for part in _parts(file):
        digest.update(part)
        size += len(part)
    blob_id, sha256 = uuid7(), digest.digest()
    new = insert_new(Blob).values(
        id=blob_id, org_id=org_id, sha256=sha256, media_type=media_type, byte_size=size
    )
    unless_there = new.on_conflict_do_nothing(index_elements=["org_id", "sha256"])
    if db.session.scalar(unless_there.returning(Blob.id)) is None:
        same = select(Blob.id).where(Blob.org_id == org_id, Blob.sha256 == sha256)
        return db.session.scalars(same).one()
    file.seek(0)
    for position, part in enumerate(_parts(file)):
        row = {"org_id": org_id, "blob_id": blob_id, "position": position, "content": part}
        db.session.execute(insert(BlobPart).values(**row))
    return blob_id


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(PART_BYTES), b"")


def type_of_blob(org_id: UUID, blob_id: UUID) -> str | None:
    """The media type of a stored file; None if there is no such file."""
    return db.session.scalar(select(Blob.media_type).where(Blob.org_id == org_id, Blob.id == blob_id))


def read_blob(org_id: UUID, blob_id: UUID) -> Iterator[bytes]:
    """The bytes of a stored file, part by part; nothing if there is no such file."""
    position, content = 0, BlobPart.content
    mine = (BlobPart.org_id == org_id, BlobPart.blob_id == blob_id)
    while (
        part := db.session.scalar(select(content).where(*mine, BlobPart.position == position))
    ) is not None:
        yield part
        position += 1


def remove_blob(org_id: UUID, blob_id: UUID) -> None:
    """Delete a stored file that nothing refers to."""
    db.session.execute(delete(Blob).where(Blob.org_id == org_id, Blob.id == blob_id))

"""Stored files: bytes in parts of at most 1 MiB, written and read within an organisation."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.tables import Blob, BlobPart

PART_BYTES = 1024 * 1024
IN_MEMORY_BYTES = 8 * PART_BYTES


@dataclass(frozen=True)
class StoredFile:
    """A file of an organisation."""

    id: UUID
    media_type: str
    byte_size: int


def draft_file() -> SpooledTemporaryFile[bytes]:
    """A place to write a file to before it is stored: in memory while it is small, else on disk."""
    return SpooledTemporaryFile(IN_MEMORY_BYTES)


def store_file(org_id: UUID, draft: IO[bytes], media_type: str) -> StoredFile:
    """Store what was written to a draft in the running transaction; the same bytes are kept once."""
    digest, size = hashlib.sha256(), 0
    for part in _parts(draft):
        digest.update(part)
        size += len(part)
    row = {"org_id": org_id, "sha256": digest.digest(), "media_type": media_type, "byte_size": size}
    statement = upsert(Blob).values(**row).on_conflict_do_nothing(index_elements=["org_id", "sha256"])
    added = db.session.scalar(statement.returning(Blob.id))
    if added is None:
        return _stored(org_id, digest.digest())
    for position, part in enumerate(_parts(draft)):
        values = {"org_id": org_id, "blob_id": added, "position": position, "content": part}
        db.session.execute(insert(BlobPart).values(**values))
    return StoredFile(added, media_type, size)


def _parts(draft: IO[bytes]) -> Iterator[bytes]:
    draft.seek(0)
    return iter(lambda: draft.read(PART_BYTES), b"")


def _stored(org_id: UUID, digest: bytes) -> StoredFile:
    columns = (Blob.id, Blob.media_type, Blob.byte_size)
    found = select(*columns).where(Blob.org_id == org_id, Blob.sha256 == digest)
    return StoredFile(*db.session.execute(found).one())


def read_file(session: Session, org_id: UUID, file_id: UUID) -> Iterator[bytes]:
    """The parts of a file in order, read one at a time."""
    parts = select(BlobPart.position).where(BlobPart.org_id == org_id, BlobPart.blob_id == file_id)
    for position in session.scalars(parts.order_by(BlobPart.position)).all():
        content = select(BlobPart.content).where(
            BlobPart.org_id == org_id, BlobPart.blob_id == file_id, BlobPart.position == position
        )
        yield session.scalars(content).one()

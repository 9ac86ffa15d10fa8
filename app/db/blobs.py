"""Stored files: their bytes in parts of at most 1 MiB, written and read one at a time."""

import hashlib
from collections.abc import Collection, Generator, Iterator, Mapping
from typing import IO, Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, insert, literal_column, select
from sqlalchemy.dialects.postgresql import insert as insert_new
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.db.base import Base, db
from app.db.scope import current_scope, use_scope
from app.db.session import rest
from app.db.tables import Blob, BlobPart

PART_BYTES = 1024 * 1024


def store_blob(org_id: UUID, file: IO[bytes], media_type: str) -> UUID:
    """Keep a file, from its beginning; what the organisation has already is not kept twice.

    Until the transaction ends nobody deletes it.
    """
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    for part in _parts(file):
        digest.update(part)
        size += len(part)
    values = {"org_id": org_id, "sha256": digest.digest(), "media_type": media_type, "byte_size": size}
    blob_id, new = _row(values)
    if new:
        file.seek(0)
        for position, part in enumerate(_parts(file)):
            row = {"org_id": org_id, "blob_id": blob_id, "position": position, "content": part}
            db.session.execute(insert(BlobPart).values(**row))
    return blob_id


def _row(values: Mapping[str, Any]) -> tuple[UUID, bool]:
    """The row of a file, kept from those who would delete it, and whether it is new."""
    blob_id = uuid7()
    add = (
        insert_new(Blob)
        .values(id=blob_id, **values)
        .on_conflict_do_nothing(index_elements=["org_id", "sha256"])
    )
    same = select(Blob.id).filter_by(org_id=values["org_id"], sha256=values["sha256"])
    while db.session.scalar(add.returning(Blob.id)) is None:
        there = db.session.scalar(same.with_for_update(read=True, key_share=True))
        if there is not None:
            return there, False
    return blob_id, True


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


def send_blob(org_id: UUID, blob_id: UUID) -> Generator[bytes]:
    """The same for whoever may be slow to take it: between the parts no connection to the database is held.

    They are read in the scope of the caller, also when they are sent after the request has ended.
    """
    scope = current_scope()
    for part in read_blob(org_id, blob_id):
        rest()
        yield part
        use_scope(scope)


def hold_blob(org_id: UUID, blob_id: UUID) -> None:
    """Have others wait who store this file again, until the transaction ends; what they did before is seen from now."""
    db.session.execute(select(Blob.id).where(Blob.org_id == org_id, Blob.id == blob_id).with_for_update())


def stored_blobs(org_id: UUID, ids: Collection[UUID]) -> set[UUID]:
    """Those of these files that are stored."""
    return set(db.session.scalars(select(Blob.id).where(Blob.org_id == org_id, Blob.id.in_(ids))))


def unused() -> ColumnElement[bool]:
    """Whether no row refers to a file by a key, as part of a statement about Blob; tasks name files without one."""
    keys = [
        key
        for table in Base.metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.referred_table is Blob.__table__ and table is not BlobPart.__table__
    ]
    return and_(
        *(
            ~select(literal_column("1"))
            .where(*(pair.parent == pair.column for pair in key.elements))
            .exists()
            for key in keys
        )
    )


def remove_blobs(session: Session, org_id: UUID, *unused: ColumnElement[bool]) -> None:
    """Delete the stored files for which these conditions hold, except those that somebody stores again just now.

    They are asked once more when the files are held: a statement sees only what was there when it began.
    """
    found = select(Blob.id).where(Blob.org_id == org_id, *unused)
    held = session.scalars(found.with_for_update(skip_locked=True)).all()
    if held:
        session.execute(
            delete(Blob).where(Blob.org_id == org_id, Blob.id.in_(held), *unused),
            execution_options={"synchronize_session": False},
        )


def remove_blob(org_id: UUID, blob_id: UUID) -> None:
    """Delete a stored file that nothing refers to."""
    db.session.execute(delete(Blob).where(Blob.org_id == org_id, Blob.id == blob_id))

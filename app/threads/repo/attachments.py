"""Stored files that messages of a thread show."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.base import db
from app.db.tables import Blob
from app.threads.models import Message, MessageAttachment
from app.threads.parts import NAME_LENGTH, FilePart, ImagePart, Part


@dataclass(frozen=True)
class Attached:
    """A file under the name it has in its message."""

    id: UUID
    name: str
    media_type: str
    byte_size: int


class AttachmentRepo:
    """Files of messages of one organisation."""

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or db.session()

    def add(self, org_id: UUID, message_id: UUID, parts: Sequence[Part]) -> None:
        """Have a message show the stored files that its parts name."""
        named = [part for part in parts if isinstance(part, ImagePart | FilePart) and part.blob_id]
        for position, part in enumerate(named):
            name = (part.name if isinstance(part, FilePart) else part.alt) or "image"
            values = {"message_id": message_id, "blob_id": part.blob_id, "position": position}
            row = MessageAttachment(org_id=org_id, name=name[:NAME_LENGTH], **values)
            self._session.add(row)

    def find(self, org_id: UUID, thread_id: UUID, blob_id: UUID) -> Attached | None:
        """The file, if a message of the thread shows it."""
        statement = (
            select(Blob.id, MessageAttachment.name, Blob.media_type, Blob.byte_size)
            .join(
                MessageAttachment,
                (MessageAttachment.org_id == Blob.org_id) & (MessageAttachment.blob_id == Blob.id),
            )
            .join(
                Message,
                (Message.org_id == MessageAttachment.org_id) & (Message.id == MessageAttachment.message_id),
            )
            .where(Blob.org_id == org_id, Blob.id == blob_id, Message.thread_id == thread_id)
            .limit(1)
        )
        row = self._session.execute(statement).one_or_none()
        return None if row is None else Attached(*row)

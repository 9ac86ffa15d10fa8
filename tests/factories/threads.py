"""Threads with their messages, feedback and notes, and the files that messages show."""

import hashlib
import itertools
from typing import Any

from app.auth.models import User
from app.db.tables import Blob, BlobPart
from app.orgs.models import Org
from app.threads.models import Feedback, Message, MessageAttachment, Thread, ThreadNote
from app.threads.parts import first_error, read_parts, text_content
from tests.factories.rows import save, stored

_numbers = itertools.count(1)


def thread(org: Org, user: User | None = None, **values: Any) -> Thread:
    """Store a thread of the console without messages."""
    return save(
        Thread(
            **{
                "org_id": org.id,
                "user_id": user and user.id,
                "name": f"Thread {next(_numbers)}",
                "origin": "console",
                **values,
            }
        )
    )


def message(thread: Thread, text: str = "Hello", **values: Any) -> Message:
    """Store a message of one text, or of `parts`."""
    raw = values.pop("parts", [{"kind": "text", "text": text}])
    parts = read_parts(raw)
    return save(
        Message(
            **{
                "org_id": thread.org_id,
                "thread_id": thread.id,
                "role": "user",
                "parts": raw,
                "text_content": text_content(parts),
                "error": first_error(parts),
                **values,
            }
        )
    )


def feedback(message: Message, user: User | None = None, rating: int = 1, **values: Any) -> Feedback:
    """Store what a member, or somebody outside, thinks of a message."""
    return save(
        Feedback(
            org_id=message.org_id,
            thread_id=message.thread_id,
            message_id=message.id,
            user_id=user and user.id,
            rating=rating,
            **values,
        )
    )


def note(thread: Thread, author: User, body: str = "Look into this.") -> ThreadNote:
    """Store a note on a thread."""
    return save(ThreadNote(org_id=thread.org_id, thread_id=thread.id, author_id=author.id, body=body))


def blob(
    org: Org, content: bytes = b"bytes", media_type: str = "application/octet-stream", **values: Any
) -> Blob:
    """Store a small file."""
    row = save(
        Blob(
            org_id=org.id,
            sha256=hashlib.sha256(content).digest(),
            media_type=media_type,
            byte_size=len(content),
            **values,
        )
    )
    save(BlobPart(org_id=org.id, blob_id=row.id, position=0, content=content))
    return row


def attachment(message: Message, blob: Blob, name: str = "file.bin") -> MessageAttachment:
    """Let a message show a stored file."""
    return save(
        MessageAttachment(
            org_id=message.org_id, message_id=message.id, blob_id=blob.id, name=name, position=0
        )
    )


def fresh(thread: Thread) -> Thread:
    """Return the thread as it is stored now."""
    found = stored(thread)
    assert found is not None
    return found

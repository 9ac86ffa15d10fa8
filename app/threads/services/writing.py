"""Beginning threads, adding messages, renaming."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.audit.services import record
from app.threads.models import Thread
from app.threads.parts import Part, TextPart, dump_parts, first_error, text_content
from app.threads.repo.attachments import AttachmentRepo
from app.threads.repo.messages import MessageRepo, MessageRow
from app.threads.repo.threads import ThreadRepo, Viewer
from app.web.errors import NotFound

NAME_LENGTH = 255
MADE_NAME_LENGTH = 80
UNNAMED = "New thread"


class Stale(Exception):
    """The thread has changed since it was read."""


def name_from(parts: Sequence[Part]) -> str:
    """A name for a thread that begins with these parts: the first line of their text, cut at a word."""
    text = next((part.text for part in parts if isinstance(part, TextPart) and part.text.strip()), "")
    line = " ".join(text.strip().partition("\n")[0].replace("\0", "").split())
    if len(line) <= MADE_NAME_LENGTH:
        return line or UNNAMED
    cut = line[:MADE_NAME_LENGTH]
    return f"{cut.rpartition(' ')[0] or cut}…"


def create_thread(org_id: UUID, values: Mapping[str, Any]) -> Thread:
    """Store a new thread: `name`, `origin`, and what else is known of it."""
    thread = ThreadRepo().add(org_id, {"name": UNNAMED, **values})
    record("thread.create", "thread", thread.id, thread.name, after={"origin": thread.origin})
    return thread


def append_message(
    org_id: UUID, viewer: Viewer, thread_id: UUID, role: str, parts: Sequence[Part], **facts: Any
) -> MessageRow:
    """Add a message to a thread in one statement. `facts` are further columns, such as `model` and `input_tokens`.

    Raises NotFound for a thread the viewer does not see, or a deleted one.
    """
    values = {"role": role, "error": first_error(parts), **message_values(parts), **facts}
    row = MessageRepo().append(org_id, viewer, thread_id, values)
    if row is None:
        raise NotFound
    AttachmentRepo().add(org_id, row.id, parts)
    return row


def name_after(org_id: UUID, thread_id: UUID, parts: Sequence[Part]) -> None:
    """Call a thread that nobody has named yet after what was said in it."""
    name = name_from(parts)
    if name != UNNAMED:
        ThreadRepo().replace_name(org_id, thread_id, UNNAMED, name)


def message_values(parts: Sequence[Part]) -> dict[str, Any]:
    """The columns of a message that follow from its parts."""
    return {"parts": dump_parts(parts), "text_content": text_content(parts)}


def rename_thread(
    org_id: UUID, viewer: Viewer, thread_id: UUID, name: str, seen: Collection[int] | None = None
) -> Thread:
    """Give a thread another name. Raises NotFound, also for a deleted thread.

    Stale if it is at none of the revisions `seen`, where they are said.
    """
    repo = ThreadRepo()
    thread = repo.get(org_id, viewer, thread_id)
    if thread is None or thread.deleted_at is not None:
        raise NotFound
    if seen is not None and thread.revision not in seen:
        raise Stale
    before = thread.name
    if before == name:
        return thread
    changed = repo.change(org_id, thread_id, {"name": name}, seen)
    if changed is None:
        raise NotFound if seen is None else Stale
    record("thread.rename", "thread", thread_id, name, before={"name": before}, after={"name": name})
    return changed

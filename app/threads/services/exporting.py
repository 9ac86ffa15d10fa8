"""Whole threads as the text of a file."""

from collections.abc import Generator
from contextlib import closing
from uuid import UUID

from sqlalchemy.orm import Session

from app.threads.repo.exported import WholeThreadRepo
from app.threads.repo.threads import Viewer
from app.web.listing import ListState

_PART = 64 * 1024
_BETWEEN = {"json": b",\n", "ndjson": b"\n"}


def write_threads(
    session: Session, org_id: UUID, viewer: Viewer, state: ListState, kind: str
) -> Generator[bytes]:
    """The threads that a list holds with their `messages`, as JSON or NDJSON in parts of about 64 kB."""
    kept, size, after, comma = [b"[" if kind == "json" else b""], 0, b"", b""
    with closing(WholeThreadRepo(session).stream(org_id, viewer, state)) as pieces:
        for begins, body in pieces:
            if begins:
                kept += [after, body.encode()[:-1], b',"messages":[']
                after, comma = b"]}" + _BETWEEN[kind], b""
            else:
                kept += [comma, body.encode()]
                comma = b","
            size += len(body)
            if size > _PART:
                yield b"".join(kept)
                kept, size = [], 0
    end = b"]\n" if kind == "json" else b"\n" if after else b""
    yield b"".join([*kept, after[:2], end])

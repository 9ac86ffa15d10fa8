"""Whole threads as the text of a file."""

from collections.abc import Generator
from contextlib import closing
from uuid import UUID

from sqlalchemy.orm import Session

from app.threads.repo.exported import WholeThreadRepo
from app.threads.repo.threads import Viewer
from app.web.listing import ListState

_FRAMES = {"json": ("[", ",\n", "]\n"), "ndjson": ("", "\n", "")}


def write_threads(
    session: Session, org_id: UUID, viewer: Viewer, state: ListState, kind: str
) -> Generator[bytes]:
    """The threads that a list holds with their `messages`, as JSON or NDJSON in parts."""
    before, between, end = _FRAMES[kind]
    after, comma = before, ""
    with closing(WholeThreadRepo(session).stream(org_id, viewer, state)) as parts:
        for part in parts:
            kept: list[str] = []
            for begins, body in part:
                if begins:
                    kept += (after, body[:-1], ',"messages":[')
                    after, comma = "]}" + between, ""
                else:
                    kept += (comma, body)
                    comma = ","
            yield "".join(kept).encode()
    yield (after.removesuffix(",\n") + end).encode()

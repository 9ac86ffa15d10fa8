"""Whole threads as the text of a file."""

from collections.abc import Callable, Generator
from contextlib import closing
from uuid import UUID

from sqlalchemy.orm import Session

from app.threads.repo.exported import WholeThreadRepo
from app.threads.repo.threads import Viewer
from app.web.listing import ListState

_FIELDS = {
    "name": ("name",),
    "agent": ("agent_id", "agent_name"),
    "user": ("user_id", "user_name", "external_user"),
    "origin": ("origin",),
    "messages": ("message_count", "error_count"),
    "tokens": ("tokens",),
    "cost": ("cost_micros",),
    "feedback": ("up_count", "down_count"),
    "tags": ("tags",),
    "created": ("created_at",),
    "last": ("last_message_at",),
}
_FRAMES = {"json": ("[", ",\n", "]\n"), "ndjson": ("", "\n", "")}


def exported_columns(state: ListState) -> list[str]:
    """The columns of a file: what the shown ones hold."""
    return ["id", "status", *(field for column in state.columns for field in _FIELDS[column])]


def write_threads(
    session: Session,
    org_id: UUID,
    viewer: Viewer,
    state: ListState,
    kind: str,
    told: Callable[[int], None] = lambda _: None,
) -> Generator[bytes]:
    """The threads that a list holds with their `messages`, as JSON or NDJSON in parts; `told` hears how many so far."""
    before, between, end = _FRAMES[kind]
    after, comma, number = before, "", 0
    with closing(WholeThreadRepo(session).stream(org_id, viewer, state)) as parts:
        for part in parts:
            kept: list[str] = []
            for begins, body in part:
                if begins:
                    kept += (after, body[:-1], ',"messages":[')
                    after, comma, number = "]}" + between, "", number + 1
                else:
                    kept += (comma, body)
                    comma = ","
            yield "".join(kept).encode()
            told(number)
    yield (after.removesuffix(",\n") + end).encode()

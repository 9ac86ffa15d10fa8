"""Lists that are too long to wait for as files: a task writes the file and leaves it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from tempfile import TemporaryFile
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

from flask import Response, url_for
from pydantic import Field, ValidationError
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from app.db.blobs import store_blob
from app.db.cursor import COUNT_CAP
from app.db.queue import enqueue
from app.db.rows import Rows
from app.db.session import transaction
from app.db.work import GiveUp, Kind, TaskInput, Work
from app.web.errors import Refusal
from app.web.export import KINDS, file_session
from app.web.filters import viewer_zone
from app.web.identity import require_org
from app.web.inputs import ZoneName
from app.web.listing import ListState
from app.web.render import leave, render, toast

TURN_SECONDS = 1_800
"""How long a task waits for others that read such files; its kind has so much more time."""
WAITS = "written, other files come first"
_PLACES = {"after", "before", "end"}
"""Parameters that say where in a list somebody is."""


class ListFile(TaskInput):
    """A list as its address asks for it, as a file."""

    format: Literal["csv", "json", "ndjson"] = "csv"
    query: str = Field(
        "",
        max_length=4_000,
        title="Filters",
        description="What stands behind the ? of its address, such as status=archived. Empty for what it shows first.",
    )
    zone: ZoneName = Field("UTC", title="Zone of its dates")

    @property
    def args(self) -> MultiDict[str, str]:
        """The parameters of the address; the file holds all pages."""
        given = parse_qsl(self.query, keep_blank_values=True)
        return MultiDict(pair for pair in given if pair[0] not in _PLACES)


def too_long(rows: Rows) -> bool:
    """Whether these are more rows than somebody is to wait for."""
    return rows.count() > COUNT_CAP


def offer_file(things: str, crumb: str, state: ListState) -> Response:
    """A page whose button has a task write the file that the address names; `crumb` is what the list is called."""
    return render("tasks/offer.html", things=things, crumb=crumb, state=state)


def begin_file(task: Kind[Any], kind: str, state: ListState) -> Response:
    """Have a worker write the file of this list, and show the task. Refusal 422 for too many filters."""
    try:
        given = task.given(format=kind, query=urlencode(state.own_pairs()), zone=viewer_zone().key)
    except ValidationError as error:
        raise Refusal(422, "These are too many filters for a file. Choose fewer.") from error
    with transaction():
        task_id = enqueue(task, given)
    toast("A worker writes the file.", "info")
    return leave(url_for("tasks.show", org=require_org().slug, task_id=task_id))


def understood(state: ListState) -> ListState:
    """The state, if nothing was left out of it. GiveUp otherwise: other rows would be written, and nobody told."""
    if state.notices:
        raise GiveUp(
            "What the list is filtered by is not understood, or no longer exists. Choose the filters again."
        )
    return state


def misunderstood(state: ListState) -> Mapping[str, str]:
    """What is wrong with the filters of a ListFile that is to be stored, by field."""
    if not state.notices:
        return {}
    return {
        "query": "This is not understood, or names what does not exist. Copy it from the address of the list."
    }


def leave_file(
    task: Work,
    name: str,
    kind: str,
    write: Callable[[Session], Iterable[bytes]],
    note: Callable[[], None],
    right: str | None = None,
) -> dict[str, Any]:
    """Keep what `write` yields as a file that the result of the task names; it gets a read-only session.

    That may take long, and no transaction waits for it. A step keeps the file with what `note` notes, and names the
    `right` by which it was written. Whoever goes on with the task on the same day leaves the same file; later it may
    be deleted, and the list another one.
    """
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    step = f"write-{day}"
    if written := task.answered(step):
        return dict(written)
    with TemporaryFile() as file:
        with file_session(TURN_SECONDS, partial(task.progress, 0, words=WAITS)) as session:
            file.writelines(write(session))
        size = file.tell()

        def keep() -> dict[str, Any]:
            note()
            blob_id = store_blob(task.org_id, file, KINDS[kind])
            kept = {"id": str(blob_id), "name": f"{name}-{day}.{kind}"}
            facts = {"media_type": KINDS[kind], "byte_size": size}
            return {**kept, **facts, **({"right": right} if right else {})}

        return task.step(step, keep)

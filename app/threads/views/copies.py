"""A whole thread as Markdown, JSON or a page to print, and the files of its messages."""

from collections.abc import Generator, Iterator
from dataclasses import asdict
from functools import partial
from urllib.parse import quote
from uuid import UUID

import orjson
from flask import Blueprint, Response, render_template, request, stream_with_context, url_for

from app.audit.services import record
from app.db.session import transaction
from app.threads.repo.attachments import AttachmentRepo
from app.threads.repo.beside import Beside
from app.threads.repo.messages import MAIN_BRANCH, MessageRepo, MessageRow, MessageWindow
from app.threads.repo.threads import ThreadHead
from app.threads.views.found import seen_thread
from app.threads.views.place import read_id
from app.threads.views.shown import shown_messages
from app.web.access import org_right
from app.web.errors import NotFound
from app.web.export import begun, file_session, stream_blob
from app.web.identity import require_org, require_visitor
from app.web.render import render

bp = Blueprint("thread_copies", __name__, url_prefix="/o/<org>/threads")
MOST_PRINTED = 500
TYPES = {"md": "text/markdown; charset=utf-8", "json": "application/json"}
DRAWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Images that pages show; everything else is handed out as bytes."""


@bp.get("/<uuid:thread_id>.<any(md,json):kind>")
@org_right("threads.read")
def export(org: str, thread_id: UUID, kind: str) -> Response:
    """The whole thread as a file: Markdown of the main line, or JSON of every branch."""
    thread, org_id = seen_thread(thread_id), require_org().org_id
    reading = _read(org_id, require_visitor().id, thread_id, MAIN_BRANCH if kind == "md" else None)
    rows = begun(reading, partial(_note, thread, kind))
    files_url = url_for("thread.show", org=org, thread_id=thread_id, _external=True) + "/files"
    parts = _markdown(thread, rows, files_url) if kind == "md" else _json(thread, rows)
    response = Response(stream_with_context(parts), content_type=TYPES[kind])
    response.call_on_close(reading.close)
    response.headers["Content-Disposition"] = f'attachment; filename="thread-{thread_id}.{kind}"'
    return response


@bp.get("/<uuid:thread_id>/print")
@org_right("threads.read")
def to_print(org: str, thread_id: UUID) -> Response:
    """500 messages on one page: the first ones, or those after the one that the address names."""
    thread, org_id = seen_thread(thread_id), require_org().org_id
    window = _printed(org_id, thread_id, request.args.get("after", ""))
    files_url = url_for("thread.show", org=org, thread_id=thread_id) + "/files"
    messages = shown_messages(thread, window.rows, Beside(), files_url)
    return render("threads/print.html", thread=thread, messages=messages, window=window)


def _printed(org_id: UUID, thread_id: UUID, after: str) -> MessageWindow:
    if not after:
        return MessageRepo().oldest(org_id, thread_id, MOST_PRINTED)
    message_id = read_id(after)
    window = message_id and MessageRepo().after(org_id, thread_id, message_id, MOST_PRINTED)
    if not window or not window.rows:
        raise NotFound
    return window


@bp.get("/<uuid:thread_id>/files/<uuid:blob_id>")
@org_right("threads.read")
def file(org: str, thread_id: UUID, blob_id: UUID) -> Response:
    """A file that a message of the thread shows."""
    org_id, thread = require_org().org_id, seen_thread(thread_id)
    found = AttachmentRepo().find(org_id, thread.id, blob_id)
    if found is None:
        raise NotFound
    kind = found.media_type if found.media_type in DRAWN else "application/octet-stream"
    response = stream_blob(org_id, blob_id, found.byte_size, kind)
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; frame-ancestors 'none'"
    return response


def _note(thread: ThreadHead, kind: str) -> None:
    with transaction():
        record("thread.export", "thread", thread.id, thread.name, after={"format": kind})


def _read(org_id: UUID, user_id: UUID, thread_id: UUID, branch: int | None) -> Generator[MessageRow]:
    with file_session(who=user_id) as session:
        yield from MessageRepo(session).stream(org_id, thread_id, branch)


def _markdown(thread: ThreadHead, rows: Iterator[MessageRow], files_url: str) -> Generator[str]:
    yield render_template("threads/head.md", thread=thread)
    for row in rows:
        message = shown_messages(thread, [row], Beside(), files_url)[0]
        yield render_template("threads/message.md", message=message, parts=row.parts, files_url=files_url)


def _json(thread: ThreadHead, rows: Iterator[MessageRow]) -> Generator[str]:
    facts = {name: value for name, value in asdict(thread).items() if name != "revision"}
    yield orjson.dumps(facts).decode().removesuffix("}") + ',"messages":['
    start = "\n"
    for row in rows:
        fields = {name: value for name, value in asdict(row).items() if name != "text_content"}
        yield start + orjson.dumps(fields).decode()
        start = ",\n"
    yield "\n]}\n"

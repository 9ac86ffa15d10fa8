"""Exports that people upload: kept as a file, imported by a worker, and the file deleted once that is done."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID

from app.audit.services import record
from app.db.blobs import hold_blob, read_blob, remove_blob, store_blob, stored_blobs
from app.db.queue import enqueue
from app.db.session import transaction
from app.db.work import GiveUp, Kind, TaskInput, Work
from app.threads.readers.archive import TooFar
from app.threads.readers.formats import first_of, read_export
from app.threads.readers.items import Refused
from app.threads.repo.imports import ImportRepo
from app.threads.services.importing import Destination, Written, batches, write_batch

MEDIA_TYPE = "application/vnd.agentpress.export"
MOST_SHOWN = 200
BEGINNING = 4 * 1024 * 1024
"""Bytes, unpacked, that are looked through while somebody waits for the form; the worker tells the rest."""
LAST_STEP = "end"
GONE = "The file is no longer stored. Upload it again."
_GONE = "has no file any more: upload it again"


class FileGone(GiveUp):
    """The uploaded file was deleted before it was imported."""


@dataclass(frozen=True)
class Upload:
    """A file to import: its name, its format if somebody chose one, and the agent its threads are listed under."""

    source: str
    format: str | None
    agent_id: UUID | None


class ImportInput(TaskInput):
    """The input of an import."""

    blob_id: UUID
    source: str
    format: str | None
    agent_id: UUID | None


def problem_with(file: IO[bytes], name: str | None) -> str | None:
    """Why nothing of a file can be imported, as far as its beginning tells; None if it looks right."""
    file.seek(0)
    try:
        first = first_of(file, name, BEGINNING)
    except TooFar:
        return None
    if first is None:
        return "The file holds no threads."
    return first.reason if isinstance(first, Refused) and first.of_file else None


def begin_import(org_id: UUID, file: IO[bytes], upload: Upload) -> UUID:
    """Keep the file and have a worker import it; the id of the task."""
    ImportRepo().lock(org_id)
    given = ImportInput(blob_id=store_blob(org_id, file, MEDIA_TYPE), **asdict(upload))
    task_id = enqueue(IMPORT, given, agent_id=upload.agent_id)
    record("thread.upload", "thread_list", target_label=upload.source, after={"format": upload.format})
    return task_id


def remove_left_files(org_id: UUID) -> None:
    """Delete the files of imports that ended a day ago without doing so."""
    ImportRepo().remove_left_files(org_id, MEDIA_TYPE, IMPORT.name)


def _run(work: Work, given: ImportInput) -> Mapping[str, Any]:
    """Import the file in steps of a batch each; a step that an earlier attempt finished is not repeated.

    The last one deletes the file and keeps the result: the attempt may be over before its end is written down.
    """
    if done := work.answered(LAST_STEP):
        return dict(done)
    assert work.user_id is not None
    to = Destination(work.user_id, given.agent_id, given.source)
    written, refused, count = Written(), list[Refused](), 0
    with TemporaryFile() as file:
        size = _copy(work.org_id, given.blob_id, file)
        for number, batch in enumerate(batches(read_export(file, given.format)), 1):
            if batch.threads:
                write = partial(_write, work.org_id, batch.threads, to)
                written += Written(**work.step(f"batch-{number}", write))
            count += len(batch.refused)
            refused += batch.refused[: MOST_SHOWN - len(refused)]
            read = written.threads + count
            work.progress(
                min(file.tell(), size), size, f"{read:,} {'thread' if read == 1 else 'threads'} read"
            )
    reasons = [{"place": entry.place, "reason": entry.reason} for entry in refused]
    result = {**asdict(written), "refused": count, "reasons": reasons}
    return work.step(LAST_STEP, partial(_delete_file, work, given.blob_id, result))


def _copy(org_id: UUID, blob_id: UUID, file: IO[bytes]) -> int:
    """Write the stored file into an open one; its size. Raises FileGone."""
    with transaction():
        for part in read_blob(org_id, blob_id):
            file.write(part)
    size = file.tell()
    if not size:
        raise FileGone(GONE)
    file.seek(0)
    return size


def _write(org_id: UUID, threads: Any, to: Destination) -> dict[str, int]:
    return asdict(write_batch(org_id, threads, to))


def _delete_file(work: Work, blob_id: UUID, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Delete the file unless another import of it is waiting."""
    repo = ImportRepo()
    repo.lock(work.org_id)
    hold_blob(work.org_id, blob_id)
    if not repo.wanted_elsewhere(work.org_id, blob_id, IMPORT.name, work.task_id):
        remove_blob(work.org_id, blob_id)
    return result


def _without_file(org_id: UUID, given: Mapping[UUID, ImportInput]) -> dict[UUID, str]:
    """The imports whose file was deleted: a day after it came, or as they were done with it."""
    there = stored_blobs(org_id, {one.blob_id for one in given.values()})
    return {task_id: _GONE for task_id, one in given.items() if one.blob_id not in there}


IMPORT = Kind(
    name="thread.import",
    title="Import of threads",
    given=ImportInput,
    run=_run,
    right="threads.edit",
    seconds=4 * 3600,
    lacking=_without_file,
)

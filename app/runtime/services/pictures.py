"""The pictures of a thread as models see them."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.db.blobs import read_blob, type_of_blob
from app.db.session import transaction
from app.runtime.turns import Picture, Turn

MOST_SHOWN = 10
"""The newest ones are shown to the model; of earlier ones it reads the names."""


def with_pictures(org_id: UUID, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """The turns with the bytes of the pictures that they name, read in a transaction if there are any."""
    if not any(turn.blob_ids for turn in turns):
        return tuple(turns)
    with transaction():
        return _read(org_id, turns)


def _read(org_id: UUID, turns: Sequence[Turn]) -> tuple[Turn, ...]:
    left, made = MOST_SHOWN, list[Turn]()
    for turn in reversed(turns):
        wanted = turn.blob_ids[-left:] if left else ()
        found = [(blob_id, type_of_blob(org_id, blob_id)) for blob_id in wanted]
        pictures = [
            Picture(b"".join(read_blob(org_id, blob_id)), media_type)
            for blob_id, media_type in found
            if media_type
        ]
        left -= len(pictures)
        made.append(replace(turn, pictures=pictures) if pictures else turn)
    return tuple(reversed(made))

"""Positions in a list as tokens: signed, versioned, bound to what the list was searched, filtered and sorted by."""

from datetime import datetime
from uuid import UUID

from app.db.cursor import Position
from app.web.tokens import Forged, sign, unsign

_PURPOSE, _VERSION = "list cursor", 1


def position_token(position: Position, digest: str) -> str:
    """A token for a position in the list that `digest` stands for."""
    value = position.value
    if isinstance(value, datetime):
        value = {"t": value.isoformat()}
    return sign(_PURPOSE, [_VERSION, digest, value, str(position.id), position.ordinal])


def read_position(token: str, digest: str, *, backward: bool) -> Position | None:
    """The position in a token; None if it was made for another list, or not here."""
    try:
        version, made_for, value, row_id, ordinal = unsign(_PURPOSE, token)
        if (version, made_for) != (_VERSION, digest):
            return None
        if isinstance(value, dict):
            value = datetime.fromisoformat(value["t"])
        return Position(value, UUID(row_id), ordinal, backward)
    except (Forged, ValueError, TypeError, KeyError):
        return None

"""Ids and names in addresses."""

from collections.abc import Iterable
from uuid import UUID

from flask import Flask
from werkzeug.routing import BaseConverter, IntegerConverter, UUIDConverter


class CanonicalUuid(UUIDConverter):
    """A UUID in its one canonical spelling; any other spelling is another, unknown address."""

    regex = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class CanonicalNumber(IntegerConverter):
    """A number as it is usually written, and of a length that can be read."""

    regex = "0|[1-9][0-9]{0,17}"


class AnyName(BaseConverter):
    """A name to the end of the address, slashes included; what no name can hold is an unknown address."""

    regex = r"[^\0]+"
    part_isolating = False
    weight = 200


def read_id(text: str) -> UUID | None:
    """The id in its canonical spelling; None for anything else."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def filter_ids(values: Iterable[str]) -> list[UUID]:
    """The ids among the values of a filter, chosen or, with a leading minus, excluded."""
    return [found for value in values if (found := read_id(value.removeprefix("-")))]


def register(app: Flask) -> None:
    """Make `<uuid:...>` and `<int:...>` in routes mean the canonical spelling, and `<name:...>` any name."""
    app.url_map.converters.update(uuid=CanonicalUuid, int=CanonicalNumber, name=AnyName)

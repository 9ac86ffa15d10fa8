"""Names that only one row of an organisation may have."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session


class NameTaken(Exception):
    """Another one of the organisation has this name."""


@contextmanager
def unique_names(session: Session, key: str) -> Iterator[None]:
    """A savepoint; a violation of the unique index `key` leaves it as NameTaken."""
    try:
        with session.begin_nested():
            yield
            session.flush()
    except IntegrityError as error:
        if key in str(error.orig):
            raise NameTaken from error
        raise

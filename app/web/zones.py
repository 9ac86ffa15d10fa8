"""The time zones that people choose from."""

from functools import lru_cache
from zoneinfo import available_timezones

_NO_PLACES = {"Factory", "localtime"}
"""What the database of zones holds beside them: a stand-in, and the zone of the machine."""


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """The names of the zones, sorted."""
    return tuple(sorted(available_timezones() - _NO_PLACES))

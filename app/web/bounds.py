"""Ranges of numbers in an address: `10..`, `..5`, `3..9`, `7`."""

import re
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")


@dataclass(frozen=True)
class Bounds:
    """A range of numbers, both ends included; `text` is its canonical form in the address. Open ends are None."""

    text: str
    low: Decimal | None
    high: Decimal | None

    @property
    def low_text(self) -> str:
        """The lower end as it is written; empty if it is open."""
        return _written(self.low)

    @property
    def high_text(self) -> str:
        """The upper end as it is written; empty if it is open."""
        return _written(self.high)

    @property
    def words(self) -> str:
        """The range for people: `2`, `at least 2`, `at most 9`, `2 to 9`."""
        if self.low == self.high:
            return self.low_text
        if self.low is None or self.high is None:
            return f"at least {self.low_text}" if self.high is None else f"at most {self.high_text}"
        return f"{self.low_text} to {self.high_text}"


def read_bounds(raw: str) -> Bounds | None:
    """`10..`, `..5`, `3..9`, or one number for itself. None if it is neither."""
    first, dots, last = (part.strip() for part in raw.partition(".."))
    try:
        low = _number(first)
        high = _number(last) if dots else low
    except ValueError:
        return None
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        return None
    text = _written(low) if low == high else f"{_written(low)}..{_written(high)}"
    return Bounds(text, low, high)


def _number(text: str) -> Decimal | None:
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return Decimal(text)


def _written(number: Decimal | None) -> str:
    if number is None:
        return ""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text

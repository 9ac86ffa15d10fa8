"""Single parameters of a list, read from its query string; what cannot be used is dropped with a notice."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from werkzeug.datastructures import MultiDict

SIZES = (20, 50, 100)
Range = TypeVar("Range")


def page_size(raw: str) -> int:
    """The nearest allowed page size."""
    if not (raw.isascii() and raw.isdigit()):
        return SIZES[0]
    wanted = int(raw[:6])
    return min(SIZES, key=lambda size: abs(size - wanted))


def table_columns(
    columns: Mapping[str, str], shown: tuple[str, ...], args: MultiDict[str, str], notices: list[str]
) -> tuple[str, ...]:
    """The chosen columns in their order, a comma list or a repeated parameter; the first of the list is locked."""
    wanted = [key for key in ",".join(args.getlist("cols")).split(",") if key]
    if not wanted or not shown:
        return shown
    if any(key not in columns for key in wanted):
        notices.append("A column that does not exist was left out.")
    return tuple(dict.fromkeys([shown[0], *(key for key in wanted if key in columns)]))


def ranges(
    labels: Mapping[str, str],
    args: MultiDict[str, str],
    read: Callable[[str], Range | None],
    notices: list[str],
) -> dict[str, Range]:
    """The ranges given, in whatever way a form sends them."""
    found: dict[str, Range] = {}
    for key, label in labels.items():
        raw = _one_range([value.strip() for value in args.getlist(key)])
        if not raw.strip("."):
            continue
        given = read(raw)
        if given is None:
            notices.append(f"The range for {label[:1].lower()}{label[1:]} was not understood and is ignored.")
        else:
            found[key] = given
    return found


def _one_range(values: list[str]) -> str:
    """One value is a range; two are its ends; of three the first is a range that goes before the ends, if not empty."""
    if len(values) > 2:
        return values[0] or "..".join(values[1:3])
    return "..".join(values)

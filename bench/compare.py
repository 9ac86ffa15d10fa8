"""One row of a table: the original form, the product's statements through bare psycopg, and the product itself."""

from collections.abc import Sequence

from bench.place import Place, Statement
from bench.report import line, shown, table, times
from bench.rounds import Call, race

HEADS = ("original ms", "ours, bare ms", "gain", "ours ms", "over its limit")


def head(what: str) -> None:
    """The head of such a table."""
    table(what, *HEADS)


def compare(place: Place, name: str, call: Call, original: Call, only: str = "") -> float:
    """Time the three and print them; `only` picks the statements that hold a text, and leaves the product out.

    Returns the time of our statements.
    """
    ours = place.product(call)
    sent = holding(only, place.recorded(ours))
    variants = {"original": original, "plain": place.plain(sent)}
    if not only:
        variants |= {"limit": place.limit(sent), "ours": ours}
    best = race(variants, place.ping)
    plain = best["plain"].ms
    line(
        name if all(result.quiet for result in best.values()) else f"{name} ~",
        shown(best["original"].ms),
        shown(plain),
        times(best["original"].ms / plain),
        "" if only else shown(best["ours"].ms),
        "" if only else times(best["ours"].ms / best["limit"].ms),
    )
    return plain


def holding(only: str, sent: Sequence[Statement]) -> list[Statement]:
    """The statements that hold a text, and those that set the scope."""
    return [one for one in sent if only in one[0] or "set_config" in one[0]]

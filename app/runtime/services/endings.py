"""How models end: what was cut is said, and what was held back, refused or never begun is no answer."""

from app.runtime.providers import Done, ModelFailed
from app.threads.parts import FILTERED, LONGEST, REFUSED

CUT = f"{LONGEST}: the rest is missing."
SILENT = f"{LONGEST} before it said anything."
CALLING = f"{LONGEST} amid a tool call, which was not made."
EMPTY = "The model gave no answer."
_LONGEST_WORDS = 1_500


def notice_of(done: Done, *, spoken: bool) -> str | None:
    """What to say about an answer that was cut, None if it is whole. `spoken` is whether it holds any text.

    Raises ModelFailed for one that is none.
    """
    if done.finish == "content_filter":
        words = f"{REFUSED}: {done.refusal[:_LONGEST_WORDS]}" if done.refusal else f"{FILTERED}."
        raise ModelFailed(words, done.refusal[_LONGEST_WORDS:])
    cut = done.finish == "length"
    if cut and done.calls:
        raise ModelFailed(CALLING)
    if not spoken and not done.calls:
        raise ModelFailed(SILENT if cut else EMPTY)
    return CUT if cut else None

"""Two texts, word by word: what stayed, what was added, what was removed. Bounded, whatever the texts are."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

MOST_STEPS = 800
"""Words, or else lines, added and removed up to which differences are looked for; the work grows with its square."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_WORD = re.compile(r"\w+")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
CONTEXT = 200
"""Characters that are shown of what stayed the same on either side of a change."""
SAME, REMOVED, ADDED, GAP = "same", "removed", "added", "gap"


@dataclass(frozen=True)
class Piece:
    """A stretch of text that is `same`, `removed` or `added`."""

    kind: str
    text: str


@dataclass(frozen=True)
class TextDifference:
    """The pieces in order, and how many words were added and removed.

    `unit` says how finely the texts were compared: by word, by line, or as a whole.
    """

    pieces: Sequence[Piece]
    added: int
    removed: int
    unit: str

    @property
    def shown(self) -> list[Piece]:
        """The pieces with the middle of long stretches that stayed the same as `gap`, whose text is its length."""
        shown: list[Piece] = []
        for at, piece in enumerate(self.pieces):
            if piece.kind != SAME or len(piece.text) <= 3 * CONTEXT:
                shown.append(piece)
                continue
            head = piece.text[:CONTEXT] if at else ""
            tail = piece.text[-CONTEXT:] if at < len(self.pieces) - 1 else ""
            gap = Piece(GAP, str(len(piece.text) - len(head) - len(tail)))
            shown += [part for part in (Piece(SAME, head), gap, Piece(SAME, tail)) if part.text]
        return shown


def text_difference(before: str, after: str) -> TextDifference:
    """Compare two texts by words; by lines if too many words differ, and as a whole if too many lines do."""
    for unit, cut in (("word", _WORDS), ("line", _LINES)):
        script = _script(cut.findall(before), cut.findall(after))
        if script is not None:
            return _made(_joined(script), unit)
    whole = [Piece(REMOVED, before), Piece(ADDED, after)]
    return _made([piece for piece in whole if piece.text], "whole")


def _made(pieces: Sequence[Piece], unit: str) -> TextDifference:
    return TextDifference(pieces, _words_of(pieces, ADDED), _words_of(pieces, REMOVED), unit)


def _words_of(pieces: Sequence[Piece], kind: str) -> int:
    return sum(len(_WORD.findall(piece.text)) for piece in pieces if piece.kind == kind)


def _script(a: Sequence[str], b: Sequence[str]) -> list[Piece] | None:
    """The shortest way from one to the other as pieces of one element; None beyond MOST_STEPS."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    moves = _shortest(a[start : len(a) - end], b[start : len(b) - end])
    if moves is None:
        return None
    kept = [Piece(SAME, "".join(a[:start])), *moves, Piece(SAME, "".join(a[len(a) - end :]))]
    return [piece for piece in kept if piece.text]


def _shortest(a: Sequence[str], b: Sequence[str]) -> list[Piece] | None:
    """Myers' greedy algorithm (1986): `reach[k]` is how far into `a` the diagonal k was followed."""
    if not a or not b:
        return [Piece(REMOVED, "".join(a)), Piece(ADDED, "".join(b))]
    reach, trace = [0] * (2 * MOST_STEPS + 5), []
    for steps in range(MOST_STEPS + 1):
        trace.append(reach[: steps + 2] + reach[-steps - 2 :])  # a negative k counts from the end
        for k in range(-steps, steps + 1, 2):
            x = _onward(reach, k, steps)
            while x < len(a) and x - k < len(b) and a[x] == b[x - k]:
                x += 1
            reach[k] = x
            if x >= len(a) and x - k >= len(b):
                return list(_walked_back(a, b, trace))[::-1]
    return None


def _onward(reach: Sequence[int], k: int, steps: int) -> int:
    """Where the diagonal k begins after one more step: down, which adds, or to the right, which removes."""
    return reach[k + 1] if _down(reach, k, steps) else reach[k - 1] + 1


def _down(reach: Sequence[int], k: int, steps: int) -> bool:
    return k == -steps or (k != steps and reach[k - 1] < reach[k + 1])


def _walked_back(a: Sequence[str], b: Sequence[str], trace: Sequence[Sequence[int]]) -> Iterator[Piece]:
    x, y = len(a), len(b)
    for steps in range(len(trace) - 1, -1, -1):
        reach, k = trace[steps], x - y
        down = _down(reach, k, steps)
        before = k + 1 if down else k - 1
        from_x = reach[before] if steps else 0
        from_y = from_x - before if steps else 0
        begun = (from_x if down else from_x + 1) if steps else 0
        if x > begun:
            yield Piece(SAME, "".join(a[begun:x]))
        if steps:
            yield Piece(ADDED, b[from_y]) if down else Piece(REMOVED, a[from_x])
        x, y = from_x, from_y


def _joined(script: Sequence[Piece]) -> list[Piece]:
    """The pieces joined; a space between two changes belongs to both, what was removed stands before what was added."""
    solid = [
        Piece("", piece.text)
        if piece.kind == SAME and piece.text.strip() == "" and "\n" not in piece.text and _between(script, at)
        else piece
        for at, piece in enumerate(script)
    ]
    pieces: list[Piece] = []
    for same, group in groupby(solid, key=lambda piece: piece.kind == SAME):
        parts = list(group)
        if same:
            pieces.append(Piece(SAME, "".join(part.text for part in parts)))
            continue
        pieces += _settled(parts)
    return pieces


def _settled(parts: Sequence[Piece]) -> Iterator[Piece]:
    """Neighbouring changes with the spaces between them."""
    if {REMOVED, ADDED} <= {part.kind for part in parts}:
        for kind in (REMOVED, ADDED):
            yield Piece(kind, "".join(part.text for part in parts if part.kind in {kind, ""}))
        return
    for kind, group in groupby(parts, key=lambda part: part.kind or SAME):
        yield Piece(kind, "".join(part.text for part in group))


def _between(script: Sequence[Piece], at: int) -> bool:
    return 0 < at < len(script) - 1 and SAME not in {script[at - 1].kind, script[at + 1].kind}

"""The vocabulary: real words in front, made-up ones behind, used as often as words of a language are (Zipf)."""

import random
from collections.abc import Iterator
from functools import cache
from itertools import islice, product

_SLOTS = 1 << 18
_WORDS = 30_000
_STOP_SHARE = 0.35
_STOP = (
    "the of to and a in is it you that he was for on are with as his they be at one have this from or had by but not "
    "what all were we when your can there an each which she do how their if will up other about out many then them"
)
_REAL = (
    "invoice customer report order refund account delivery contract meeting password product question answer ticket "
    "payment release update project budget server error request summary review version price market sales support "
    "team plan email document table number week month result change issue service data model training policy form "
    "address shipping discount warehouse supplier campaign feature deadline draft notes translation interview salary "
    "holiday expense travel hotel flight calendar reminder backup database network login license renewal upgrade "
    "feedback survey analysis forecast revenue margin cost tax audit compliance security incident outage latency "
    "dashboard chart export import format template style heading paragraph sentence keyword article newsletter "
    "website checkout basket catalogue stock return warranty repair manual battery screen keyboard printer cable "
    "engine wheel garden kitchen recipe music language history science school student teacher course lesson exam"
)
_ONSETS = "b c d f g h k l m n p r s t v w z br cl dr fl gr pl sk st tr"
_VOWELS = "a e i o u ai ea io"
_CODAS = " l m n r s t x nd rk"


def _syllables() -> list[str]:
    """Every syllable once, in an order that looks like none."""
    made = ["".join(parts) for parts in product(_ONSETS.split(), _VOWELS.split(), _CODAS.split(" "))]
    random.Random("syllables").shuffle(made)
    return made


def _made_up() -> Iterator[str]:
    """Words of two and three syllables without end, each different."""
    syllables, taken = _syllables(), {*_REAL.split(), *_STOP.split()}
    picks = random.Random("words")
    while True:
        word = "".join(picks.choice(syllables) for _ in range(picks.choice((2, 2, 3))))
        if word not in taken:
            taken.add(word)
            yield word


def _draw_table(words: list[str], shift: int, slots: int) -> list[str]:
    """A table in which a word's share is that of its rank: 1 / (rank + shift)."""
    weights = [1 / (rank + shift) for rank in range(1, len(words) + 1)]
    scale, reached = slots / sum(weights), 0.0
    table: list[str] = []
    for word, weight in zip(words, weights, strict=True):
        reached += weight * scale
        table += [word] * (round(reached) - len(table))
    return table


@cache
def vocabulary() -> list[str]:
    """Every word, the most frequent first."""
    real = _REAL.split()
    return [*real, *islice(_made_up(), _WORDS - len(real))]


@cache
def prose() -> list[str]:
    """For messages: a third are words that full text search leaves out, the most frequent other is in a fifth."""
    stops = round(_SLOTS * _STOP_SHARE)
    return [*_draw_table(_STOP.split(), 3, stops), *_draw_table(vocabulary(), 30, _SLOTS - stops)]


@cache
def title() -> list[str]:
    """For names of about five words: the most frequent is in 5 %, most are in fewer than 0.01 %."""
    return _draw_table(vocabulary(), 13, _SLOTS)


def draw(picks: random.Random, table: list[str], count: int) -> list[str]:
    """That many words of a table."""
    return [table[number & (_SLOTS - 1)] for number in memoryview(picks.randbytes(4 * count)).cast("I")]

"""Threads, messages and feedback as COPY's text format, a block of threads at a time.

A block depends on the size and its own number only, so blocks can be made in any process and in any order.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from app.commands.scale.cast import HEAVY_SHARE, Agent, Cast, Org, Size, id_at, make_cast
from app.commands.scale.words import draw, prose, title

BLOCK = 1_000
LONG = 2_000
"""Messages of the one long thread in every twentieth block."""
LONG_EVERY = 20
ERROR_SHARE = 0.044
"""Of answers, which are half of all messages; feedback likewise."""
FEEDBACK_SHARE = 0.067

THREAD_COLUMNS = (
    "id, org_id, user_id, agent_id, name, origin, external_id, external_user, tags, archived, deleted_at,"
    " message_count, error_count, up_count, down_count, tokens, cost_micros, last_message_at, created_at, updated_at"
)
MESSAGE_COLUMNS = (
    "id, org_id, thread_id, role, status, parts, text_content, model, input_tokens, output_tokens, cost_micros,"
    " latency_ms, error, created_at"
)
FEEDBACK_COLUMNS = (
    "id, org_id, thread_id, message_id, user_id, external_user, rating, reason, comment, created_at,"
    " updated_at"
)

_NULL = "\\N"
_STRIDES = (6, 9, 14, 26, 40, 200, 200, 200)
_ORIGINS = ("console", "api", "import", "schedule", "playground")
_OWN_SHARES = (70, 15, 10, 0, 5)
_SHARES = (55, 22, 12, 6, 5)
_TAGS = ("urgent", "vip", "follow-up", "internal", "pilot")
_REASONS = ("wrong", "incomplete", "unclear", "tone", "slow")
_ERRORS = (
    "The model did not answer within 60 seconds.",
    "The rate limit of the model was reached.",
    "The answer was cut off at the token limit.",
    "The tool get_order failed: connection refused.",
)


@dataclass
class Block:
    """Finished lines of a block."""

    threads: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)

    def encoded(self) -> "EncodedBlock":
        """The lines as COPY reads them."""
        return EncodedBlock(
            *("".join(lines).encode() for lines in (self.threads, self.messages, self.feedback))
        )


class EncodedBlock(NamedTuple):
    """The bytes of a block, as they cross from one process to another."""

    threads: bytes
    messages: bytes
    feedback: bytes


@dataclass
class _Thread:
    """A thread while its messages are made, with what its counters come to."""

    id: str
    org: Org
    user_id: str
    external_user: str
    agent: Agent
    origin: str
    created_at: datetime
    topic: list[str]
    moment: datetime
    errors: int = 0
    ups: int = 0
    downs: int = 0
    tokens: int = 0
    cost_micros: int = 0


cast_of = lru_cache(maxsize=1)(make_cast)


def count_blocks(size: Size) -> int:
    """How many blocks a size has."""
    return -(-size.threads // BLOCK)


def encoded_block(size: Size, number: int) -> EncodedBlock:
    """Block `number`, ready for COPY."""
    return make_block(size, cast_of(size), number).encoded()


def make_block(size: Size, cast: Cast, number: int) -> Block:
    """Block `number`, of the stretch of the year that is its turn."""
    picks = size.picks(number)
    first = number * BLOCK
    threads = min(BLOCK, size.threads - first)
    quota = size.messages * (first + threads) // size.threads - size.messages * first // size.threads
    step = (size.end - size.start) / size.threads
    block = Block()
    for index, count in enumerate(_counts(picks, threads, quota, long=number % LONG_EVERY == 0)):
        moment = size.start + (first + index + picks.random() / 2) * step
        _add_thread(block, picks, _thread(cast, picks, moment, size.end), count)
    return block


def _counts(picks: random.Random, threads: int, quota: int, *, long: bool) -> Iterator[int]:
    """The messages of each thread: one at least where there are enough, the rest as chance has it."""
    long = long and quota >= LONG + threads
    rest = quota - long * LONG - threads
    weights = [picks.expovariate(1) for _ in range(threads - long)]
    scale = max(rest + long, 0) / (sum(weights) or 1)
    counts = [int(rest >= 0) + int(weight * scale) for weight in weights]
    short = quota - long * LONG - sum(counts)
    for index, count in enumerate(counts):
        yield count + short // len(counts) + (index < short % len(counts))
    if long:
        yield LONG


def _thread(cast: Cast, picks: random.Random, moment: datetime, end: datetime) -> _Thread:
    height = picks.random()
    org = cast.org_at(height)
    own = height < HEAVY_SHARE
    (origin,) = picks.choices(_ORIGINS, _OWN_SHARES if own else _SHARES)
    outside = not own and origin in {"api", "import"} and picks.random() < 0.7
    member = org.members[0 if own else int(picks.random() ** 2 * len(org.members))]
    return _Thread(
        id=id_at(_milliseconds(moment), picks.getrandbits(74)),
        org=org,
        user_id=_NULL if outside else cast.people[member.person].id,
        external_user=f"customer-{int(picks.random() ** 2 * 5000)}" if outside else _NULL,
        agent=org.agents[int(picks.random() ** 2 * len(org.agents))],
        origin=origin,
        created_at=moment,
        topic=draw(picks, title(), 4),
        moment=min(moment, end),
    )


def _add_thread(block: Block, picks: random.Random, thread: _Thread, count: int) -> None:
    most = timedelta(seconds=200 if count < 500 else 20)
    for number in range(count):
        if number:
            thread.moment += most * (picks.random() + 0.05)
        _add_message(block, picks, thread, answer=number % 2 == 1)
    chance = picks.random()
    deleted = _stamp(thread.moment + timedelta(days=1)) if chance < 0.005 else _NULL
    line = (
        thread.id,
        thread.org.id,
        thread.user_id,
        thread.agent.id,
        " ".join([*thread.topic[:2], *draw(picks, title(), picks.randint(1, 5))]).capitalize(),
        thread.origin,
        thread.id if thread.origin == "import" else _NULL,
        thread.external_user,
        "{%s}" % (picks.choice(_TAGS) if chance > 0.9 else ""),
        "t" if 0.005 <= chance < 0.025 else "f",
        deleted,
        str(count),
        str(thread.errors),
        str(thread.ups),
        str(thread.downs),
        str(thread.tokens),
        str(thread.cost_micros),
        _stamp(thread.moment),
        _stamp(thread.created_at),
        _stamp(thread.moment),
    )
    block.threads.append("\t".join(line) + "\n")


def _add_message(block: Block, picks: random.Random, thread: _Thread, *, answer: bool) -> None:
    chance = picks.getrandbits(74)
    message_id = id_at(_milliseconds(thread.moment), chance)
    words = 40 + chance % 81
    text = _text(picks, thread, words, chance)
    stamp = _stamp(thread.moment)
    error = picks.choice(_ERRORS) if answer and picks.random() < ERROR_SHARE else None
    head = f"{message_id}\t{thread.org.id}\t{thread.id}\t"
    parts, searched = _parts(text, error)
    if not answer:
        block.messages.append(
            f"{head}user\tcomplete\t{parts}\t{searched}\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t{stamp}\n"
        )
        return
    read, written = words * 2 + (chance >> 8 & 4095), words * 4 // 3
    cost = (read * 3 + written * 15) // 4
    thread.tokens += read + written
    thread.cost_micros += cost
    thread.errors += error is not None
    block.messages.append(
        f"{head}assistant\t{'failed' if error else 'complete'}\t{parts}\t{searched}\t{thread.agent.model}\t{read}\t"
        f"{written}\t{cost}\t{300 + (chance >> 20 & 8191)}\t{error or _NULL}\t{stamp}\n"
    )
    if picks.random() < FEEDBACK_SHARE:
        _add_feedback(block, picks, thread, message_id)


def _text(picks: random.Random, thread: _Thread, count: int, chance: int) -> str:
    """Sentences of common and rare words, in which a word of the thread's topic comes back more or less often."""
    words = draw(picks, prose(), count)
    places = range(3, count, _STRIDES[chance >> 40 & 7])
    word = thread.topic[chance >> 43 & 3]
    for place in places:
        words[place] = word
    sentences = [" ".join(words[start : start + 12]).capitalize() for start in range(0, count, 12)]
    return (".\n\n" if chance >> 45 & 3 == 0 else ". ").join(sentences) + "."


def _parts(text: str, error: str | None) -> tuple[str, str]:
    """The parts as JSON and what is searched, both escaped for COPY."""
    parts = f'{{"kind": "text", "text": "{text}"}}'
    if error:
        parts += f', {{"kind": "error", "message": "{error}"}}'
        text = f"{text}\n\n{error}"
    return "[" + parts.replace("\n", "\\\\n") + "]", text.replace("\n", "\\n")


def _add_feedback(block: Block, picks: random.Random, thread: _Thread, message_id: str) -> None:
    up = picks.random() < 0.75
    thread.ups += up
    thread.downs += not up
    outside = thread.external_user
    stamp = _stamp(thread.moment + timedelta(seconds=30))
    line = (
        id_at(_milliseconds(thread.moment) + 30_000, picks.getrandbits(74)),
        thread.org.id,
        thread.id,
        message_id,
        thread.user_id,
        outside,
        "1" if up else "-1",
        _NULL if up else picks.choice(_REASONS),
        " ".join(draw(picks, prose(), 8)).capitalize() + "." if picks.random() < 0.3 else _NULL,
        stamp,
        stamp,
    )
    block.feedback.append("\t".join(line) + "\n")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _stamp(moment: datetime) -> str:
    return moment.isoformat()

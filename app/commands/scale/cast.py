"""Who is there: organisations of very different size, their people and their agents."""

import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from app.commands.scale.words import draw, title

LARGEST_SHARE = 0.40
HEAVY_SHARE = 0.25
_YEAR = timedelta(days=365)
_FIRST_END = datetime(2026, 1, 1, tzinfo=UTC)
_MODELS = (
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-5-mini"),
    ("openai", "gpt-5"),
    ("anthropic", "claude-opus-4-5"),
    ("mistral", "mistral-large-latest"),
)
_FIRST_NAMES = (
    "Ana Ben Chloe Dario Eva Farid Greta Hugo Ines Jonas Kira Leo Mila Noor Omar Petra Rosa Sami Tara"
)


@dataclass(frozen=True)
class Size:
    """How much of everything, and the value that everything is made from."""

    orgs: int
    users: int
    agents: int
    threads: int
    messages: int
    seed_value: int

    @property
    def end(self) -> datetime:
        """The moment after everything; all of it lies in the year before."""
        return _FIRST_END + timedelta(days=self.seed_value % 365)

    @property
    def start(self) -> datetime:
        """The moment before everything."""
        return self.end - _YEAR

    def picks(self, what: str | int) -> random.Random:
        """The source of chance for one part; equal for equal seed values, whatever else is made."""
        return random.Random(f"{self.seed_value}/{what}")


@dataclass(frozen=True)
class Agent:
    """An agent and what answers for it."""

    id: str
    name: str
    provider: str
    model: str


@dataclass(frozen=True)
class Member:
    """A membership: the number of the person, and the role."""

    id: str
    person: int
    role: str


@dataclass(frozen=True)
class Org:
    """An organisation. The first member is its owner."""

    id: str
    slug: str
    name: str
    members: tuple[Member, ...]
    agents: tuple[Agent, ...]


@dataclass(frozen=True)
class Person:
    """An account."""

    id: str
    email: str
    first_name: str
    last_name: str


@dataclass(frozen=True)
class Cast:
    """All of them. `heights` are the organisations' shares of threads, added up."""

    people: tuple[Person, ...]
    orgs: tuple[Org, ...]
    heights: tuple[float, ...]

    def org_at(self, height: float) -> Org:
        """The organisation at a height from 0 to 1."""
        return self.orgs[min(bisect(self.heights, height), len(self.orgs) - 1)]


def time_ordered_id(moment: datetime, picks: random.Random) -> str:
    """A UUID of version 7 (RFC 9562) in hexadecimal digits."""
    return id_at(int(moment.timestamp() * 1000), picks.getrandbits(74))


def id_at(milliseconds: int, chance: int) -> str:
    """A UUID of version 7 from a time and 74 random bits."""
    head = milliseconds << 16 | 0x7000 | chance >> 62
    return f"{head:016x}{0x8000000000000000 | chance & 0x3FFFFFFFFFFFFFFF:016x}"


def prefix(seed_value: int) -> str:
    """What the addresses of a seed value's organisations begin with."""
    return f"scale-{seed_value}-"


def make_cast(size: Size) -> Cast:
    """The organisations of a size; the first holds 40 % of everything."""
    picks = size.picks("cast")
    heights = _heights(size.orgs)
    people = tuple(_person(size, picks, number) for number in range(size.users))
    owned = _by_org(heights, size.users, picks)
    agents = _by_org(heights, size.agents, picks)
    orgs = tuple(
        Org(
            id=time_ordered_id(size.start, picks),
            slug=f"{prefix(size.seed_value)}{number + 1}",
            name=f"{draw(picks, title(), 1)[0].title()} {number + 1}",
            members=_members(size, picks, owned[number]),
            agents=tuple(_agent(size, picks, rank) for rank in range(len(agents[number]))),
        )
        for number in range(size.orgs)
    )
    return Cast(people, orgs, heights)


def _heights(orgs: int) -> tuple[float, ...]:
    if orgs == 1:
        return (1.0,)
    shares = [1 / rank for rank in range(1, orgs)]
    rest = (1 - LARGEST_SHARE) / sum(shares)
    return tuple(accumulate([LARGEST_SHARE, *(share * rest for share in shares)]))


def _by_org(heights: Sequence[float], count: int, picks: random.Random) -> list[list[int]]:
    """Numbers from 0, one to each organisation first, then by size."""
    found: list[list[int]] = [[number] for number in range(len(heights))]
    for number in range(len(heights), count):
        found[min(bisect(heights, picks.random()), len(heights) - 1)].append(number)
    return found


def _person(size: Size, picks: random.Random, number: int) -> Person:
    return Person(
        id=time_ordered_id(size.start, picks),
        email=f"person-{number + 1}@{prefix(size.seed_value)}people.example",
        first_name=picks.choice(_FIRST_NAMES.split()),
        last_name=draw(picks, title(), 1)[0].title(),
    )


def _members(size: Size, picks: random.Random, numbers: list[int]) -> tuple[Member, ...]:
    roles = ["owner", *picks.choices(("admin", "member", "viewer"), (5, 85, 10), k=len(numbers) - 1)]
    return tuple(
        Member(time_ordered_id(size.start, picks), number, role)
        for number, role in zip(numbers, roles, strict=True)
    )


def _agent(size: Size, picks: random.Random, rank: int) -> Agent:
    name = " ".join(draw(picks, title(), 2)).capitalize()
    return Agent(time_ordered_id(size.start, picks), f"{name} {rank + 1}", *_MODELS[rank % len(_MODELS)])

"""The sample threads: short ones, and one that shows every kind of part."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.analytics.services.sample_agents import AGENTS, MARK
from app.threads.readers.parsed import Node, ParsedThread, thread
from app.threads.readers.values import RawPart

_EVERY = timedelta(hours=31)
_PEOPLE = ("Ana", "Kim", "Noa", "Sam")

_REFUND: Sequence[tuple[str, list[RawPart]]] = (
    (
        "system",
        [
            {
                "kind": "text",
                "text": "You answer customers of Nordlicht Outdoor. Promise nothing the terms do not say.",
            }
        ],
    ),
    (
        "user",
        [
            {
                "kind": "text",
                "text": "My tent from order 1042 arrived with a torn zip. Can I get my money back?",
            },
            {"kind": "file", "url": "https://example.org/receipt-1042.pdf", "name": "receipt-1042.pdf"},
        ],
    ),
    (
        "assistant",
        [
            {
                "kind": "reasoning",
                "text": "They want a refund. I need the order's date and what the terms say about damage.",
                "duration_ms": 1_900,
                "tokens": 64,
            },
            {"kind": "text", "text": "Let me look up your order."},
            {
                "kind": "tool_call",
                "call_id": "call_1",
                "name": "orders.get",
                "arguments": {"number": 1042, "fields": ["date", "items", "status"]},
            },
            {
                "kind": "tool_result",
                "call_id": "call_1",
                "status": "succeeded",
                "result": {
                    "number": 1042,
                    "date": "2026-11-12",
                    "status": "delivered",
                    "total": "249.00 EUR",
                },
                "duration_ms": 180,
            },
        ],
    ),
    (
        "assistant",
        [
            {
                "kind": "text",
                "text": (
                    "I am sorry about the zip. **You can return the tent**: damage on arrival is covered for 30 days "
                    "after delivery [1].\n\n"
                    "1. Print the label from your account.\n2. Hand the parcel in at any post office.\n"
                    "3. The money is back within five working days.\n\n"
                    "| Item | Refund |\n|---|---:|\n| Tent Fjell 2 | 239.00 EUR |\n| Shipping | 10.00 EUR |"
                ),
            },
            {
                "kind": "citation",
                "number": 1,
                "title": "Terms of sale, section 7",
                "text": "Goods that arrive damaged can be returned within 30 days of delivery, free of charge.",
                "url": "https://example.org/terms#7",
                "score": 0.91,
            },
            {"kind": "notice", "text": "2 earlier messages were left out: the model takes 8,192 tokens."},
        ],
    ),
    ("user", [{"kind": "text", "text": "Thanks! Can you send the label to my phone?"}]),
    (
        "assistant",
        [
            {
                "kind": "tool_call",
                "call_id": "call_2",
                "name": "sms.send",
                "arguments": {"template": "return-label"},
            },
            {
                "kind": "tool_result",
                "call_id": "call_2",
                "status": "failed",
                "result": {"error": "The gateway did not answer."},
                "duration_ms": 10_000,
            },
            {
                "kind": "error",
                "message": "The message could not be sent: the SMS gateway did not answer in 10 seconds.",
                "detail": "POST https://sms.example.org/v2/messages: time-out",
            },
        ],
    ),
)


@dataclass(frozen=True)
class _Short:
    """A thread of plain texts: what a person and the agent say in turn, and what the person thinks of the end."""

    agent: str
    name: str
    said: Sequence[str]
    rating: int | None = None


_SHORT = (
    _Short(
        "Release notes",
        "Release notes for 4.2",
        (
            "Write the release notes for 4.2 from these changes: faster export, dark mode, fixed time zones.",
            (
                "**New** Dark mode follows your system.\n\n**Improved** Exports start at once.\n\n"
                "**Fixed** Times are shown in your own zone."
            ),
        ),
        rating=1,
    ),
    _Short(
        "Weekly figures",
        "Figures of week 47",
        (
            "Explain week 47 to the board in five sentences.",
            "Orders rose by 12 % against the week before, mostly tents and stoves. …",
            "Shorter, please.",
            "Orders are up 12 %, driven by winter camping.",
        ),
    ),
    _Short(
        "Support triage",
        "Parcel waits at customs",
        (
            "Order 1057 has been at Zurich customs for six days. What now?",
            (
                "**Area** shipping. **Urgency** normal: the parcel is late, not lost.\n\n"
                "> Your parcel waits for a customs form. We have sent it to the carrier today; "
                "it usually moves on within two working days."
            ),
        ),
        rating=1,
    ),
    _Short(
        "Meeting minutes",
        "Minutes of the product meeting",
        (
            "Here is the transcript of Monday’s product meeting.",
            (
                "**Decisions** The stove goes on sale on 1 March.\n\n**Open** Who tests the new valve?\n\n"
                "**Tasks**\n\n| Task | Owner | Date |\n|---|---|---|\n| Book the photographer | Ana | 12 January |\n"
                "| Update the manual | Ben | open |"
            ),
        ),
    ),
    _Short(
        "Support triage",
        "App forgets the delivery address",
        (
            "Since the update the app forgets my address at every order.",
            (
                "**Area** app, check-out. **Urgency** high: it stops orders.\n\n"
                "> Thank you for telling us. Please open Settings and save the address once more; "
                "a fix is on its way."
            ),
            "I saved it twice already. It is gone again.",
            "Then a person takes over: I have passed this on with your order number.",
        ),
        rating=-1,
    ),
    _Short(
        "Contract review",
        "Terms of a rope supplier",
        (
            "Compare the attached terms with ours.",
            (
                "Two clauses differ.\n\n1. **Clause 4, payment:** theirs says 14 days, ours 30. Risk: less cash.\n"
                "2. **Clause 9, defects:** theirs excludes hidden ones, ours do not. Risk: we bear recalls alone."
            ),
        ),
        rating=1,
    ),
    _Short(
        "Support triage",
        "Invoice without VAT number",
        (
            "Our invoice 2210 lacks our VAT number. Can you add it?",
            "**Area** billing. **Urgency** low.\n\n> Here is your corrected invoice; the former one is void.",
        ),
    ),
    _Short(
        "Weekly figures",
        "Figures of week 46",
        (
            "Explain week 46 to the board.",
            "Sales fell by 3 %, as in the same week last year. Returns are down by a fifth since the new size chart.",
        ),
        rating=1,
    ),
    _Short(
        "Meeting minutes",
        "Minutes of the warehouse round",
        (
            "Write the minutes of this call.",
            "**Decisions** none.\n\n**Open** Where do the canoes go?\n\n**Tasks** Measure hall 2: Kim, by Friday.",
        ),
    ),
    _Short(
        "Support triage",
        "Repair of a jacket",
        (
            "Do you repair zips of jackets from 2019?",
            (
                "**Area** repairs. **Urgency** low.\n\n"
                "> Yes, whatever the year. Send it to our workshop; a new zip costs 25 EUR and takes ten days."
            ),
            "And if the fabric is torn as well?",
            "> Then the workshop looks at it first and tells you the price before it begins.",
        ),
        rating=1,
    ),
    _Short(
        "Contract review",
        "Data processing agreement",
        (
            "Does this agreement of our mail service meet our standard?",
            "Almost: clause 7 lets them change subprocessors without notice. Ours asks for 30 days. Risk: high.",
            "Quote the clause.",
            "“7.2 The Processor may replace Subprocessors at its discretion.”",
        ),
    ),
    _Short(
        "Release notes",
        "Release notes for 4.1",
        (
            "Notes for 4.1: sorting by price, a crash when the cart is empty.",
            "**New** Sort by price.\n\n**Fixed** An empty cart opens again.",
        ),
    ),
)


@dataclass(frozen=True)
class Sample:
    """A sample thread, the agent and the person who talk in it, and what the person thinks of the last message."""

    agent: str
    person: str
    thread: ParsedThread
    rating: int | None = None


def sample_threads(now: datetime | None = None) -> list[Sample]:
    """The sample threads, of the last weeks before `now`."""
    now = now or datetime.now(UTC)
    support = AGENTS[0]
    begun = now - timedelta(hours=3)
    refund = _thread("refund", "Refund for order 1042", support.model, begun, _REFUND)
    short = (_short(index, short, now) for index, short in enumerate(_SHORT))
    return [Sample(support.name, _PEOPLE[0], refund), *short]


def _short(index: int, short: _Short, now: datetime) -> Sample:
    model = next(agent.model for agent in AGENTS if agent.name == short.agent)
    lines = [("assistant" if number % 2 else "user", _text(said)) for number, said in enumerate(short.said)]
    made = _thread(f"short-{index}", short.name, model, now - (index + 1) * _EVERY, lines)
    return Sample(short.agent, _PEOPLE[index % len(_PEOPLE)], made, short.rating)


def _text(said: str) -> list[RawPart]:
    return [{"kind": "text", "text": said}]


def _thread(
    key: str, name: str, model: str, begun: datetime, lines: Sequence[tuple[str, Sequence[RawPart]]]
) -> ParsedThread:
    nodes: list[Node] = []
    read = 0
    for number, (role, parts) in enumerate(lines):
        spoken, tokens = role == "assistant", len(str(parts)) // 4
        nodes.append(
            Node(
                id=f"{key}-{number}",
                parent=nodes[-1].id if nodes else None,
                role=role,
                parts=parts,
                created_at=begun + timedelta(seconds=40 * number),
                model=model if spoken else None,
                input_tokens=read if spoken else None,
                output_tokens=tokens if spoken else None,
            )
        )
        read += tokens
    return thread(f"sample-{key}", name + MARK, begun, nodes, tags=("sample",))

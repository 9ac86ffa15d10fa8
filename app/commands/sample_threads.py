"""The threads that `flask seed demo` adds: short ones, and one that shows every kind of part."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.threads.readers.parsed import Node, ParsedThread, thread
from app.threads.readers.values import RawPart

MODEL = "claude-sonnet-4-5"
_DAY = timedelta(days=1)

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
_SHORT = {
    "Release notes for 4.2 (sample)": (
        (
            "user",
            "Write the release notes for 4.2 from these changes: faster export, dark mode, fixed time zones.",
        ),
        (
            "assistant",
            (
                "**New** Dark mode follows your system.\n\n**Improved** Exports start at once.\n\n"
                "**Fixed** Times are shown in your own zone."
            ),
        ),
    ),
    "Figures of week 47 (sample)": (
        ("user", "Explain week 47 to the board in five sentences."),
        ("assistant", "Orders rose by 12 % against the week before, mostly tents and stoves. …"),
        ("user", "Shorter, please."),
        ("assistant", "Orders are up 12 %, driven by winter camping."),
    ),
}


def sample_threads(now: datetime | None = None) -> list[ParsedThread]:
    """The sample threads, of the last days before `now`."""
    now = now or datetime.now(UTC)
    every_part = _thread("refund", "Refund for order 1042 (sample)", now - _DAY, _REFUND)
    short = [
        _thread(
            f"short-{index}", name, now - (index + 2) * _DAY, [(role, _text(said)) for role, said in lines]
        )
        for index, (name, lines) in enumerate(_SHORT.items())
    ]
    return [every_part, *short]


def _text(said: str) -> list[RawPart]:
    return [{"kind": "text", "text": said}]


def _thread(
    key: str, name: str, begun: datetime, lines: Sequence[tuple[str, Sequence[RawPart]]]
) -> ParsedThread:
    nodes: list[Node] = []
    for number, (role, parts) in enumerate(lines):
        spoken = role == "assistant"
        nodes.append(
            Node(
                id=f"{key}-{number}",
                parent=nodes[-1].id if nodes else None,
                role=role,
                parts=parts,
                created_at=begun + timedelta(seconds=40 * number),
                model=MODEL if spoken else None,
                input_tokens=310 + 120 * number if spoken else None,
                output_tokens=80 + 15 * number if spoken else None,
            )
        )
    return thread(f"sample-{key}", name, begun, nodes, tags=("sample",))

"""Limits of what answers may cost: set, taken away, and told to those who meet them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from app.audit.services import record
from app.orgs.repo.api_keys import ApiKeyRepo
from app.orgs.repo.orgs import OrgRepo
from app.orgs.repo.spending import LimitRow, SpendRepo
from app.web.errors import NotFound, Refusal

MICROS = 1_000_000
CURRENCY = "USD"
"""That of the prices of models."""
OVER = "Spend limit reached"
"""What the reason begins with of answers that a limit has ended."""
UNPRICED = (
    "A spend limit is set, and nobody has said what the model {model} costs. Enter its prices under Connections, "
    "on the page of its connection."
)
QUOTA = {"code": "insufficient_quota"}
"""What programs are told beside the words."""


def amount_text(micros: int) -> str:
    """An amount with its currency, as `money_words` writes it but to the last decimal: `USD 1,204.50`."""
    whole, _, rest = f"{Decimal(micros) / MICROS:,.6f}".partition(".")
    return f"{CURRENCY} {whole}.{rest.rstrip('0').ljust(2, '0')}"


def set_limit(org_id: UUID, key_id: UUID | None, period: str, micros: int) -> None:
    """Set the limit of a key, or of the organisation, in the caller's transaction. Raises NotFound."""
    kind, target_id, label = _target(org_id, key_id)
    before = SpendRepo().get(org_id, key_id)
    SpendRepo().put(org_id, key_id, period, micros)
    after = {"period": period, "limit": amount_text(micros)}
    if _facts(before) != after:
        record(f"{kind}.limit", kind, target_id, label, before=_facts(before), after=after)


def remove_limit(org_id: UUID, key_id: UUID | None) -> None:
    """Take the limit of a key, or of the organisation, away, in the caller's transaction. Raises NotFound."""
    kind, target_id, label = _target(org_id, key_id)
    before = SpendRepo().get(org_id, key_id)
    if before is None:
        return
    SpendRepo().remove(org_id, key_id)
    record(f"{kind}.unlimit", kind, target_id, label, before=_facts(before))


def check_room(org_id: UUID, key_id: UUID) -> None:
    """Refusal 429 if a limit that the key counts to is used up."""
    if over := [limit for limit in SpendRepo().holding(org_id, key_id) if limit.used_up]:
        raise quota_refusal(reached(over), over[0].ends)


def quota_refusal(words: str, ends: datetime | None = None) -> Refusal:
    """The answer to a program whose question a limit refuses."""
    seconds = None if ends is None else max(1, round((ends - datetime.now(UTC)).total_seconds()))
    return Refusal(429, words, seconds, more=QUOTA)


def reached(over: Sequence[LimitRow], wanted: int = 0) -> str:
    """What is said where limits leave no room, for up to `wanted` micros where that is known."""
    limit = over[0]
    whose = "this API key" if limit.api_key_id else "the organisation"
    held = f", {amount_text(limit.reserved_micros)} is reserved" if limit.reserved_micros else ""
    more = f" This call may cost up to {amount_text(wanted)}." if wanted else ""
    return (
        f"{OVER}: {whose} may spend {amount_text(limit.limit_micros)} a {limit.period}; "
        f"{amount_text(limit.spent_micros)} is spent{held}.{more} The period ends on {limit.ends:%Y-%m-%d %H:%M} UTC."
    )


def limit_facts(limit: LimitRow | None) -> list[tuple[str, object]]:
    """A limit in words; nothing if there is none."""
    if limit is None:
        return []
    amounts = {"Spent": limit.spent_micros, "Reserved": limit.reserved_micros}
    return [
        ("Limit", f"{amount_text(limit.limit_micros)} a {limit.period}"),
        *((label, amount_text(micros)) for label, micros in amounts.items()),
        ("Period ends", f"{limit.ends.day} {limit.ends:%b %Y, %H:%M} UTC"),
    ]


def _target(org_id: UUID, key_id: UUID | None) -> tuple[str, UUID, str]:
    """Kind, id and name of whose limit it is; held, so that limits are set one after another."""
    if key_id is None:
        org = OrgRepo().lock(org_id)
        if org is None:
            raise NotFound
        return "org", org.id, org.name
    keys = ApiKeyRepo().lock(org_id, [key_id])
    if not keys:
        raise NotFound
    return "api_key", key_id, keys[0].name


def _facts(limit: LimitRow | None) -> dict[str, str] | None:
    return None if limit is None else {"period": limit.period, "limit": amount_text(limit.limit_micros)}

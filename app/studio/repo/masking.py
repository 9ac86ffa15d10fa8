"""Which columns may be shown. What is not known to be harmless is not: a new text column stays hidden until listed."""

import re

CLEAR_TYPES = frozenset({
    "bool", "int2", "int4", "int8", "float4", "float8", "numeric",
    "uuid", "timestamptz", "timestamp", "date", "time", "interval",
})  # fmt: skip
TEXT_TYPES = frozenset({"text", "varchar", "bpchar", "json", "jsonb", "_text", "_varchar"})
HARMLESS_TEXT = frozenset({
    "action", "actor_label", "address", "after", "before", "catch_up", "cells", "chunking", "columns", "comment",
    "cron", "description", "disabled_reason", "email", "error", "expected", "external_id", "external_user",
    "first_name", "former_email", "host", "kind", "last_name", "markdown", "media_type", "model", "name", "note",
    "origin", "outcome", "overlap", "parts", "prefix", "primary_model", "primary_model_provider", "prompt",
    "provider", "question", "queue", "rag_enabled", "reason", "recipient", "request_id", "retrieval", "role",
    "scopes", "slug", "snapshot", "status", "subject", "tags", "target_label", "target_type", "template",
    "text_content", "time_zone", "title", "tools_enabled", "trigger", "user_agent", "username", "version_num",
    "agents.settings", "knowledge_base_chunks.text", "knowledge_base_freeform_texts.body", "orgs.settings",
    "thread_notes.body", "capabilities", "purpose", "transport", "knowledge_base_web_pages.url",
    "knowledge_base_web_urls.scope", "knowledge_base_web_urls.url", "tool_approvals.tool", "tool_approvals.call_id",
    "tool_approvals.arguments", "approval", "input_schema", "evaluation_gate", "evaluation_cases.turns", "checks",
    "variables", "evaluation_results.answer", "judge_model",
})  # fmt: skip
"""Names of text columns, with their table where the name alone does not tell."""
_SECRET_WORDS = re.compile(
    r"(^|_)(passw(or)?d|passphrase|secret|token|hash|digest|nonce|verifier|salt|otp|pin|key|cipher|sealed|credential)(_|$)"
)
_POINTERS = ("_id", "_at")


def may_show(table: str, name: str, base_type: str, *, is_enum: bool = False) -> bool:
    """Whether a column's values may be shown, by its name and the name of its type.

    Numbers, moments, ids, flags and enumerations are, texts only under names known to be harmless, anything else never
    is: keys, hashes and sealed values are bytes. A name that speaks of a secret hides what it stands for in any case.
    """
    if _SECRET_WORDS.search(name) and not name.endswith(_POINTERS):
        return False
    if is_enum or base_type.removeprefix("_") in CLEAR_TYPES:
        return True
    return base_type in TEXT_TYPES and not HARMLESS_TEXT.isdisjoint({name, f"{table}.{name}"})

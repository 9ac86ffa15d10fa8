"""Every route of the application as a request that can be sent, with ids of a given organisation filled in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

from flask import Flask
from werkzeug.routing import AnyConverter, Rule

from app.web.access import Access, access_of
from tests.factories.world import Tenant
from tests.support.pages import parse

METHODS = {"GET", "POST", "PATCH", "DELETE"}
UNKNOWN = UUID("01930000-0000-7000-8000-000000000000")
# How each kind of path argument finds its value. An argument missing here fails every sweep: add it.
FILL = {
    "org": lambda tenant: tenant.org.slug,
    "task_id": lambda tenant: tenant.rows["tasks"].id,
    "schedule_id": lambda tenant: tenant.rows["schedules"].id,
    "agent_id": lambda tenant: tenant.rows["agents"].id,
    "model": lambda tenant: tenant.rows["agents"].id,
    "persona_id": lambda tenant: tenant.rows["personas"].id,
    "version_id": lambda tenant: tenant.rows["agent_versions"].id,
    "thread_id": lambda tenant: tenant.rows["threads"].id,
    "other_id": lambda tenant: tenant.rows["threads"].id,
    "invitation_id": lambda tenant: tenant.rows["invitations"].id,
    "member_id": lambda tenant: tenant.rows["org_members"].id,
    "key_id": lambda tenant: tenant.rows["api_keys"].id,
    "view_id": lambda tenant: tenant.rows["saved_views"].id,
    "event_id": lambda tenant: tenant.rows["audit_events"].id,
    "mail_id": lambda tenant: tenant.rows["email_outbox"].id,
    "user_id": lambda tenant: tenant.people["viewer"].id,
    "org_id": lambda tenant: tenant.org.id,
    "message_id": lambda tenant: tenant.rows["messages"].id,
    "note_id": lambda tenant: tenant.rows["thread_notes"].id,
    "blob_id": lambda tenant: tenant.rows["blobs"].id,
    "base_id": lambda tenant: tenant.rows["knowledge_bases"].id,
    "source_id": lambda tenant: tenant.rows["knowledge_base_files"].id,
    "chunk_id": lambda tenant: tenant.rows["knowledge_base_chunks"].id,
    "credential_id": lambda tenant: tenant.rows["credentials"].id,
    "connection_id": lambda tenant: tenant.rows["model_connections"].id,
    "model_id": lambda tenant: tenant.rows["connection_models"].id,
    "server_id": lambda tenant: tenant.rows["mcp_servers"].id,
    "tool_id": lambda tenant: tenant.rows["tools"].id,
    "approval_id": lambda tenant: tenant.rows["tool_approvals"].id,
    "case_id": lambda tenant: tenant.rows["evaluation_cases"].id,
    "run_id": lambda tenant: tenant.rows["evaluation_runs"].id,
    "test_id": lambda tenant: tenant.rows["retrieval_tests"].id,
    "agent_run_id": lambda tenant: tenant.rows["run"].id,
    "number": lambda _tenant: 1,
    "import_id": lambda tenant: tenant.rows["thread_imports"].id,
    "session_id": lambda _tenant: UNKNOWN,
    "token": lambda _tenant: "unknown-token",
    "provider": lambda _tenant: "github",
    "path": lambda _tenant: "absent.css",
    "name": lambda _tenant: "absent",
    "table": lambda _tenant: "users",
    "key": lambda tenant: str(tenant.people["viewer"].id),
    "request_id": lambda tenant: tenant.rows["audit_events"].request_id,
    "card": lambda _tenant: "agent",
    "page": lambda _tenant: "buttons",
    "digest": lambda _tenant: "0",
}
# Rows that belong to one organisation: what another one asks for in vain.
TENANT_IDS = {
    "tool_id",
    "model",
    "import_id",
    "approval_id",
    *("case_id", "run_id"),
    "task_id",
    "agent_run_id",
    "schedule_id",
    *("base_id", "source_id", "chunk_id", "test_id"),
    *("agent_id", "persona_id", "version_id", "thread_id", "other_id", "message_id", "note_id", "blob_id"),
    *("credential_id", "connection_id", "model_id", "server_id"),
    *("invitation_id", "member_id", "key_id", "event_id", "mail_id", "view_id"),
}


@dataclass(frozen=True)
class Call:
    """One method of one route. `path` has the ids of the organisation it was made for."""

    method: str
    rule: str
    endpoint: str
    access: Access
    path: str
    arguments: frozenset[str]

    @property
    def problem(self) -> str:
        """The type of its refusals."""
        return "application/json" if self.rule.startswith("/v1/") else "application/problem+json"

    @property
    def safe(self) -> bool:
        return self.method == "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"


def calls(app: Flask, tenant: Tenant, other: Mapping[str, Any] | None = None) -> Iterator[Call]:
    """Yield every route that people use; `other` overrides path arguments by name."""
    return (call for call in _calls(app, tenant, other) if call.access.kind != "api")


def api_calls(app: Flask, tenant: Tenant, other: Mapping[str, Any] | None = None) -> Iterator[Call]:
    """Yield every route that programs use, alike."""
    return (call for call in _calls(app, tenant, other) if call.access.kind == "api")


def _calls(app: Flask, tenant: Tenant, other: Mapping[str, Any] | None) -> Iterator[Call]:
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        access = access_of(app, rule.endpoint)
        for values, method in product(
            _values(rule, tenant, other or {}), sorted((rule.methods or set()) & METHODS)
        ):
            path = adapter.build(rule.endpoint, values, method=method)
            yield Call(method, rule.rule, rule.endpoint, access, path, frozenset(rule._converters))


def _values(rule: Rule, tenant: Tenant, other: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the path arguments of a route, once for each word where it takes one of several."""
    choices = []
    for name in sorted(rule._converters):
        converter = rule._converters[name]
        if isinstance(converter, AnyConverter):
            choices.append([(name, word) for word in sorted(converter.items)])
        else:
            choices.append([(name, other[name] if name in other else FILL[name](tenant))])
    yield from map(dict, product(*choices))


def row_names(html: str) -> list[str]:
    """Return what the rows of the results table link to, top to bottom."""
    results = parse(html).find(id="results")
    assert results is not None, "the page holds no results"
    return [" ".join(cell.get_text().split()) for cell in results.select("tbody th[scope=row] a")]

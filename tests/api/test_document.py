"""The OpenAPI document, and what schemathesis makes of it: no 5xx, no answer that the document does not allow."""

import re
from dataclasses import replace

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from app import create_app
from app.api.schemas.document import document
from app.api.views import completions as api_completions
from app.api.views import runs as api_runs
from app.runtime.services.following import Told
from app.web.access import SCOPES
from tests.conformance import inventory
from tests.support import database

FEW = 10
MANY = 50  # times 22 operations, right and wrong: 2000 a role
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


@pytest.fixture
def patient(app, monkeypatch):
    """Programs may ask as often as they like."""
    asking = replace(
        app.extensions["settings"],
        api_requests_per_minute=1_000_000,
        api_requests_per_minute_of_org=1_000_000,
    )
    monkeypatch.setitem(app.extensions, "settings", asking)
    for module in (api_runs, api_completions):
        monkeypatch.setattr(module, "follow", lambda *_: iter(()))  # nothing answers here


@pytest.fixture
def described(app, home):
    return schemathesis.openapi.from_wsgi("/api/openapi.json", app)


@pytest.fixture
def served(client, home):
    return client.get("/api/openapi.json").json


def judge(schema, program, home, label, examples):
    """Send generated requests, right ones about what there is and wrong ones, and judge the answers."""
    method, path = label.split(" ")
    headers = {"Authorization": f"Bearer {program.secret}", "Accept-Encoding": "identity"}
    ids = {name: str(fill(home)) for name, fill in inventory.FILL.items() if f"{{{name}}}" in path}
    for mode in GenerationMode:
        known = ids if mode is GenerationMode.POSITIVE and ids else None

        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=schema[path][method].as_strategy(mode, path_parameters=known))
        def run(case):
            for name in [name for name in case.headers or () if name.lower() == "host"]:
                del case.headers[name]  # another instance is meant, whose answer is not described here
            answer = case.call(headers=headers)
            case.validate_response(answer, checks=CHECKS)

        run()


def operations():
    """Return every operation of the document, as text."""
    app = create_app(database.settings("postgresql://nobody@127.0.0.1:1/none"))
    with app.test_request_context():
        paths = document()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize("label", operations())
def test_si_4_generated_requests_are_answered_as_described(described, patient, ours, home, label):
    judge(described, ours, home, label, FEW)


@pytest.mark.conformance
@pytest.mark.parametrize("role", ["viewer", "member", "admin", "owner"])
@pytest.mark.parametrize("label", operations())
def test_si_4_generated_requests_of_each_role(described, patient, program, home, label, role):
    judge(described, program(home, role), home, label, MANY)


def test_every_route_is_described(app, home, served):
    described = {(method.upper(), path) for path, methods in served["paths"].items() for method in methods}
    wanted = {
        (call.method, re.sub(r"<(?:uuid:|int:|name:)?", "{", call.rule).replace(">", "}"))
        for call in inventory.api_calls(app, home)
    }
    plain = {(method, path) for method, path in wanted if "any(" not in path}
    assert plain <= described
    assert len(described) >= len(plain)


def test_every_scope_is_named_by_an_operation(served):
    named = {
        scope
        for methods in served["paths"].values()
        for operation in methods.values()
        for scheme in operation["security"]
        for scopes in scheme.values()
        for scope in scopes
    }
    assert named == set(SCOPES)


def test_creating_calls_take_an_idempotency_key(served):
    for path, methods in served["paths"].items():
        for method, operation in methods.items():
            creating = bool({"201", "202"} & operation["responses"].keys())
            taken = any(each["name"] == "Idempotency-Key" for each in operation["parameters"])
            assert creating == taken, (method, path)


def test_what_stands_in_headers_is_described(served):
    def of(path, part):
        return served["paths"][path]["get"][part]

    assert "Link" in of("/api/v1/agents", "responses")["200"]["headers"]
    assert "Link" in of("/api/v1/search", "responses")["200"]["headers"]
    assert "Link" not in of("/api/v1/agents/{agent_id}", "responses")["200"]["headers"]
    follow = of("/api/v1/runs/{agent_run_id}/events", "parameters")
    assert ("Last-Event-ID", "header") in {(one["name"], one["in"]) for one in follow}


def test_what_answers_carry_is_described(ours, home, served, monkeypatch):
    monkeypatch.setattr(api_runs, "follow", lambda *_: iter([Told(1, "done", {"status": "succeeded"})]))
    runs, agent = "/api/v1/agents/{agent_id}/runs", f"/api/v1/agents/{home.agent.id}"
    answers = [
        (runs, "post", ours.post(f"{agent}/runs", {"input": "Hi", "mode": "blocking"})),
        ("/api/v1/agents/{agent_id}", "get", ours.get(agent)),
        ("/api/v1/agents/{agent_id}", "get", ours.get(f"/api/v1/agents/{inventory.UNKNOWN}")),
        ("/api/v1/agents/{agent_id}", "patch", ours.patch(agent, {"version": 9, "name": "x"})),
    ]
    assert [answer.status_code for _, _, answer in answers] == [200, 200, 404, 409]
    common = {"X-Request-ID", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
    for path, method, answer in answers:
        told = served["paths"][path][method]["responses"][str(answer.status_code)]
        told = served["components"]["responses"][str(answer.status_code)] if "$ref" in told else told
        assert set(answer.headers.keys()) & {*common, "Location"} <= told["headers"].keys(), path
        assert common <= set(answer.headers.keys())
    assert "Location" in answers[0][2].headers
    problem = served["components"]["schemas"]["Problem"]["properties"]
    assert answers[-1][2].json.keys() <= problem.keys()
    assert {"current", "code"} <= problem.keys()
    for status in ("409", "429", "503"):
        assert "Retry-After" in served["components"]["responses"][status]["headers"]


def test_no_address_takes_a_parameter_that_it_does_not_describe(app, ours, home, served, state):
    ours.get("/api/v1/orgs")
    before = state()
    for call in inventory.api_calls(app, home):
        if call.rule.startswith("/api/v1/"):
            refused = ours.call(call.method, f"{call.path}?stauts=live", None if call.safe else {})
            wrong = [{"field": "stauts", "message": "There is no such parameter."}]
            assert (refused.status_code, refused.json.get("errors")) == (422, wrong), call
    assert state() == before
    for path, methods in served["paths"].items():
        assert path.startswith("/v1/") or all("422" in each["responses"] for each in methods.values()), path


def test_openais_clients_may_send_other_parameters(ours, home):
    for path in ("/v1/models", f"/v1/models/{home.agent.id}"):
        assert ours.get(f"{path}?api-version=2026-01-01").status_code == 200


def test_a_parameter_of_one_value_is_taken_once(ours, home):
    path = f"/api/v1/runs/{home.rows['run'].id}/events"
    for query in ("after=1&after=2", "after=1&after=1"):
        answer = ours.get(f"{path}?{query}")
        assert (answer.status_code, answer.json["errors"]) == (
            422,
            [{"field": "after", "message": "Give it once."}],
        )


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_who_has_the_document_is_not_sent_it_again(client, home, encoding):
    def ask(etag):
        headers = {"Accept-Encoding": encoding, "If-None-Match": etag}
        return client.get("/api/openapi.json", headers=headers)

    first = ask('"another"')
    assert (first.status_code, first.headers.get("Content-Encoding", "identity")) == (200, encoding)
    again = ask(first.headers["ETag"])
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])


def test_people_can_read_it_without_a_key(client, new_client, home, served):
    for reader in (client, new_client(home.people["viewer"])):
        page = reader.page("/api")
        shown = page.main.get_text()
        for path, methods in served["paths"].items():
            assert path in shown
            for operation in methods.values():
                assert operation["summary"] in shown
        words = " ".join(shown.split())
        for schema in served["components"]["schemas"].values():
            assert " ".join(schema.get("description", "").replace("`", "").split()) in words
        assert "`" not in shown

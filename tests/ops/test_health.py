"""Liveness, readiness and figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.db.tables import WorkerProcess
from tests.factories.rows import save
from tests.support.database import as_owner


def beat(age=0):
    save(WorkerProcess(host="here", pid=1, seen_at=datetime.now(UTC) - timedelta(seconds=age)))


def test_liveness_asks_nothing(client):
    response = client.get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert "0 statements" in response.headers["Server-Timing"]


def test_readiness_names_every_dependency(client):
    beat()
    response = client.get("/readyz")
    assert response.status_code == 200
    states = {"database": "ok", "migrations": "ok", "worker": "ok", "mail": "off"}
    assert response.json["checks"].items() >= states.items()


@pytest.mark.parametrize(("age", "word"), [(None, "absent"), (31, "stalled"), (5, "ok")])
def test_a_worker_without_heartbeat_degrades(client, age, word):
    if age is not None:
        beat(age)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json["checks"]["worker"] == word
    assert response.json["status"] == ("ok" if word == "ok" else "degraded")


def test_redis_away_degrades(app, client, monkeypatch):
    beat()
    away = replace(app.extensions["settings"], redis_url="redis://127.0.0.1:1/0")
    monkeypatch.setitem(app.extensions, "settings", away)
    response = client.get("/readyz")
    assert (response.status_code, response.json["checks"]["redis"]) == (200, "away")
    assert response.json["status"] == "degraded"


def test_an_older_schema_is_not_ready(client):
    with as_owner() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    response = client.get("/readyz")
    assert (response.status_code, response.json["checks"]["migrations"]) == (503, "behind")
    assert response.headers["Retry-After"]


def test_what_a_newer_version_has_migrated_is_answered_from_until_it_takes_over(client):
    beat()
    with as_owner() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    response = client.get("/readyz")
    assert (response.status_code, response.json["checks"]["migrations"]) == (200, "ahead")
    assert response.json["status"] == "degraded"


def test_an_empty_database_is_not_ready(client):
    with as_owner() as session:
        session.execute(text("ALTER TABLE workers RENAME TO elsewhere"))
    response = client.get("/readyz")
    assert (response.status_code, response.json["checks"]["migrations"]) == (503, "behind")


def test_figures_count_requests_and_show_the_dependencies(client):
    beat()
    client.get("/healthz")
    text_ = client.get("/metrics").text
    assert 'agentpress_requests_total{endpoint="health.live",method="GET",status="200"}' in text_
    assert 'agentpress_dependency_up{dependency="database"} 1.0' in text_
    assert 'agentpress_mail_messages{state="waiting"} 0.0' in text_
    assert "agentpress_worker_heartbeat_age_seconds" in text_


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "198.51.100.7"}, 404),
        ("198.51.100.7", {}, 404),
        ("198.51.100.7", {"Authorization": "Bearer wrong"}, 404),
        ("198.51.100.7", {"Authorization": "Bearer right-token"}, 200),
    ],
)
def test_figures_are_for_this_machine_or_the_token(app, client, monkeypatch, address, headers, status):
    monkeypatch.setitem(
        app.extensions, "settings", replace(app.extensions["settings"], metrics_token="right-token")
    )
    response = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert response.status_code == status


def test_without_a_token_none_is_accepted(client):
    headers = {"Authorization": "Bearer "}
    response = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert response.status_code == 404


def test_unknown_methods_make_no_new_series(client):
    client.open("/healthz", method="INVENTED")
    assert "INVENTED" not in client.get("/metrics").text

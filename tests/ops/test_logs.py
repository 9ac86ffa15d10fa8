"""Log lines: whole, unforgeable, without secrets."""

import io
import json
import logging

import pytest
from sqlalchemy.exc import IntegrityError

from app.auth.models import User
from app.db.session import transaction
from app.web.logs import JsonFormatter, TextFormatter
from tests.factories import auth

NASTY = "one\r\ntwo\x1b[31mred\u2028three"


@pytest.fixture(params=[JsonFormatter, TextFormatter])
def written(request):
    """What the application's log writes, by either formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request.param())
    logger = logging.getLogger("app")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def test_one_line_per_request_whatever_the_client_sends(client, written):
    client.get("/nothing/here%0d%0aforged%1b[31m", headers={"User-Agent": "x\x1b[0m"})
    lines = written.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].isprintable()


def test_control_characters_are_escaped(app, written):
    with app.app_context():
        logging.getLogger("app").warning("said %s", NASTY, extra={"note": NASTY})
    (line,) = written.getvalue().split("\n")[:-1]
    assert "\r" not in line
    assert "\x1b" not in line


def test_query_strings_and_link_tokens_stay_out(client, written):
    token = "T0ken" * 9
    client.get(f"/invitations/{token}?code=sesame")
    assert token not in written.getvalue()
    assert "sesame" not in written.getvalue()


def test_errors_name_their_cause_without_quoting_rows(acting, written):
    acting()
    auth.user(email="taken@example.org")
    with pytest.raises(IntegrityError) as caught, transaction() as session:
        session.add(User(email="taken@example.org", password="hunter2hunter2"))
        session.flush()
    logging.getLogger("app").error("unhandled", exc_info=caught.value)
    assert "users_email_key" in written.getvalue()
    assert "taken@example.org" not in written.getvalue()
    assert "hunter2" not in written.getvalue()


def test_the_request_id_of_the_answer_is_in_the_line(client, capsys):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger("app").addHandler(handler)
    response = client.get("/nothing")
    logging.getLogger("app").removeHandler(handler)
    line = json.loads(stream.getvalue())
    assert line["request_id"] == response.headers["X-Request-ID"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/nothing", 404)


def test_server_timing_tells_database_rendering_and_statements(client):
    timing = client.get("/sign-in").headers["Server-Timing"]
    assert {part.split(";")[0] for part in timing.split(", ")} == {"db", "render", "total"}
    assert "statements" in timing


def test_an_anonymous_post_tells_no_times(client):
    assert "Server-Timing" not in client.post("/sign-in").headers

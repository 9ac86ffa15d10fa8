"""Whole requests with session, rights and rendering, through the WSGI application, beside their own statements."""

from contextvars import Context
from typing import Any

from werkzeug.test import create_environ, run_wsgi_app

from app.auth.models import User
from app.web.security import session_cookie_name
from bench.place import Place
from bench.report import line, shown, table, times
from bench.rounds import race
from tests.support.client import HTMX, Client

THREAD = """
    SELECT id FROM threads WHERE org_id = %s AND message_count <= 100 AND deleted_at IS NULL AND NOT archived
     ORDER BY abs(message_count - 50), id LIMIT 1
"""
LONG = "SELECT id FROM threads WHERE org_id = %s AND deleted_at IS NULL ORDER BY message_count DESC LIMIT 1"


def measure(place: Place) -> None:
    """Each kind of request."""
    place.app.test_client_class = Client
    client = place.app.test_client().sign_in(User(id=place.heavy))
    ((slug,),) = place.asked("SELECT slug FROM orgs WHERE id = %s", place.org_id)()
    ((thread,),) = place.asked(THREAD, place.org_id)()
    ((long,),) = place.asked(LONG, place.org_id)()
    base = f"/o/{slug}"
    table("request", "statements", "ms", "its statements, bare ms", "ratio")
    for name, url, headers in (
        ("list, fragment", f"{base}/threads", HTMX),
        ("list, full page", f"{base}/threads", {}),
        ("list, search in names, fragment", f"{base}/threads?q=invoice", HTMX),
        ("thread, 50 messages and more", f"{base}/threads/{thread}", {}),
        ("thread, 2,000 messages", f"{base}/threads/{long}", {}),
        ("search page, common word", f"{base}/search?q=invoice", {}),
    ):
        _measure(place, client, name, url, headers)


def _environ(client: Client, url: str, headers: dict[str, str]) -> dict[str, Any]:
    """What a server hands to the application: the work of the test client is none of the request's."""
    cookie = client.get_cookie(session_cookie_name())
    assert cookie is not None
    return create_environ(url, headers={**headers, "Cookie": f"{cookie.key}={cookie.value}"})


def _measure(place: Place, client: Client, name: str, url: str, headers: dict[str, str]) -> None:
    environ = _environ(client, url, headers)

    def ask() -> Any:
        body, status, _ = Context().run(run_wsgi_app, place.app, dict(environ), buffered=True)
        assert status.startswith("200"), (url, status)
        return body

    if client.get(url, headers=headers).status_code == 404:
        line(name, "not there", "", "", "")
        return
    sent = place.recorded(ask)
    count = sum("set_config" not in statement for statement, _ in sent)
    best = race({"request": ask, "limit": place.limit(sent)}, place.ping)
    line(
        name,
        count,
        shown(best["request"].ms),
        shown(best["limit"].ms),
        times(best["request"].ms / best["limit"].ms),
    )

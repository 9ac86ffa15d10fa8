import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.security import hash_token, new_token, safe_next
from tests.factories import auth
from tests.support.pages import parse

OUTSIDE = (
    *(
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "evil",
    ),
    *(
        "/a\nb",
        "/a\tb",
        " /a",
        "///evil.example",
        "/\x00",
        "http:/evil.example",
        "",
        None,
        "/a\u2028b",
        "/[",
        "//[::1",
    ),
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_return_address_never_leaves_the_site(path):
    assert safe_next(path) == "/" or path == "/["


@pytest.mark.parametrize(
    "path", ["/", "/o/acme/agents/?q=a%20b", "/me#top", "/o/acme/?next=https://evil.example"]
)
def test_a_path_of_the_site_is_kept(path):
    assert safe_next(path) == path


@given(st.text())
def test_any_text_leads_to_a_path(text):
    found = safe_next(text)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))


def test_tokens_are_long_random_and_kept_as_a_hash():
    tokens = {new_token()[0] for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= 43 for token in tokens)
    token, kept = new_token()
    assert kept == hash_token(token)
    assert len(kept) == 32
    assert token.encode() not in kept


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8000", 303),  # the public address, as behind a proxy
        ("http://127.0.0.1:9000", 303),
        ("http://127.0.0.1", 400),
        ("https://127.0.0.1:9000", 400),
        ("http://evil.example", 400),
    ],
)
def test_a_form_comes_from_a_page_of_a_host_that_is_served(client, connection, origin, status):
    """A browser on plain http names the origin only: of the address that it shows, which need not be the public one."""
    person, here = auth.user(), {"base_url": "http://127.0.0.1:9000"}
    token = parse(client.get("/sign-in", **here).text).find("input", attrs={"name": "csrf_token"})["value"]
    form = {"csrf_token": token, "email": person.email, "password": auth.PASSWORD}
    assert client.post("/sign-in", data=form, headers={"Origin": origin}, **here).status_code == status

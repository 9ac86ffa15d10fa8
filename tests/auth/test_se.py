"""SE: cookies, and what ends a session."""

from dataclasses import replace

import pytest

from app.orgs.models import OrgMember
from tests.factories import auth, orgs
from tests.factories.rows import rows

ROTATED = "another-secret-key-for-the-tests-0123456789"


@pytest.fixture
def https(app):
    """The public address is HTTPS."""
    before, kept = app.extensions["settings"], dict(app.config)
    app.extensions["settings"] = replace(before, base_url="https://agents.example.org")
    app.config.update(SESSION_COOKIE_NAME="__Host-visit", SESSION_COOKIE_SECURE=True)
    yield "https://localhost"
    app.extensions["settings"] = before
    app.config.update(kept)


def test_se_1_cookies_under_https(client, connection, https, sign_in):
    user = auth.user()
    token = client.get("/sign-in", base_url=https)
    page = token.text
    value = page[page.index('name="csrf_token" value="') + 25 :].partition('"')[0]
    form = {"csrf_token": value, "email": user.email, "password": auth.PASSWORD}
    answer = client.post("/sign-in", data=form, base_url=https, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303
    cookies = {
        cookie.partition("=")[0]: cookie
        for response in (token, answer)
        for cookie in response.headers.getlist("Set-Cookie")
    }
    for name in ("__Host-visit", "__Host-session"):
        attributes = {part.strip() for part in cookies[name].split(";")[1:]}
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= attributes, name
        assert not any(attribute.startswith("Domain") for attribute in attributes), name
    assert "HttpOnly" not in cookies["session_epoch"]
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


def test_se_1_a_rotated_key_keeps_sessions_and_forms(app, client, connection):
    user = auth.user()
    client.sign_in(user)
    token = client.token()
    before, kept = app.extensions["settings"], app.secret_key
    app.extensions["settings"] = replace(before, secret_key=ROTATED, secret_key_fallbacks=(kept,))
    app.config.update(SECRET_KEY=ROTATED, SECRET_KEY_FALLBACKS=[kept])
    try:
        assert client.get("/me").status_code == 200
        form = {"csrf_token": token, "first_name": "Kept"}
        assert client.post("/me", data=form, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    finally:
        app.extensions["settings"] = before
        app.config.update(SECRET_KEY=kept, SECRET_KEY_FALLBACKS=[])


@pytest.fixture
def org(connection):
    return orgs.org()


def membership(org, user) -> OrgMember:
    return next(row for row in rows(OrgMember) if (row.org_id, row.user_id) == (org.id, user.id))


def test_se_3_a_removed_member_is_out_at_the_next_request(new_client, org):
    owner, member = orgs.member(org, "owner"), orgs.member(org)
    theirs, admin = new_client(member), new_client(owner)
    assert theirs.get(f"/o/{org.slug}/agents").status_code == 200
    admin.submit(f"/o/{org.slug}/members/{membership(org, member).id}/remove")
    assert theirs.get(f"/o/{org.slug}/agents").status_code == 404
    assert theirs.get("/me").status_code == 200


def test_se_3_a_lowered_role_bites_at_the_next_write(new_client, org):
    owner, member = orgs.member(org, "owner"), orgs.member(org)
    theirs, admin = new_client(member), new_client(owner)
    assert theirs.submit(f"/o/{org.slug}/agents/new", {"name": "First"}).status_code == 303
    admin.submit(f"/o/{org.slug}/members/{membership(org, member).id}/role", {"role": "viewer"})
    assert theirs.submit(f"/o/{org.slug}/agents/new", {"name": "Second"}).status_code == 403
    assert theirs.get(f"/o/{org.slug}/agents").status_code == 200


def test_se_3_a_disabled_account_is_out_everywhere(new_client, org):
    admin, member = auth.platform_admin(), orgs.member(org)
    browsers = [new_client(member) for _ in range(2)]
    assert {browser.get("/me").status_code for browser in browsers} == {200}
    new_client(admin).submit(f"/platform/users/{member.id}/disable")
    assert {browser.get("/me").status_code for browser in browsers} == {302}
    assert browsers[0].get("/me", headers={"HX-Request": "true"}).status_code == 401


@pytest.mark.parametrize("path", ["/me", "/me/sessions", "/o/{slug}", "/o/{slug}/agents"])
def test_se_4_signed_in_pages_are_kept_by_nobody(client, org, path):
    client.sign_in(orgs.member(org, "owner"))
    for headers in ({}, {"HX-Request": "true"}):
        answer = client.get(path.format(slug=org.slug), headers=headers)
        assert "no-store" in answer.headers["Cache-Control"]
        assert {"Cookie", "HX-Request"} <= {part.strip() for part in answer.headers["Vary"].split(",")}


def test_se_4_signing_out_clears_what_the_browser_kept(client, connection):
    client.sign_in(auth.user())
    answer = client.submit("/sign-out")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert client.get("/me").status_code == 302

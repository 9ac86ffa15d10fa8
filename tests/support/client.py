"""The test client: judges every page it fetches, sends the session's CSRF token, keeps requests apart."""

from contextvars import Context
from typing import Any

from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.auth.models import User
from app.web.security import CSRF_FIELD, csrf_token, session_cookie_name
from tests.factories.auth import sign_in_token
from tests.support.pages import check_fragment, check_page

HTMX = {"HX-Request": "true"}
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class Client(FlaskClient):
    """A browser without scripts. `post` sends no token by itself; `submit` does."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Run the request to its last byte in a context of its own, as a server does."""
        kwargs.setdefault("buffered", True)
        return Context().run(super().open, *args, **kwargs)

    def sign_in(self, user: User) -> "Client":
        """Give the client a fresh session of this person, as a sign-in would."""
        with self.application.app_context():
            self.set_cookie(session_cookie_name(), sign_in_token(user))
        return self

    def page(self, url: str, status: int = 200, **options: Any) -> BeautifulSoup:
        """Fetch a whole page, check status and markup, and return it parsed."""
        response = self.get(url, **options)
        assert response.status_code == status, (url, response.status, response.location)
        return check_page(response.text)

    def fragment(self, url: str, status: int = 200, headers: dict[str, str] | None = None) -> BeautifulSoup:
        """Fetch what htmx would, check status and markup, and return it parsed."""
        response = self.get(url, headers=HTMX | (headers or {}))
        assert response.status_code == status, (url, response.status)
        assert {"HX-Request", "Cookie"} <= {name.strip() for name in response.headers["Vary"].split(",")}
        return check_fragment(response.text)

    def both(self, url: str, block: str = "results") -> BeautifulSoup:
        """Fetch page and fragment, prove that the page contains the fragment's region, and return the page."""
        page, fragment = self.page(url), self.fragment(url)
        whole, alone = page.find(id=block), fragment.find(id=block)
        assert alone is not None, f"the fragment of {url} holds no element {block!r}"
        assert str(whole) == str(alone), f"{block!r} differs between page and fragment of {url}"
        return page

    def token(self) -> str:
        """Return the CSRF token of this client's session."""
        with self.application.app_context():
            cookie = self.get_cookie(session_cookie_name())
        if cookie is None:
            field = BeautifulSoup(self.get("/sign-in").text, "html.parser").find(
                "input", attrs={"name": CSRF_FIELD}
            )
            assert field is not None, "the sign-in page carries no CSRF token"
            return str(field["value"])
        with self.application.test_request_context(headers={"Cookie": f"{cookie.key}={cookie.value}"}):
            return csrf_token()

    def submit(
        self, url: str, data: dict[str, Any] | None = None, *, htmx: bool = False, **options: Any
    ) -> TestResponse:
        """Post a form with the token, as a browser on our own page does, or as htmx does."""
        headers = SAME_ORIGIN | (HTMX if htmx else {}) | options.pop("headers", {})
        return self.post(url, data={CSRF_FIELD: self.token(), **(data or {})}, headers=headers, **options)

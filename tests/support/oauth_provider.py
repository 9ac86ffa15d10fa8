"""A local provider that speaks OAuth 2 as GitHub does and OpenID Connect as Google does."""

import base64
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import WSGIRequestHandler, make_server


@dataclass(frozen=True)
class Identity:
    """The person the provider says is signed in there."""

    subject: str = "1001"
    email: str = "ana@example.org"
    email_verified: bool = True
    login: str = "ana"
    first_name: str = "Ana"
    last_name: str = "Silva"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class Grant:
    """What an authorization request asked for; its code or access token leads here."""

    client_id: str
    redirect_uri: str
    challenge: str | None
    nonce: str | None
    identity: Identity


class _QuietHandler(WSGIRequestHandler):
    def log(self, *_arguments: object) -> None:
        """Write nothing: the tests look at answers."""


@dataclass
class OAuthProvider:
    """GitHub under `/github`, Google under `/google`. What is not secret may change between requests."""

    identity: Identity = field(default_factory=Identity)
    client_id: str = "client"
    client_secret: str = "client-secret"
    refuse: bool = False
    discovered: dict[str, Any] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    tokens: dict[str, Grant] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "test", "use": "sig"}))

    def __enter__(self) -> Self:
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True, request_handler=_QuietHandler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def github(self) -> str:
        return f"{self.url}/github"

    @property
    def google(self) -> str:
        return f"{self.url}/google"

    def becomes(self, **changes: Any) -> None:
        """Change the person who signs in."""
        self.identity = replace(self.identity, **changes)

    def _app(self) -> Flask:
        app = Flask("oauth_provider")
        rules = {
            "/github/login/oauth/authorize": self._authorize,
            "/github/api/v3/user": self._github_user,
            "/github/api/v3/user/emails": self._github_emails,
            "/google/.well-known/openid-configuration": self._discovery,
            "/google/authorize": self._authorize,
            "/google/userinfo": self._userinfo,
            "/google/jwks": self._jwks,
        }
        for path, view in rules.items():
            app.add_url_rule(path, endpoint=path, view_func=view)
        for path in ("/github/login/oauth/access_token", "/google/token"):
            app.add_url_rule(path, endpoint=path, view_func=self._token, methods=["POST"])
        return app

    def _authorize(self) -> Response:
        ask = request.args
        if ask.get("client_id") != self.client_id or ask.get("response_type", "code") != "code":
            return Response("bad client", 400)
        if self.refuse:
            answer = {"error": "access_denied"}
        else:
            code = secrets.token_urlsafe(16)
            pkce = ask["code_challenge"] if ask.get("code_challenge_method") == "S256" else None
            self.grants[code] = Grant(
                self.client_id, ask["redirect_uri"], pkce, ask.get("nonce"), self.identity
            )
            answer = {"code": code}
        if state := ask.get("state"):
            answer["state"] = state
        return redirect(f"{ask['redirect_uri']}?{urlencode(answer)}")

    def _token(self) -> tuple[Response, int]:
        grant = self.grants.pop(request.form.get("code", ""), None)
        if grant is None or not self._knows_client() or not self._verifies(grant):
            return jsonify(error="invalid_grant"), 400
        token = secrets.token_urlsafe(16)
        self.tokens[token] = grant
        answer = {
            "access_token": token,
            "token_type": "bearer",
            "scope": "openid email profile",
            "expires_in": 300,
        }
        if request.path.startswith("/google"):
            answer["id_token"] = self.id_token(grant)
        return jsonify(answer), 200

    def _knows_client(self) -> bool:
        given = request.authorization
        if given and given.type == "basic":
            return (given.username, given.password) == (self.client_id, self.client_secret)
        return (request.form.get("client_id"), request.form.get("client_secret")) == (
            self.client_id,
            self.client_secret,
        )

    def _verifies(self, grant: Grant) -> bool:
        if request.form.get("redirect_uri") != grant.redirect_uri:
            return False
        digest = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
        return grant.challenge in {None, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}

    def id_token(self, grant: Grant) -> str:
        """Return Google's signed statement about the person of the grant."""
        now = int(time.time())
        claims = {
            "iss": self.google,
            "aud": grant.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.nonce,
        }
        return jwt.encode({"alg": "RS256", "kid": "test"}, {**claims, **_profile(grant.identity)}, self.key)

    def _grant(self) -> Grant | None:
        return self.tokens.get(request.headers.get("Authorization", "").partition(" ")[2])

    def _github_user(self) -> tuple[Response, int]:
        if (grant := self._grant()) is None:
            return jsonify(message="Bad credentials"), 401
        person = grant.identity
        return jsonify(id=int(person.subject), login=person.login, name=person.name, email=None), 200

    def _github_emails(self) -> tuple[Response, int]:
        if (grant := self._grant()) is None:
            return jsonify(message="Bad credentials"), 401
        person = grant.identity
        return jsonify([{"email": person.email, "verified": person.email_verified, "primary": True}]), 200

    def _userinfo(self) -> tuple[Response, int]:
        grant = self._grant()
        return (jsonify(_profile(grant.identity)), 200) if grant else (jsonify(error="invalid_token"), 401)

    def _jwks(self) -> Response:
        return jsonify(keys=[self.key.as_dict(private=False)])

    def _discovery(self) -> Response:
        found = {
            "issuer": self.google,
            "authorization_endpoint": f"{self.google}/authorize",
            "token_endpoint": f"{self.google}/token",
            "userinfo_endpoint": f"{self.google}/userinfo",
            "jwks_uri": f"{self.google}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return jsonify({**found, **self.discovered})


def _profile(person: Identity) -> dict[str, object]:
    return {
        "sub": person.subject,
        "email": person.email,
        "email_verified": person.email_verified,
        "name": person.name,
        "given_name": person.first_name,
        "family_name": person.last_name,
    }

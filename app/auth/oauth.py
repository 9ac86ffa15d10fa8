"""GitHub and Google as they identify people: OAuth 2 with PKCE (RFC 6749, RFC 7636), OpenID Connect for Google.

What verifies signatures and what calls others is large: the module is loaded by the first round trip.
"""

from typing import Any

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.auth.providers import GITHUB, GOOGLE, Profile, ProviderRefused, Secrets, client_of
from app.config import OAuthClient
from app.web.addresses import read_address
from app.web.outbound import Answer, Call, OutboundFailed, OutboundRefused, fetch

_GITHUB_PUBLIC, _GITHUB_API = "https://github.com", "https://api.github.com"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_ALGORITHMS = ["RS256", "ES256"]


def authorization_url(provider: str, redirect_uri: str, secrets: Secrets) -> str:
    """Where the person confirms who they are. Raises ProviderRefused if the provider cannot be reached."""
    client = _require(provider)
    endpoint = (
        f"{client.base_url}/login/oauth/authorize"
        if provider == GITHUB
        else _discovered(client)["authorization_endpoint"]
    )
    scope = "read:user user:email" if provider == GITHUB else "openid email profile"
    uri = prepare_grant_uri(
        endpoint,
        client_id=client.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=scope,
        state=secrets.state,
        code_challenge=create_s256_code_challenge(secrets.verifier),
        code_challenge_method="S256",
        **({"nonce": secrets.nonce} if provider == GOOGLE else {}),
    )
    assert isinstance(uri, str)
    return uri


def identify(provider: str, code: str, redirect_uri: str, secrets: Secrets) -> Profile:
    """Exchange the code for the person's profile. Raises ProviderRefused."""
    client = _require(provider)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "code_verifier": secrets.verifier,
    }
    if provider == GITHUB:
        return _github_profile(client, form)
    return _google_profile(client, form, secrets.nonce)


def _github_profile(client: OAuthClient, form: dict[str, str]) -> Profile:
    token = _exchange(f"{client.base_url}/login/oauth/access_token", form)["access_token"]
    api = _GITHUB_API if client.base_url == _GITHUB_PUBLIC else f"{client.base_url}/api/v3"
    person, emails = _get(f"{api}/user", token), _get(f"{api}/user/emails", token)
    if not isinstance(person, dict) or not isinstance(person.get("id"), int) or not isinstance(emails, list):
        raise ProviderRefused("GitHub did not say who you are.")
    verified = [entry for entry in emails if isinstance(entry, dict) and entry.get("verified") is True]
    primary = next((entry for entry in verified if entry.get("primary")), verified[0] if verified else {})
    first, _, last = str(person.get("name") or "").strip().partition(" ")
    return _profile(GITHUB, str(person["id"]), primary.get("email"), first, last)


def _google_profile(client: OAuthClient, form: dict[str, str], nonce: str) -> Profile:
    provider = _discovered(client)
    answer = _exchange(provider["token_endpoint"], form)
    try:
        keys = KeySet.import_key_set(_json(Call("oauth", provider["jwks_uri"])))
        decoded = jwt.decode(str(answer.get("id_token", "")), keys, algorithms=_ALGORITHMS)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ProviderRefused("Google's statement about you is not signed by Google.") from error
    wanted = {
        "iss": {"essential": True, "value": provider["issuer"]},
        "aud": {"essential": True, "value": client.client_id},
    }
    claims = CodeIDToken(
        decoded.claims, decoded.header, wanted, {"nonce": nonce, "client_id": client.client_id}
    )
    try:
        claims.validate(leeway=60)
    except (
        Exception
    ) as error:  # the library raises many kinds, each of which means the statement is not for us
        raise ProviderRefused("Google's statement about you is not for this sign-in.") from error
    email = claims.get("email") if claims.get("email_verified") is True else None
    return _profile(GOOGLE, str(claims["sub"]), email, claims.get("given_name"), claims.get("family_name"))


def _profile(provider: str, subject: str, email: Any, first: Any, last: Any) -> Profile:
    address = read_address(email) if isinstance(email, str) else None
    return Profile(provider, subject, address, str(first or "")[:255] or None, str(last or "")[:255] or None)


def _require(provider: str) -> OAuthClient:
    client = client_of(provider)
    if client is None:
        raise ProviderRefused("This way to sign in is not set up here.")
    return client


def _discovered(client: OAuthClient) -> dict[str, str]:
    """Google's endpoints (OpenID Connect Discovery 1.0); the issuer must be the one asked."""
    found = _json(Call("oauth", f"{client.base_url}/.well-known/openid-configuration"))
    if (
        not isinstance(found, dict)
        or found.get("issuer") != client.base_url
        or not all(isinstance(found.get(name), str) for name in _ENDPOINTS)
    ):
        raise ProviderRefused("Google did not say where to sign in.")
    return found


def _exchange(url: str, form: dict[str, str]) -> dict[str, Any]:
    """The token answer; a code that is used, stale or of another browser is refused by the provider."""
    answer = _answer(
        Call("oauth", url, "POST", headers={"Accept": "application/json"}, form=form, redirects=0)
    )
    found = _decoded(answer) if answer.status == 200 else None
    if not isinstance(found, dict) or not isinstance(found.get("access_token"), str):
        raise ProviderRefused("The provider refused this sign-in. Start again.")
    return found


def _get(url: str, token: str) -> Any:
    return _json(Call("oauth", url, secret_headers={"Authorization": f"Bearer {token}"}))


def _json(call: Call) -> Any:
    answer = _answer(call)
    if answer.status != 200:
        raise ProviderRefused("The provider refused this sign-in. Start again.")
    return _decoded(answer)


def _decoded(answer: Answer) -> Any:
    try:
        return answer.json()
    except OutboundFailed as error:
        raise ProviderRefused("The provider's answer cannot be read.") from error


def _answer(call: Call) -> Answer:
    try:
        return fetch(call)
    except (OutboundRefused, OutboundFailed) as error:
        raise ProviderRefused(f"The provider cannot be reached. {error}") from error

"""GitHub and Google as ways to sign in: which are set up here, and what a round trip to them brings."""

from dataclasses import dataclass

from app.config import OAuthClient
from app.web.security import settings

GITHUB, GOOGLE = "GITHUB", "GOOGLE"
LABELS = {GITHUB: "GitHub", GOOGLE: "Google"}


class ProviderRefused(Exception):
    """The provider did not identify the person; the message is for the person."""


@dataclass(frozen=True)
class Profile:
    """Who the provider says it is. `email` is an address the provider verified, else None."""

    provider: str
    subject: str
    email: str | None
    first_name: str | None
    last_name: str | None


@dataclass(frozen=True)
class Secrets:
    """What this browser's round trip is bound to."""

    state: str
    verifier: str
    nonce: str


def configured() -> dict[str, str]:
    """The providers people can use here, with their labels."""
    return {provider: label for provider, label in LABELS.items() if client_of(provider)}


def client_of(provider: str) -> OAuthClient | None:
    """How this instance is known to the provider; None if it is not."""
    return settings().github if provider == GITHUB else settings().google

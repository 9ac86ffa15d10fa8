"""Model connections: created, changed, tried and deleted. A secret never follows an address to another place."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from app.audit.services import record
from app.connections.providers import DEFAULT_URLS, Tried, list_url, try_models
from app.connections.repo.credentials import CredentialsRepo
from app.connections.repo.model_connections import ConnectionFacts, ModelConnectionsRepo
from app.connections.services.changed import Stale, record_change
from app.connections.services.vault import SecretLost, create_credential, secret_of
from app.db.session import transaction
from app.web.errors import NotFound, Refusal
from app.web.outbound import OutboundRefused, check

SLUG_LENGTH = 60
NAME_LENGTH = 120
FIELDS = ("name", "slug", "kind", "base_url", "credential_id", "enabled")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class KeyChoice:
    """The secret a connection opens with: one that was typed, the one it has (`keep`), a stored one, or none."""

    keep: bool = False
    credential_id: UUID | None = None
    typed: str | None = field(default=None, repr=False)


def clean_base_url(kind: str, url: str) -> str:
    """The base URL as it is stored, the provider's own for none. Raises OutboundRefused if it may not be called."""
    url = url.strip().rstrip("/") or DEFAULT_URLS[kind]
    if "?" in url or "#" in url:
        raise OutboundRefused("The address must have no ? and no #.")
    if kind == "anthropic":
        url = url.removesuffix("/v1")
    check("model", list_url(kind, url))
    return url


def same_origin(first: str | None, second: str | None) -> bool:
    """Whether two checked addresses lead to the same scheme, host and port."""
    return _origin(first) == _origin(second)


def create_connection(org_id: UUID, values: Mapping[str, Any], choice: KeyChoice) -> UUID:
    """Store a connection; its id. `values` are FIELDS but the credential; an empty slug is made of the name.

    Raises NameTaken for a slug in use, Refusal 409 for a credential that is gone.
    """
    credential_id = opened_with(org_id, "model", values["name"], choice, None)
    slug = values["slug"] or free_slug(org_id, values["name"])
    given = {**values, "slug": slug, "credential_id": credential_id}
    connection_id = ModelConnectionsRepo().add(org_id, given)
    record("model_connection.create", "model_connection", connection_id, values["name"], after=_noted(given))
    return connection_id


def change_connection(
    org_id: UUID, connection_id: UUID, lock_version: int, values: Mapping[str, Any], choice: KeyChoice
) -> bool:
    """Save an edited connection; whether its secret was taken off because the address leads elsewhere now.

    Raises NotFound, Stale, NameTaken, and Refusal 409 for a credential that is gone.
    """
    before = locked_connection(org_id, connection_id)
    if before.lock_version != lock_version:
        raise Stale("connection")
    stays = same_origin(before.base_url, values["base_url"])
    kept = before.credential_id if stays else None
    credential_id = opened_with(org_id, "model", values["name"], choice, kept)
    stored = {name: getattr(before, name) for name in FIELDS}
    given = {**values, "slug": values["slug"] or before.slug, "credential_id": credential_id}
    changed = {name: given[name] for name in FIELDS if stored[name] != given[name]}
    if changed:
        ModelConnectionsRepo().change(org_id, connection_id, changed)
        record_change("model_connection", connection_id, given["name"], _noted(stored), _noted(given))
    return choice.keep and not choice.typed and not stays and before.credential_id is not None


def set_enabled(org_id: UUID, connection_id: UUID, *, enabled: bool) -> None:
    """Let agents use a connection, or not. Raises NotFound; changes nothing twice."""
    before = locked_connection(org_id, connection_id)
    if before.enabled != enabled:
        ModelConnectionsRepo().change(org_id, connection_id, {"enabled": enabled})
        record_change(
            "model_connection", connection_id, before.name, {"enabled": not enabled}, {"enabled": enabled}
        )


def delete_connection(org_id: UUID, connection_id: UUID) -> str:
    """Delete a connection with the list of its models; its name. The credential stays.

    Raises NotFound, and Refusal 409 as long as a knowledge base is embedded with one of its models.
    """
    before = locked_connection(org_id, connection_id)
    if before.bases:
        raise Refusal(409, in_use(before))
    noted = _noted({name: getattr(before, name) for name in FIELDS}) | {"models": before.model_count}
    record("model_connection.delete", "model_connection", connection_id, before.name, before=noted)
    ModelConnectionsRepo().remove(org_id, connection_id)
    return before.name


def in_use(connection: ConnectionFacts) -> str:
    """Why a connection stays."""
    return (
        f"“{connection.name}” embeds {named_bases(connection.bases)}. Choose another model there first; the connection"
        " can go once the new generation is live."
    )


def named_bases(names: Sequence[str]) -> str:
    """Some knowledge bases in words."""
    named = ", ".join(f"“{name}”" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"the knowledge base{'' if len(names) == 1 else 's'} {named}{more}"


def locked_connection(org_id: UUID, connection_id: UUID) -> ConnectionFacts:
    """A connection, held until the transaction ends. Raises NotFound."""
    found = ModelConnectionsRepo().lock(org_id, connection_id)
    if found is None:
        raise NotFound
    return found


def try_connection(org_id: UUID, connection_id: UUID) -> Tried:
    """Ask the provider of a connection for its models, holding no connection to the database. Raises NotFound."""
    with transaction():
        found = ModelConnectionsRepo().get(org_id, connection_id)
        if found is None:
            raise NotFound
        try:
            secret = secret_of(org_id, found.credential_id) if found.credential_id else None
        except SecretLost as lost:
            return Tried(None, 0, words=str(lost))
    return try_models(found.kind, found.base_url, secret)


def opened_with(org_id: UUID, use: str, name: str, choice: KeyChoice, kept: UUID | None) -> UUID | None:
    """The credential that a choice means, stored just now if it was typed. Raises Refusal 409 if it is gone."""
    if choice.typed:
        start = f"{name[: NAME_LENGTH - 10]} key"
        return create_credential(org_id, CredentialsRepo().free_name(org_id, start), use, choice.typed)
    if choice.keep:
        return kept
    if choice.credential_id is None:
        return None
    found = CredentialsRepo().lock(org_id, choice.credential_id)
    if found is None or found.kind != use:
        raise Refusal(409, "The chosen credential was deleted in the meantime. Choose another one.")
    return found.id


def free_slug(org_id: UUID, name: str) -> str:
    """A slug made of a name that no connection has yet."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    start = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: SLUG_LENGTH - 5].strip("-") or "connection"
    taken = ModelConnectionsRepo().slugs(org_id, start)
    number, slug = 1, start
    while slug in taken:
        number += 1
        slug = f"{start}-{number}"
    return slug


def _origin(url: str | None) -> tuple[str, str, int | None]:
    parts = urlsplit(url or "")
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)


def _noted(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as an audit row keeps them."""
    credential_id = values["credential_id"]
    return {**values, "credential_id": credential_id and str(credential_id)}

"""The credential vault: secrets come in, are replaced and deleted, and leave it only to open what they are for."""

from typing import Any
from uuid import UUID

from sqlalchemy import func

from app.audit.services import record
from app.connections.repo.credentials import CredentialFacts, CredentialsRepo, Use
from app.connections.services.changed import Stale, record_change
from app.db.scope import current_scope
from app.db.sealed import SealBroken
from app.web.errors import NotFound, Refusal

HINT_LENGTH = 4
_WORDS = {"model_connection": "the model connection", "mcp_server": "the MCP server", "tool": "the tool"}


class SecretLost(Exception):
    """A stored secret cannot be opened any more; the message says what to do."""


def create_credential(org_id: UUID, name: str, kind: str, secret: str) -> UUID:
    """Store a secret under a name; its id. `kind` is one of USES. Raises NameTaken."""
    credential_id = CredentialsRepo().add(org_id, {"name": name, "kind": kind, **_sealed(secret)})
    after = {"name": name, "kind": kind, "ends_in": secret[-HINT_LENGTH:]}
    record("credential.create", "credential", credential_id, name, after=after)
    return credential_id


def change_credential(
    org_id: UUID, credential_id: UUID, lock_version: int, name: str, secret: str | None
) -> None:
    """Give a credential this name and, if there is one, this secret. Raises NotFound, NameTaken, Stale."""
    before = locked_credential(org_id, credential_id)
    if before.lock_version != lock_version:
        raise Stale("credential")
    values = {} if name == before.name else {"name": name}
    if not (values or secret):
        return
    CredentialsRepo().change(org_id, credential_id, {**values, **(_sealed(secret) if secret else {})})
    if values:
        record_change("credential", credential_id, name, {"name": before.name}, values)
    if secret:
        record(
            "credential.replace",
            "credential",
            credential_id,
            name,
            before={"ends_in": before.hint},
            after={"ends_in": secret[-HINT_LENGTH:]},
        )


def delete_credential(org_id: UUID, credential_id: UUID) -> str:
    """Delete a credential for good; its name. Raises NotFound, and Refusal 409 as long as something opens with it."""
    found = locked_credential(org_id, credential_id)
    uses = CredentialsRepo().uses(org_id, credential_id)
    if uses:
        raise Refusal(409, in_use(found.name, uses))
    before = {"name": found.name, "kind": found.kind, "ends_in": found.hint}
    record("credential.delete", "credential", credential_id, found.name, before=before)
    CredentialsRepo().remove(org_id, credential_id)
    return found.name


def locked_credential(org_id: UUID, credential_id: UUID) -> CredentialFacts:
    """A credential, held until the transaction ends. Raises NotFound."""
    found = CredentialsRepo().lock(org_id, credential_id)
    if found is None:
        raise NotFound
    return found


def in_use(name: str, uses: list[Use]) -> str:
    """Why a credential stays."""
    named = ", ".join(f"{_WORDS[use.kind]} “{use.name}”" for use in uses[:5])
    more = f" and {len(uses) - 5} more" if len(uses) > 5 else ""
    return f"“{name}” is used by {named}{more}. Give them another credential first."


def secret_of(org_id: UUID, credential_id: UUID) -> str | None:
    """The secret of a credential; None if there is none in the organisation.

    For outgoing calls only: never shown, logged or stored. Raises SecretLost.
    """
    try:
        return CredentialsRepo().secret(org_id, credential_id)
    except SealBroken as error:
        raise SecretLost(
            "The stored secret cannot be opened, because SECRET_KEY has changed. Enter it again in the vault."
        ) from error


def _sealed(secret: str) -> dict[str, Any]:
    return {
        "secret": secret,
        "hint": secret[-HINT_LENGTH:],
        "set_by": current_scope().user_id,
        "set_at": func.now(),
    }

"""Forms of connections, and what their lists can be asked."""

import re
from typing import Any

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, RadioField
from wtforms.validators import AnyOf, ValidationError

from app.connections.models import USES
from app.web.fields import name_field, read_version
from app.web.listing import Facet, ListSpec

NAME_LENGTH = 120
LEAST_SECRET, MOST_SECRET = 8, 4096
USE_WORDS = {"model": "Model connections", "mcp": "MCP servers", "tool": "HTTP tools"}
USE_HINTS = {
    "model": "The API key of a model provider.",
    "mcp": "The access token of an MCP server.",
    "tool": "What an HTTP tool sends in a header.",
}
_SENT_IN_HEADERS = re.compile(r"[!-~]+(?: [!-~]+)*")

CREDENTIAL_LIST = ListSpec(
    sorts={"name": "name", "set": "set", "created": "created"},
    default_sort="name",
    facets={"kind": Facet("Opens", USE_WORDS)},
    dates={"set": "Set"},
    columns={
        "name": "Name",
        "kind": "Opens",
        "secret": "Secret",
        "used": "Used by",
        "set": "Set",
        "by": "Set by",
        "created": "Created",
    },
    shown=("name", "kind", "secret", "used", "set", "by"),
)


def acceptable_secret(_form: Any, field: Any) -> None:
    """Refuse what no header can carry, and what is so short that its last four characters would tell it."""
    secret = field.data or ""
    if secret and not LEAST_SECRET <= len(secret) <= MOST_SECRET:
        raise ValidationError(f"A secret has {LEAST_SECRET} to {MOST_SECRET:,} characters.")
    if secret and not _SENT_IN_HEADERS.fullmatch(secret):
        raise ValidationError(
            "Use letters, digits and signs of ASCII on one line only, as the provider gave them."
        )


def secret_field(label: str) -> PasswordField:
    """A secret that is never sent back to the browser; empty for none."""
    return PasswordField(
        label,
        filters=[lambda text: (text or "").strip()],
        validators=[acceptable_secret],
        render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
    )


class CredentialForm(FlaskForm):
    """A new credential."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the credential.")
    kind = RadioField(
        "Opens",
        choices=USE_WORDS,
        default="model",
        validate_choice=False,
        validators=[AnyOf(USES, "Choose what it opens.")],
    )
    secret = secret_field("Secret")

    def validate_secret(self, field: Any) -> None:
        """Ask for one."""
        if not field.data:
            raise ValidationError("Enter the secret.")


class EditCredentialForm(FlaskForm):
    """Another name or secret; the version it was read at travels along."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the credential.")
    secret = secret_field("New secret")
    lock_version = HiddenField()

    def version(self) -> int:
        """The version the form was read at; 0, which nothing has, for anything else."""
        return read_version(self.lock_version.data)

"""Forms of connections, and what their lists can be asked."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import AnyOf, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from app.connections.models import PROVIDERS, PURPOSES, TRANSPORTS, USES
from app.connections.services.connections import SLUG_LENGTH, KeyChoice
from app.connections.services.known_models import FIELDS as MODEL_FIELDS
from app.web.fields import WholeNumberField, name_field, optional_field, read_version, storable, unified
from app.web.listing import Facet, ListSpec

NAME_LENGTH = 120
LEAST_SECRET, MOST_SECRET = 8, 4096
USE_WORDS = {"model": "Model connections", "mcp": "MCP servers", "tool": "HTTP tools"}
USE_HINTS = {
    "model": "The API key of a model provider.",
    "mcp": "The access token of an MCP server.",
    "tool": "What an HTTP tool sends in a header.",
}
PROVIDER_WORDS = {"openai": "OpenAI or compatible", "anthropic": "Anthropic"}
PROVIDER_HINTS = {
    "openai": "Also local servers and gateways that speak OpenAI’s protocol.",
    "anthropic": "Anthropic’s own protocol.",
}
PURPOSE_WORDS = {"chat": "Chat", "embedding": "Embedding", "rerank": "Reranking"}
CAPABILITIES = {
    "tools": "Calls tools",
    "images": "Reads images",
    "reasoning": "Reasons before it answers",
    "json": "Answers in a given JSON schema",
}
KEEP, NO_KEY = "keep", ""
URL_LENGTH = 500
MOST_TOKENS = 100_000_000
MOST_PRICE = Decimal(1_000_000)
MICROS = Decimal(1_000_000)
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PRICE = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,6})?")
_SENT_IN_HEADERS = re.compile(r"[!-~]+(?: [!-~]+)*")

CONNECTION_LIST = ListSpec(
    sorts={"name": "name", "created": "created", "updated": "updated"},
    default_sort="name",
    facets={
        "kind": Facet("Protocol", PROVIDER_WORDS),
        "status": Facet("Status", {"enabled": "Enabled", "disabled": "Disabled"}),
    },
    columns={
        "name": "Name",
        "slug": "Provider name",
        "kind": "Protocol",
        "status": "Status",
        "secret": "Secret",
        "models": "Models",
        "created": "Created",
        "updated": "Updated",
    },
    shown=("name", "slug", "kind", "status", "secret", "models"),
)
TRANSPORT_WORDS = {"streamable_http": "Address", "stdio": "Program"}
TRANSPORT_HINTS = {
    "streamable_http": "Streamable HTTP: the server answers at a URL.",
    "stdio": "The worker starts a program of this machine, with PATH as its only environment.",
}
MOST_ARGUMENTS, ARGUMENT_LENGTH = 50, 1_000
SERVER_LIST = ListSpec(
    sorts={"name": "name", "created": "created", "updated": "updated"},
    default_sort="name",
    facets={
        "transport": Facet("Transport", TRANSPORT_WORDS),
        "status": Facet("Status", {"enabled": "Enabled", "disabled": "Disabled"}),
    },
    columns={
        "name": "Name",
        "transport": "Transport",
        "status": "Status",
        "secret": "Secret",
        "tools": "Tools",
        "created": "Created",
        "updated": "Updated",
    },
    shown=("name", "transport", "status", "secret", "tools"),
)
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


class KeyFields(FlaskForm):
    """Which secret something opens with: stored before, or typed now."""

    credential = SelectField("Credential", default=NO_KEY)
    secret = secret_field("New secret")

    def offer(self, stored: Sequence[Any], current: str | None = None) -> None:
        """The credentials to choose from; `current` is the end of the secret that it opens with now."""
        kept = f"Keep the present one, …{current}" if current else "Keep the present one"
        choices = [SelectChoice(KEEP, kept)] if current or self.credential.data == KEEP else []
        choices.append(SelectChoice(NO_KEY, "None"))
        choices += [SelectChoice(str(row.id), f"{row.name}, …{row.hint}") for row in stored]
        self.credential.choices = choices
        if current and not self.credential.raw_data:
            self.credential.data = KEEP

    def choice(self) -> KeyChoice:
        """What was chosen; a typed secret counts more."""
        chosen, typed = self.credential.data, self.secret.data or None
        if typed or chosen in {KEEP, NO_KEY, None}:
            return KeyChoice(keep=chosen == KEEP, typed=typed)
        return KeyChoice(credential_id=UUID(chosen))


class ConnectionForm(KeyFields):
    """A model connection as people edit it; the version it was read at travels along."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the connection.")
    slug = optional_field("Provider name", SLUG_LENGTH)
    kind = RadioField(
        "Protocol",
        choices=PROVIDER_WORDS,
        default="openai",
        validate_choice=False,
        validators=[AnyOf(PROVIDERS, "Choose a protocol.")],
    )
    base_url = optional_field("Base URL", URL_LENGTH)
    enabled = BooleanField("Agents may use it", default=True)
    lock_version = HiddenField()

    def validate_slug(self, field: Any) -> None:
        """Take capital letters for small ones; refuse what no agent can name."""
        field.data = (field.data or "").lower()
        if field.data and not _SLUG.fullmatch(field.data):
            raise ValidationError("Use letters, digits and single hyphens, such as my-provider.")

    def values(self, base_url: str) -> dict[str, Any]:
        """The fields of the connection but its credential, with the checked base URL."""
        return {
            "name": self.name.data,
            "slug": self.slug.data,
            "kind": self.kind.data,
            "base_url": base_url,
            "enabled": self.enabled.data,
        }

    def version(self) -> int:
        """The version the form was read at; 0, which nothing has, for anything else."""
        return read_version(self.lock_version.data)


class PriceField(StringField):
    """A price for a million tokens; `data` counts millionths of the currency, None for unknown."""

    data: int | None

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read an amount such as 2.50; ValueError for anything else."""
        text = (valuelist[0] if valuelist else "").strip()
        self.data = None
        if not text:
            return
        try:
            amount = Decimal(text) if _PRICE.fullmatch(text) else None
        except InvalidOperation:
            amount = None
        if amount is None or amount > MOST_PRICE:
            raise ValueError("Enter an amount from 0 to 1,000,000 with at most six decimals, such as 2.50.")
        self.data = int(amount * MICROS)

    def _value(self) -> str:
        """What the input shows."""
        if self.raw_data:
            return str(self.raw_data[0])
        return price_text(self.data, "")


def price_text(micros: int | None, missing: str = "–") -> str:
    """A price as people write it, with at least two decimals."""
    if micros is None:
        return missing
    whole, _, rest = f"{Decimal(micros) / MICROS:.6f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"


def _tokens(label: str, most: int) -> WholeNumberField:
    words = f"Enter a whole number from 1 to {most:,}."
    return WholeNumberField(label, validators=[Optional(), NumberRange(1, most, words)])


class ModelForm(FlaskForm):
    """What is known of a model."""

    name = name_field("Model", 255, missing="Enter the model’s name as the provider spells it.")
    purpose = RadioField(
        "Purpose",
        choices=PURPOSE_WORDS,
        default="chat",
        validate_choice=False,
        validators=[AnyOf(PURPOSES, "Choose what the model is for.")],
    )
    context_size = _tokens("Context size", MOST_TOKENS)
    dimensions = _tokens("Dimensions", 20_000)
    input_price_micros = PriceField("Price of input")
    output_price_micros = PriceField("Price of output")
    capabilities = SelectMultipleField(
        "Abilities",
        choices=[SelectChoice(value, words) for value, words in CAPABILITIES.items()],
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )
    lock_version = HiddenField()

    def values(self) -> dict[str, Any]:
        """What is known, as the form has it."""
        return {name: self[name].data for name in MODEL_FIELDS} | {
            "capabilities": sorted(self.capabilities.data or [])
        }

    def version(self) -> int:
        """The version the form was read at; 0, which nothing has, for anything else."""
        return read_version(self.lock_version.data)


class ServerForm(KeyFields):
    """An MCP server as people edit it; the version it was read at travels along."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the server.")
    transport = RadioField(
        "Transport",
        choices=TRANSPORT_WORDS,
        default="streamable_http",
        validate_choice=False,
        validators=[AnyOf(TRANSPORTS, "Choose how the server is reached.")],
    )
    url = optional_field("URL", URL_LENGTH)
    command = TextAreaField(
        "Command", filters=[unified], validators=[storable], render_kw={"rows": 4, "spellcheck": "false"}
    )
    enabled = BooleanField("Agents may use it", default=True)
    lock_version = HiddenField()

    def validate_url(self, field: Any) -> None:
        """Ask for an address unless the server is a program."""
        if self.transport.data != "stdio" and not field.data:
            raise ValidationError("Enter the URL of the server.")

    def validate_command(self, _field: Any) -> None:
        """Ask for a program if the server is one."""
        parts = self._parts()
        if self.transport.data == "stdio" and not parts:
            raise ValidationError("Enter the program, and below it one argument a line.")
        if len(parts) > MOST_ARGUMENTS or any(len(part) > ARGUMENT_LENGTH for part in parts):
            raise ValidationError("Use at most 50 lines of at most 1,000 characters.")

    def _parts(self) -> list[str]:
        return [line.strip() for line in (self.command.data or "").splitlines() if line.strip()]

    def values(self, url: str | None) -> dict[str, Any]:
        """The fields of the server but its credential, with the checked address, if it has one."""
        return {
            "name": self.name.data,
            "transport": self.transport.data,
            "url": url,
            "command": None if url else self._parts(),
            "enabled": self.enabled.data,
        }

    def version(self) -> int:
        """The version the form was read at; 0, which nothing has, for anything else."""
        return read_version(self.lock_version.data)

"""Forms of tools, and what their list can be asked."""

import json
from typing import Any

from flask import request
from wtforms import BooleanField, HiddenField, RadioField, SelectChoice, TextAreaField
from wtforms.validators import AnyOf, Length, NumberRange, ValidationError

from app.connections.forms import NO_KEY, KeyFields
from app.connections.services.connections import KeyChoice
from app.tools.forms.choosing import ChoiceField
from app.tools.models import APPROVALS
from app.tools.parts import METHODS, MOST_SECONDS, NAME, HttpConfig
from app.tools.services.requests import check_header, checked_template, placeholders
from app.tools.services.schemas import SchemaRefused, read_schema
from app.tools.services.tabular import MOST_ROWS, Row, rows_of, schema_of, with_places, without_places
from app.web.fields import WholeNumberField, name_field, optional_field, read_version, storable, unified
from app.web.listing import Facet, ListSpec
from app.web.outbound import OutboundRefused

KIND_WORDS = {"http": "HTTP", "mcp": "MCP"}
APPROVAL_WORDS = {"allow": "Allow", "ask": "Ask", "agent": "Agent"}
APPROVAL_HINTS = {
    "allow": "Calls run at once. For what only reads, or does no harm.",
    "ask": "Every call waits until a person has approved it.",
    "agent": "The model judges by the agent’s prompt; a call that it does not clearly allow waits for a person.",
}
STATUS_WORDS = {"enabled": "Enabled", "disabled": "Disabled", "archived": "Archived"}
CHOOSE_CREDENTIAL = "Choose a credential of this list, or None. It offers those that are kept for HTTP tools."
MOST_KB = 256
MOST_HEADERS = 20
EMPTY_SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}
TOOL_LIST = ListSpec(
    sorts={"name": "name", "created": "created", "updated": "updated"},
    default_sort="name",
    facets={
        "kind": Facet("Kind", KIND_WORDS),
        "approval": Facet("Approval", APPROVAL_WORDS),
        "status": Facet("Status", STATUS_WORDS),
    },
    columns={
        "name": "Name",
        "kind": "Kind",
        "approval": "Approval",
        "status": "Status",
        "agents": "Agents",
        "created": "Created",
        "updated": "Updated",
    },
    shown=("name", "kind", "approval", "status", "agents"),
)


class CommonForm(KeyFields):
    """What all tools have."""

    credential = ChoiceField("Credential", wrong=CHOOSE_CREDENTIAL, default=NO_KEY)
    name = name_field("Name", 64, missing="Enter a name for the tool.")
    description = TextAreaField(
        "Description",
        filters=[unified],
        validators=[Length(max=4_000, message="Use at most 4,000 characters."), storable],
        render_kw={"rows": 3, "dir": "auto"},
    )
    approval = RadioField(
        "Approval",
        choices=APPROVAL_WORDS,
        default="ask",
        validate_choice=False,
        validators=[AnyOf(APPROVALS, "Choose whether calls wait for a person.")],
    )
    enabled = BooleanField("Agents may use it", default=True)
    lock_version = HiddenField()
    seconds = WholeNumberField(
        "Time limit",
        default=20,
        validators=[NumberRange(1, MOST_SECONDS, f"Enter a whole number from 1 to {MOST_SECONDS}.")],
    )

    def validate_name(self, field: Any) -> None:
        """Refuse what models cannot call."""
        if field.data and not NAME.fullmatch(field.data):
            raise ValidationError(
                "Use letters, digits, _ and -, beginning with a letter, such as find_order."
            )

    def common(self) -> dict[str, Any]:
        """The columns that all tools have."""
        return {
            "name": self.name.data,
            "description": self.description.data or "",
            "approval": self.approval.data,
            "enabled": self.enabled.data,
        }

    def version(self) -> int:
        """The version the form was read at; 0, which nothing has, for anything else."""
        return read_version(self.lock_version.data)


class HttpToolForm(CommonForm):
    """An HTTP tool as people edit it; its schema as text or as a table, as `editor` says."""

    method = ChoiceField(
        "Method",
        wrong=f"Choose one of {', '.join(METHODS)}.",
        choices=[SelectChoice(method, method) for method in METHODS],
        default="GET",
    )
    url = optional_field("URL", 2_000)
    headers = TextAreaField(
        "Headers", filters=[unified], validators=[storable], render_kw={"rows": 3, "spellcheck": "false"}
    )
    auth_header = optional_field("Header of the secret", 100, default="Authorization")
    auth_prefix = optional_field("Words before the secret", 100, default="Bearer")
    kilobytes = WholeNumberField(
        "Longest answer",
        default=64,
        validators=[NumberRange(1, MOST_KB, f"Enter a whole number from 1 to {MOST_KB}.")],
    )
    editor = HiddenField(default="text")
    schema = TextAreaField("Arguments", filters=[unified], render_kw={"rows": 14, "spellcheck": "false"})

    rows: list[Row]
    rest: str = "{}"
    stored_schema: dict[str, Any]
    places: dict[str, str]
    moved_to: str = ""
    """Where a button beside the schema leads: its `table`, the newest `row` of it, or its `text`."""

    def read_table(self) -> None:
        """Take the table that was sent, if one was."""
        sent = request.form
        names = ("arg_name", "arg_type", "arg_required", "arg_description", "arg_place", "arg_rest")
        lists = [sent.getlist(name)[: MOST_ROWS + 1] for name in names]
        self.rows = [
            Row(name.strip(), kind, required == "yes", description.strip(), place, rest)
            for name, kind, required, description, place, rest in zip(*lists, strict=False)
        ]
        self.rest = sent.get("schema_rest", "{}")

    def show(self, schema: Any) -> None:
        """Fill both views with a stored schema."""
        self.schema.data = json.dumps(schema, indent=2, ensure_ascii=False)
        self.editor.data = "text"

    def turned(self, act: str) -> bool:
        """Do what a button beside the schema says: another view, one row more or less; whether it was such a button."""
        if act == "table":
            self._to_table()
        elif act == "text":
            self._to_text()
        elif act == "add":
            self.rows = [*self.rows, Row()][:MOST_ROWS]
        elif act.startswith("remove-") and act[7:].isdecimal():
            self.rows = [row for number, row in enumerate(self.rows) if str(number) != act[7:]]
        else:
            return False
        if self.is_submitted():
            self.moved_to = "row" if act == "add" else self.editor.data or ""
        return True

    def _to_table(self) -> None:
        try:
            self.rows, self.rest = rows_of(read_schema(self.schema.data or ""))
            self.editor.data = "table"
        except SchemaRefused as refused:
            self.schema.errors = [str(refused)]

    def _to_text(self) -> None:
        try:
            self.show(schema_of(self.rows, self.rest))
        except SchemaRefused as refused:
            self.schema.errors = [str(refused)]

    def validate_url(self, field: Any) -> None:
        """Check the template as it will be called."""
        if not field.data:
            raise ValidationError("Enter the URL that the tool calls.")
        try:
            field.data = checked_template(field.data)
        except OutboundRefused as refused:
            raise ValidationError(str(refused)) from refused

    def validate_headers(self, _field: Any) -> None:
        """Refuse lines that are no header, and those that are not for people to set."""
        lines = [line for line in (self.headers.data or "").splitlines() if line.strip()]
        if len(lines) > MOST_HEADERS:
            raise ValidationError(f"Use at most {MOST_HEADERS} headers.")
        for line in lines:
            name, colon, value = line.partition(":")
            why = check_header(name.strip(), value.strip()) if colon else "Write each header as Name: value."
            if why:
                raise ValidationError(why)

    def validate_auth_header(self, field: Any) -> None:
        """Refuse what is no name of a header, and what the connection sets."""
        name = field.data or "Authorization"
        why = check_header(name, "") if name.lower() != "authorization" else None
        if why or check_header("X", self.auth_prefix.data or ""):
            raise ValidationError(why or "The words before the secret must be printable ASCII.")

    def validate_schema(self, field: Any) -> None:
        """Read the view that was sent; every argument of the path must be described and required."""
        try:
            if self.editor.data == "table":
                field.data = json.dumps(schema_of(self.rows, self.rest), indent=2, ensure_ascii=False)
            self.stored_schema, self.places = without_places(read_schema(field.data or ""))
        except SchemaRefused as refused:
            raise ValidationError(str(refused)) from refused
        required = self.stored_schema.get("required", [])
        for name in placeholders(self.url.data or ""):
            if name not in self.stored_schema.get("properties", {}) or name not in required:
                raise ValidationError(f"The path names {name}: describe that argument here, and require it.")

    def values(self) -> dict[str, Any]:
        """The columns of the tool but its credential; after validation."""
        lines = [line.partition(":") for line in (self.headers.data or "").splitlines() if line.strip()]
        prefix = self.auth_prefix.data or ""
        config = HttpConfig(
            method=self.method.data,
            url=self.url.data or "",
            headers={name.strip(): value.strip() for name, _, value in lines},
            places=self.places,
            auth_header=self.auth_header.data or "Authorization",
            auth_prefix=f"{prefix} " if prefix else "",
            seconds=self.seconds.data or 20,
            max_bytes=(self.kilobytes.data or 64) * 1_000,
        )
        return {**self.common(), "input_schema": self.stored_schema, "config": config.model_dump(mode="json")}

    def key_choice(self, *, may: bool) -> KeyChoice:
        """Which secret is meant; who may not see connections leaves it as it is."""
        return self.choice() if may else KeyChoice(keep=True)


def stored_values(tool: Any) -> dict[str, Any]:
    """What the form of a stored HTTP tool holds."""
    config = HttpConfig.model_validate(tool.config)
    names = ("name", "description", "approval", "enabled", "lock_version")
    return {
        **{name: getattr(tool, name) for name in names},
        "method": config.method,
        "url": config.url,
        "headers": "\n".join(f"{name}: {value}" for name, value in config.headers.items()),
        "auth_header": config.auth_header,
        "auth_prefix": config.auth_prefix.strip(),
        "seconds": config.seconds,
        "kilobytes": max(1, config.max_bytes // 1_000),
        "schema": json.dumps(with_places(tool.input_schema, config.places), indent=2, ensure_ascii=False),
    }

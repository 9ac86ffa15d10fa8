"""Forms that add several tools at once: operations of an OpenAPI document, and tools of MCP servers."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from werkzeug.datastructures import FileStorage
from wtforms import RadioField, SelectChoice, SelectMultipleField, TextAreaField
from wtforms.validators import AnyOf, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from app.tools.forms.choosing import ChoiceField
from app.tools.forms.single import APPROVAL_WORDS, CHOOSE_CREDENTIAL
from app.tools.models import APPROVALS
from app.tools.parts import McpConfig
from app.tools.repo.offered import Offered
from app.tools.services.importing import (
    DOCUMENT_CHARACTERS,
    Document,
    DocumentRefused,
    Operation,
    read_document,
    valid_name,
)
from app.tools.services.requests import check_shape, checked_template
from app.tools.services.schemas import SchemaRefused, check_schema
from app.web.fields import optional_field, unified
from app.web.outbound import OutboundRefused


def _approval() -> RadioField:
    return RadioField(
        "Approval",
        choices=APPROVAL_WORDS,
        default="ask",
        validate_choice=False,
        validators=[AnyOf(APPROVALS, "Choose whether calls wait for a person.")],
    )


def _many(label: str) -> SelectMultipleField:
    return SelectMultipleField(
        label, choices=[], widget=ListWidget(), option_widget=CheckboxInput(), validate_choice=False
    )


class DocumentForm(FlaskForm):
    """An OpenAPI document, and what of it becomes tools."""

    file = FileField("File")
    document = TextAreaField("Document", filters=[unified], render_kw={"rows": 10, "spellcheck": "false"})
    base_url = optional_field("Base URL", 1_000)
    operations = _many("Operations")
    credential = ChoiceField("Credential", wrong=CHOOSE_CREDENTIAL, default="")
    approval = _approval()
    found: Document | None = None

    def offer_keys(self, stored: Sequence[Any]) -> None:
        """The credentials to choose from."""
        choices = [SelectChoice(str(row.id), f"{row.name}, …{row.hint}") for row in stored]
        self.credential.choices = [SelectChoice("", "None"), *choices]

    def read(self) -> bool:
        """Take the document that was sent, and offer its operations; whether there is one."""
        given = self.file.data
        if isinstance(given, FileStorage) and given.filename:
            raw = given.stream.read(DOCUMENT_CHARACTERS * 4 + 1)
            self.document.data = raw.decode("utf-8-sig", errors="replace")
        try:
            self.found = read_document(self.document.data or "")
        except DocumentRefused as refused:
            self.document.errors = [str(refused)] if self.document.data else ["Choose a file, or paste it."]
            return False
        if not self.base_url.data:
            self.base_url.data = self.found.base_url
        self.operations.choices = [
            SelectChoice(made.key, f"{made.key}: {made.name}")
            for made in self.found.operations
            if not made.fault
        ]
        return True

    @property
    def notes(self) -> dict[str, str]:
        """What is said of each operation below its name."""
        made = self.found.operations if self.found else ()
        return {operation.key: operation.description[:200] for operation in made if operation.description}

    def validate_operations(self, field: Any) -> None:
        """Ask for some that the document has."""
        if not field.data:
            raise ValidationError("Choose at least one operation.")
        if not {choice.value for choice in field.choices}.issuperset(field.data):
            raise ValidationError("Choose only operations of this list.")

    def validate_base_url(self, field: Any) -> None:
        """Check the address of each tool as it will be called."""
        field.data = (field.data or "").rstrip("/")
        if "?" in field.data or "{" in field.data:
            raise ValidationError("The base URL must have no ? and no {.")
        try:
            checked_template(f"{field.data}/")
            for operation in self._chosen():
                check_shape(f"{field.data}{operation.path}")
        except OutboundRefused as refused:
            raise ValidationError(str(refused)) from refused

    def _chosen(self) -> list[Operation]:
        wanted = set(self.operations.data or ())
        made = self.found.operations if self.found else ()
        return [operation for operation in made if operation.key in wanted and not operation.fault]

    def values(self) -> list[dict[str, Any]]:
        """The columns of the chosen tools; after validation."""
        base, approval = self.base_url.data or "", self.approval.data or "ask"
        return [operation.values(base, approval) for operation in self._chosen()]

    def key(self) -> UUID | None:
        """The chosen credential."""
        return UUID(self.credential.data) if self.credential.data else None


class ServersForm(FlaskForm):
    """Tools that MCP servers named, to be added."""

    tools = _many("Tools")
    approval = _approval()

    def offer(self, offered: Sequence[Offered]) -> None:
        """What there is to choose from; a tool whose schema cannot be used is only named."""
        self.offered: dict[str, Offered] = {}
        self.notes: dict[str, str] = {}
        self.refused: list[tuple[str, str]] = []
        for tool in offered:
            try:
                check_schema(tool.input_schema or {})
            except SchemaRefused as refused:
                self.refused.append((f"{tool.name}, {tool.server}", str(refused)))
                continue
            self.offered[tool.key] = tool
            self.notes[tool.key] = tool.description[:200]
        self.tools.choices = [
            SelectChoice(key, f"{tool.name}, {tool.server}{' (added already)' if tool.added else ''}")
            for key, tool in self.offered.items()
        ]

    def validate_tools(self, field: Any) -> None:
        """Ask for some that the servers named."""
        if not field.data:
            raise ValidationError("Choose at least one tool.")
        if not self.offered.keys() >= set(field.data):
            raise ValidationError("Choose only tools of this list.")

    def values(self) -> list[dict[str, Any]]:
        """The columns of the chosen tools; after validation."""
        return [
            {
                "name": valid_name(tool.name),
                "description": tool.description,
                "kind": "mcp",
                "input_schema": tool.input_schema,
                "config": McpConfig(tool=tool.name).model_dump(mode="json"),
                "mcp_server_id": tool.server_id,
                "approval": self.approval.data,
                "enabled": True,
            }
            for key in dict.fromkeys(self.tools.data or ())
            for tool in [self.offered[key]]
        ]

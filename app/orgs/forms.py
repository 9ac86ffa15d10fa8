"""Forms and lists of organisations."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField, StringField
from wtforms.validators import (
    AnyOf,
    DataRequired,
    InputRequired,
    Length,
    NumberRange,
    Regexp,
    ValidationError,
)
from wtforms.widgets import CheckboxInput, ListWidget

from app.auth.forms import PasswordForm, new_password_field
from app.orgs.services.invitations import DEFAULT_HOURS, MOST_HOURS
from app.web.access import ROLES, SCOPES
from app.web.fields import AmountField, WholeNumberField, address_field, name_field, one_line, optional_field
from app.web.listing import Facet, ListSpec
from app.web.zones import time_zones

INVENTORY = {
    "knowledge_bases": ("knowledge base with its passages", "knowledge bases with their passages"),
    "knowledge_base_files": ("file in knowledge bases", "files in knowledge bases"),
    "knowledge_base_freeform_texts": ("text in knowledge bases", "texts in knowledge bases"),
    "knowledge_base_tables": ("table in knowledge bases", "tables in knowledge bases"),
    "knowledge_base_web_urls": ("web address in knowledge bases", "web addresses in knowledge bases"),
    "retrieval_tests": ("test of a knowledge base", "tests of knowledge bases"),
    "credentials": ("credential", "credentials"),
    "model_connections": ("model connection", "model connections"),
    "mcp_servers": ("MCP server", "MCP servers"),
    "tools": ("tool", "tools"),
    "agents": ("agent", "agents"),
    "agent_versions": ("published version", "published versions"),
    "evaluation_cases": ("evaluation case", "evaluation cases"),
    "evaluation_runs": ("run of evaluation cases", "runs of evaluation cases"),
    "personas": ("persona", "personas"),
    "threads": ("thread", "threads"),
    "messages": ("message", "messages"),
    "feedback": ("piece of feedback", "pieces of feedback"),
    "thread_notes": ("note on a thread", "notes on threads"),
    "message_attachments": ("attachment", "attachments"),
    "blobs": ("stored file", "stored files"),
    "schedules": ("schedule", "schedules"),
    "tool_approvals": ("call to approve", "calls to approve"),
    "tasks": ("task", "tasks"),
    "org_members": ("member", "members"),
    "invitations": ("invitation", "invitations"),
    "api_keys": ("API key", "API keys"),
    "spend_limits": ("spend limit", "spend limits"),
    "email_outbox": ("message in the mail log", "messages in the mail log"),
    "saved_views": ("saved view", "saved views"),
    "audit_events": ("audit event", "audit events"),
}
"""What people call the rows of each table that belongs to an organisation: one of them, and more."""
ROLE_WORDS = {"owner": "Owner", "admin": "Admin", "member": "Member", "viewer": "Viewer"}
ROLE_HINTS = {
    "owner": "Everything, including roles, renaming and deleting the organisation.",
    "admin": "Invites and manages members and viewers, most settings, the audit log.",
    "member": "Builds and runs agents. No members, no settings.",
    "viewer": "Reads only.",
}
_MEMBER_COLUMNS = {"name": "Name", "email": "E-mail", "role": "Role", "status": "Status", "joined": "Joined"}
_INVITATION_COLUMNS = {
    "email": "E-mail",
    "role": "Role",
    "status": "Status",
    "sent": "Sent",
    "expires": "Expires",
    "inviter": "Invited by",
}
MEMBERS = ListSpec(
    sorts={"name": "name", "email": "e-mail", "joined": "joined"},
    default_sort="name",
    facets={
        "role": Facet("Role", ROLE_WORDS),
        "status": Facet("Status", {"active": "Active", "disabled": "Disabled"}),
    },
    columns=_MEMBER_COLUMNS,
    shown=tuple(_MEMBER_COLUMNS),
)
INVITATIONS = ListSpec(
    sorts={"sent": "sent", "email": "e-mail", "expires": "expires"},
    default_sort="-sent",
    facets={
        "status": Facet(
            "Status",
            {"pending": "Pending", "expired": "Expired", "accepted": "Accepted", "revoked": "Revoked"},
        ),
        "role": Facet("Role", ROLE_WORDS),
    },
    columns=_INVITATION_COLUMNS,
    shown=tuple(_INVITATION_COLUMNS),
)


ACCOUNTS = ListSpec(
    sorts={"email": "e-mail", "name": "name", "created": "created"},
    default_sort="email",
    facets={
        "role": Facet("Role", {"ADMIN": "Administrator", "GUEST": "Guest"}),
        "status": Facet("Status", {"active": "Active", "disabled": "Disabled"}),
    },
)
ALL_ORGS = ListSpec(sorts={"name": "name", "created": "created"}, default_sort="name")
KEY_COLUMNS = {
    "name": "Name",
    "scopes": "Scopes",
    "owner": "Acts for",
    "state": "State",
    "used": "Last used",
    "expires": "Expires",
    "created": "Created",
}
KEY_STATES = {"active": "Active", "replaced": "Replaced", "expired": "Expired", "revoked": "Revoked"}
SCOPE_HINTS = {
    "org:read": "Name and address of the organisation.",
    "agents:read": "Lists agents and reads their prompts.",
    "agents:write": "Creates, changes, archives and deletes agents.",
    "agents:run": "Asks published agents, as OpenAI's clients do.",
    "threads:read": "Reads and searches threads, as its person may.",
    "threads:write": "Begins and renames threads, adds messages and feedback.",
    "knowledge:read": "Searches knowledge bases.",
    "tools:read": "Lists tools, without their secrets.",
    "tasks:read": "Lists tasks and schedules.",
}
LIVES = {"30": "30 days", "90": "90 days", "365": "1 year", "0": "For ever"}
OVERLAPS = {"0": "Not at all", "1": "1 hour", "24": "1 day", "168": "7 days"}


def key_list(owners: Mapping[str, str]) -> ListSpec:
    """The list of keys of an organisation that act for these people, named by id."""
    return ListSpec(
        sorts={"name": "name", "created": "created", "used": "last used", "expires": "expiry"},
        default_sort="-created",
        facets={
            "state": Facet("State", KEY_STATES),
            "scope": Facet("Scope", {scope: scope for scope in SCOPES}),
            "owner": Facet("Owner", owners),
        },
        dates={"created": "Created"},
        columns=KEY_COLUMNS,
        shown=("name", "scopes", "owner", "state", "used", "expires"),
    )


SIGN_INS = ListSpec(
    sorts={"seen": "last seen", "created": "signed in", "email": "e-mail"}, default_sort="-seen"
)


def inventory(counts: Mapping[str, int]) -> list[tuple[int, str]]:
    """How many of what goes with an organisation, of rows counted by table; what has no name of its own goes unsaid."""
    return [
        (counts[table], one if counts[table] == 1 else more)
        for table, (one, more) in INVENTORY.items()
        if counts.get(table)
    ]


def role_field(label: str = "Role") -> RadioField:
    """One of the organisation's roles; which of them a page offers is set by `offer_roles`."""
    return RadioField(
        label, choices=ROLE_WORDS, validate_choice=False, validators=[AnyOf(ROLES, "Choose a role.")]
    )


def offer_roles(field: Any, roles: tuple[str, ...]) -> None:
    """Show only these roles, the highest first."""
    field.choices = {role: ROLE_WORDS[role] for role in reversed(roles)}


def org_name_field() -> StringField:
    """The name of an organisation."""
    return name_field("Organisation name", 120, missing="Enter a name for the organisation.")


class NamesForm(FlaskForm):
    """Who a new account is."""

    first_name = name_field(
        "First name", 255, missing="Enter your first name.", render_kw={"autocomplete": "given-name"}
    )
    last_name = optional_field("Last name", 255, render_kw={"autocomplete": "family-name"})


class PersonForm(PasswordForm, NamesForm):
    """Who a new account is, and its password."""

    password = new_password_field()


class SetupForm(PersonForm):
    """The first account and its organisation."""

    token = StringField("Token from the log", validators=[Length(max=200)])
    email = address_field("E-mail address", own=True)
    org_name = org_name_field()


class SignUpForm(PersonForm):
    """An account for whoever asks, where registration is open."""

    email = address_field("E-mail address", own=True)


class OrgForm(FlaskForm):
    """A new organisation."""

    name = org_name_field()


class OrgSettingsForm(FlaskForm):
    """The general settings of an organisation."""

    time_zone = SelectField("Time zone", choices=time_zones())


class RenameForm(FlaskForm):
    """Name and address of an organisation."""

    name = org_name_field()
    slug = StringField(
        "Address",
        validators=[
            DataRequired("Enter an address."),
            Length(max=60, message="Use at most 60 characters."),
            Regexp(
                r"[a-z0-9]+(-[a-z0-9]+)*\Z",
                message="Use small letters, digits and single hyphens between them.",
            ),
        ],
    )


class ConfirmForm(FlaskForm):
    """The typed name of what goes for good, with its spaces as a page shows them."""

    name = StringField(
        "Name",
        validators=[one_line],
        render_kw={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"},
    )

    def __init__(self, expected: str, label: str = "Name", **options: Any) -> None:
        super().__init__(**options)
        self._expected = expected
        self.name.label.text = label

    def validate_name(self, field: Any) -> None:
        """Refuse any other text."""
        if (field.data or "").split() != self._expected.split():
            raise ValidationError(f"Type {self._expected} to confirm.")


class SavedViewForm(FlaskForm):
    """What a saved view is called, who finds it, and whether the list opens with it."""

    name = name_field("Name", 80, missing="Enter a name for the view.")
    shared = BooleanField("Share")
    is_default = BooleanField("Default")

    def values(self) -> dict[str, Any]:
        """The view's columns as the form has them."""
        return {"name": self.name.data, "shared": self.shared.data, "is_default": self.is_default.data}


class RoleForm(FlaskForm):
    """Another role for a member."""

    role = role_field()


class InvitationForm(FlaskForm):
    """Who is invited, to what, and for how long."""

    email = address_field("E-mail address")
    role = role_field()
    expires_in_hours = WholeNumberField(
        "Link works for",
        default=DEFAULT_HOURS,
        validators=[NumberRange(1, MOST_HOURS, f"Enter 1 to {MOST_HOURS} hours.")],
    )


class KeyForm(FlaskForm):
    """What a new key is called, what it may do, and for how long."""

    name = name_field("Name", 120, missing="Enter a name for the key.")
    scopes = SelectMultipleField(
        "Scopes",
        choices=list(SCOPES),
        widget=ListWidget(),
        option_widget=CheckboxInput(),
        validators=[DataRequired("Choose what the key may do.")],
    )
    days = RadioField("Works for", choices=LIVES, default="90")

    def life(self) -> timedelta | None:
        """How long the key works; None for ever."""
        return timedelta(days=int(self.days.data)) or None


class LimitForm(FlaskForm):
    """What may be spent, and in which time."""

    amount = AmountField("Amount", validators=[InputRequired("Enter an amount; 0 refuses every call.")])
    period = RadioField("In each", choices={"day": "Day", "month": "Month"}, default="month")


class RotateForm(FlaskForm):
    """How long the former key goes on working beside its successor."""

    hours = RadioField("The former key goes on working for", choices=OVERLAPS, default="24")

    def overlap(self) -> timedelta:
        """That time."""
        return timedelta(hours=int(self.hours.data))

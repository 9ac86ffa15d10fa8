"""The agent form, and what the list of agents can be asked."""

from collections.abc import Callable
from typing import Any

from wtforms import BooleanField, FloatField, SelectField, SelectMultipleField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length, NumberRange, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from app.agents.forms.conflicts import SharedForm
from app.agents.models import Agent
from app.agents.repo.agents import Choices
from app.agents.repo.options import Option, Options
from app.agents.services.agents import FIELDS, NAME_LENGTH
from app.agents.snapshot import (
    EFFORTS,
    LONGEST_SECONDS,
    MOST_OUTPUT_TOKENS,
    MOST_TOOL_CALLS,
    SHORTEST_SECONDS,
    Settings,
    read_settings,
)
from app.web.fields import WholeNumberField, name_field, optional_field, storable, unified
from app.web.listing import Facet, ListSpec

DESCRIPTION_LENGTH = 2_000
PROMPT_LENGTH = 100_000
TEMPERATURE_HINT = "Enter a number from 0 to 2, such as 0.7."
STATUSES = {"enabled": "Enabled", "disabled": "Disabled", "archived": "Archived", "deleted": "Deleted"}
TOOL_NOTES = {
    "builtin": "built in, runs at once",
    "allow": "runs at once",
    "ask": "always asks a person",
    "agent": "the agent decides whether to ask",
}
COLUMNS = {
    "name": "Name",
    "status": "Status",
    "model": "Model",
    "provider": "Provider",
    "temperature": "Temperature",
    "reasoning": "Reasoning",
    "created": "Created",
    "updated": "Updated",
}


def agent_list(choices: Choices) -> ListSpec:
    """The list of agents of an organisation whose agents hold these values."""
    return ListSpec(
        sorts={"name": "name", "updated": "updated", "created": "created", "model": "model"},
        default_sort="-updated",
        facets={
            "status": Facet("Status", STATUSES),
            "model": Facet("Model", {model: model for model in choices.models}),
            "provider": Facet("Provider", {provider: provider for provider in choices.providers}),
            "persona": Facet("Persona", choices.personas),
        },
        dates={"created": "Created", "updated": "Updated"},
        columns=COLUMNS,
        shown=("name", "status", "model", "updated"),
    )


class TemperatureField(FloatField):
    """A number with a decimal point or comma, kept to two decimals."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text. ValueError with what to do if it is no number."""
        text = valuelist[0].strip().replace(",", ".") if valuelist else ""
        self.data = None
        if not text:
            return
        try:
            number = float(text)
        except ValueError as error:
            raise ValueError(TEMPERATURE_HINT) from error
        if not 0 <= number <= 2:
            raise ValueError(TEMPERATURE_HINT)
        self.data = round(number, 2)


class SparseNumberField(WholeNumberField):
    """A whole number that may be left out."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the text that was sent; ValueError for anything but a whole number or nothing."""
        if valuelist and not valuelist[0].strip(" "):
            self.data = None
            return
        super().process_formdata(valuelist)


def _number(label: str, low: int, high: int, default: int) -> WholeNumberField:
    words = f"Enter a whole number from {low} to {high:,}."
    return WholeNumberField(label, default=default, validators=[NumberRange(low, high, words)])


def _of_list(words: str) -> Callable[[Any, Any], None]:
    """A validator that refuses, with these words, what is not among the choices."""

    def validate(_form: Any, field: Any) -> None:
        chosen = field.data if isinstance(field.data, list) else [field.data] if field.data else []
        if not {choice.value for choice in field.choices}.issuperset(chosen):
            raise ValidationError(words)

    return validate


class AgentForm(SharedForm):
    """An agent as people edit it; `offer` says what it can use."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the agent.")
    description = TextAreaField(
        "Description",
        filters=[unified],
        validators=[Length(max=DESCRIPTION_LENGTH, message="Use at most 2,000 characters."), storable],
        render_kw={"rows": 3, "dir": "auto"},
    )
    enabled = BooleanField("Enabled", default=True)
    primary_model_provider = optional_field(
        "Provider", 255, render_kw={"list": "providers", "autocomplete": "off"}
    )
    primary_model = optional_field("Model", 255, render_kw={"list": "models", "autocomplete": "off"})
    primary_model_temperature = TemperatureField(
        "Temperature", render_kw={"type": "text", "inputmode": "decimal", "autocomplete": "off"}
    )
    reasoning_effort = SelectField(
        "Reasoning",
        choices=[
            SelectChoice("", "The model’s default"),
            *(SelectChoice(effort, effort.capitalize()) for effort in EFFORTS),
        ],
        coerce=lambda value: str(value or ""),
        validate_choice=False,
        validators=[_of_list("Choose how much the model reasons from this list.")],
    )
    prompt = TextAreaField(
        "Prompt",
        filters=[unified],
        validators=[Length(max=PROMPT_LENGTH, message="Use at most 100,000 characters."), storable],
        render_kw={"rows": 16, "spellcheck": "true", "dir": "auto"},
    )
    persona_id = SelectField(
        "Persona",
        choices=[],
        coerce=lambda value: str(value or ""),
        validate_choice=False,
        validators=[_of_list("Choose one of the personas of this list.")],
    )
    rag_enabled = SelectMultipleField(
        "Knowledge bases",
        choices=[],
        widget=ListWidget(),
        option_widget=CheckboxInput(),
        validate_choice=False,
        validators=[_of_list("Choose only knowledge bases of this list.")],
    )
    tools_enabled = SelectMultipleField(
        "Tools",
        choices=[],
        widget=ListWidget(),
        option_widget=CheckboxInput(),
        validate_choice=False,
        validators=[_of_list("Choose only tools of this list.")],
    )
    max_output_tokens = SparseNumberField(
        "Longest answer",
        validators=[
            Optional(),
            NumberRange(1, MOST_OUTPUT_TOKENS, "Enter a whole number from 1 to 1,000,000, or nothing."),
        ],
    )
    max_tool_calls = _number("Tool calls", 0, MOST_TOOL_CALLS, Settings().max_tool_calls)
    timeout_seconds = _number("Time limit", SHORTEST_SECONDS, LONGEST_SECONDS, Settings().timeout_seconds)

    def offer(self, options: Options) -> None:
        """Say which personas, knowledge bases and tools there are to choose from."""
        self.options = options
        nobody = SelectChoice("", "No persona")
        self.persona_id.choices = [nobody, *(_choice(option) for option in options.personas)]
        self.rag_enabled.choices = [_choice(option) for option in options.bases]
        self.tools_enabled.choices = [_tool_choice(option) for option in options.tools]

    def values(self) -> dict[str, Any]:
        """The agent's columns as the form has them; empty text is nothing."""
        settings = Settings(**{name: self[name].data for name in Settings.model_fields})
        made = {
            "rag_enabled": sorted(self.rag_enabled.data or ()),
            "tools_enabled": sorted(self.tools_enabled.data or ()),
            "settings": settings.model_dump(exclude_defaults=True),
        }
        return {
            name: made[name] if name in made else None if (value := self[name].data) == "" else value
            for name in FIELDS
        }


def stored_values(agent: Agent) -> dict[str, Any]:
    """What the form of a stored agent holds."""
    plain = {
        name: getattr(agent, name)
        for name in FIELDS
        if name not in {"settings", "persona_id", "reasoning_effort"}
    }
    settings = read_settings(agent.settings).model_dump()
    return {
        **plain,
        **settings,
        "persona_id": str(agent.persona_id or ""),
        "reasoning_effort": agent.reasoning_effort or "",
        "lock_version": agent.lock_version,
    }


def _choice(option: Option) -> SelectChoice:
    return SelectChoice(option.id, f"{option.name} (archived)" if option.archived else option.name)


def _tool_choice(option: Option) -> SelectChoice:
    choice = _choice(option)
    return SelectChoice(option.id, f"{choice.label}: {TOOL_NOTES[option.note or 'ask']}")

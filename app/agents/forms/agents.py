"""The agent form, and what the list of agents can be asked."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, FloatField, HiddenField, TextAreaField
from wtforms.validators import Length

from app.agents.repo.agents import Choices
from app.agents.services.agents import FIELDS, NAME_LENGTH
from app.web.fields import name_field, optional_field, read_version, storable, unified
from app.web.listing import Facet, ListSpec

DESCRIPTION_LENGTH = 2_000
PROMPT_LENGTH = 100_000
TEMPERATURE_HINT = "Enter a number from 0 to 2, such as 0.7."
STATUSES = {"enabled": "Enabled", "disabled": "Disabled", "archived": "Archived", "deleted": "Deleted"}
COLUMNS = {
    "name": "Name",
    "status": "Status",
    "model": "Model",
    "provider": "Provider",
    "temperature": "Temperature",
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


class AgentForm(FlaskForm):
    """An agent as people edit it; the version it was read at travels along."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the agent.")
    description = TextAreaField(
        "Description",
        filters=[unified],
        validators=[Length(max=DESCRIPTION_LENGTH, message="Use at most 2,000 characters."), storable],
        render_kw={"rows": 3, "dir": "auto"},
    )
    enabled = BooleanField("Enabled", default=True)
    primary_model_provider = optional_field("Provider", 255)
    primary_model = optional_field("Model", 255)
    primary_model_temperature = TemperatureField(
        "Temperature", render_kw={"type": "text", "inputmode": "decimal", "autocomplete": "off"}
    )
    prompt = TextAreaField(
        "Prompt",
        filters=[unified],
        validators=[Length(max=PROMPT_LENGTH, message="Use at most 100,000 characters."), storable],
        render_kw={"rows": 16, "spellcheck": "true", "dir": "auto"},
    )
    lock_version = HiddenField()

    def values(self) -> dict[str, Any]:
        """The agent's columns as the form has them; empty text is nothing."""
        return {name: None if (value := self[name].data) == "" else value for name in FIELDS}

    def version(self) -> int:
        """The version the form was read at; 0, which no agent has, for anything else."""
        return read_version(self.lock_version.data)

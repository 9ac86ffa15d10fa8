"""The persona form, and what the list of personas can be asked."""

from typing import Any

from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from app.agents.forms.conflicts import SharedForm
from app.agents.services.agents import NAME_LENGTH
from app.agents.services.personas import FIELDS
from app.web.fields import name_field, storable, unified
from app.web.listing import Facet, ListSpec

PROMPT_LENGTH = 20_000
PERSONA_LIST = ListSpec(
    sorts={"name": "name", "agents": "agents", "updated": "updated", "created": "created"},
    default_sort="name",
    facets={"status": Facet("Status", {"active": "Active", "archived": "Archived"})},
    dates={"created": "Created", "updated": "Updated"},
    columns={
        "name": "Name",
        "status": "Status",
        "agents": "Agents",
        "created": "Created",
        "updated": "Updated",
    },
    shown=("name", "agents", "updated"),
)


class PersonaForm(SharedForm):
    """A persona as people edit it."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the persona.")
    description = TextAreaField(
        "Description",
        filters=[unified],
        validators=[Length(max=2_000, message="Use at most 2,000 characters."), storable],
        render_kw={"rows": 3, "dir": "auto"},
    )
    prompt = TextAreaField(
        "Text",
        filters=[unified],
        validators=[
            DataRequired("Write how the agents shall speak."),
            Length(max=PROMPT_LENGTH, message="Use at most 20,000 characters."),
            storable,
        ],
        render_kw={"rows": 12, "spellcheck": "true", "dir": "auto"},
    )

    def values(self) -> dict[str, Any]:
        """The persona's columns as the form has them."""
        return {name: self[name].data for name in FIELDS}

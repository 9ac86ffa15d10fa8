"""What the audit log can be asked."""

from app.audit.forms.words import action_words, kind_words
from app.audit.repo import Choices
from app.web.listing import Facet, ListSpec

COLUMNS = {"action": "Action", "target": "What", "actor": "Who", "address": "Address", "at": "When"}


def event_list(choices: Choices) -> ListSpec:
    """The list of events of an organisation whose newest events hold these values."""
    return ListSpec(
        sorts={"at": "time"},
        default_sort="-at",
        facets={
            "actor": Facet("Person", {actor: actor for actor in choices.actors}),
            "action": Facet("Action", {action: action_words(action) for action in choices.actions}),
            "target": Facet("Kind", {target: kind_words(target) for target in choices.targets}),
            "address": Facet("Address", {address: address for address in choices.addresses}),
        },
        dates={"at": "When"},
        columns=COLUMNS,
        shown=tuple(COLUMNS),
    )

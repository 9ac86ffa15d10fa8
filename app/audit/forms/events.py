"""What the audit log can be asked."""

from collections.abc import Callable, Iterable, Sequence

from app.audit.forms.words import ACTIONS, action_words, kind_words
from app.audit.repo import Choices, Term
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


def read_terms(terms: Sequence[str], choices: Choices) -> list[Term]:
    """What is searched for, in codes too: those of today's actions, and what the newest events hold."""
    actions = {*ACTIONS, *choices.actions}
    return [
        Term(term, _said(term, actions, action_words), _said(term, choices.targets, kind_words))
        for term in terms
    ]


def _said(term: str, codes: Iterable[str], words: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(code for code in codes if term.casefold() in words(code).casefold())

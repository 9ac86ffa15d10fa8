"""What the audit log can be asked."""

from app.audit.repo import Choices
from app.web.listing import Facet, ListSpec

COLUMNS = {"action": "Action", "target": "What", "actor": "Who", "address": "Address", "at": "When"}


_KINDS = {"org": "Organisation", "api_key": "API key", "mcp_server": "MCP server"}
_IRREGULAR = {"leave": "left", "send": "sent", "set": "set", "undo": "undone", "withdraw": "withdrawn"}


def action_words(action: str) -> str:
    """`agent.change` as people read it, `Agent changed`; `member.change_role` is `Member role changed`."""
    thing, _, act = action.partition(".")
    verb, _, rest = act.partition("_")
    past = _IRREGULAR.get(verb) or f"{verb}{'d' if verb.endswith('e') else 'ed'}"
    return " ".join(filter(None, (kind_words(thing), rest.replace("_", " "), past)))


def kind_words(kind: str) -> str:
    """The kind of a target: `saved_view` is `Saved view`."""
    return _KINDS.get(kind) or kind.replace("_", " ").capitalize()


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

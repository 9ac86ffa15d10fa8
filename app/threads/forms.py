"""What the list of threads can be asked."""

from collections.abc import Iterable, Mapping

from app.db.terms import clean
from app.web.listing import Facet, ListSpec

ORIGINS = {
    "console": "Console",
    "playground": "Playground",
    "api": "API",
    "import": "Import",
    "schedule": "Schedule",
}
STATUSES = {"live": "Live", "archived": "Archived", "deleted": "Deleted"}
FEEDBACK = {"up": "Thumbs up", "down": "Thumbs down", "none": "None"}
COLUMNS = {
    "name": "Name",
    "agent": "Agent",
    "user": "User",
    "origin": "Origin",
    "messages": "Messages",
    "tokens": "Tokens",
    "cost": "Cost",
    "feedback": "Feedback",
    "tags": "Tags",
    "created": "Created",
    "last": "Last activity",
}


def thread_list(choices: Mapping[str, dict[str, str]], asked_tags: Iterable[str] = ()) -> ListSpec:
    """The list of threads of an organisation with these agents, people and tags; any other tag can be asked for."""
    asked = [tag.removeprefix("-") for tag in asked_tags]
    tags = choices["tag"] | {tag: tag for tag in asked if tag and clean(tag) == tag}
    return ListSpec(
        sorts={
            "last": "last activity",
            "created": "created",
            "messages": "messages",
            "tokens": "tokens",
            "cost": "cost",
        },
        default_sort="-last",
        facets={
            "in": Facet("Search in", {"names": "Names", "messages": "Messages"}),
            "agent": Facet("Agent", choices["agent"]),
            "user": Facet("User", choices["user"]),
            "people": Facet("People", {"members": "Members only"}),
            "origin": Facet("Origin", ORIGINS),
            "status": Facet("Status", STATUSES),
            "feedback": Facet("Feedback", FEEDBACK),
            "error": Facet("Errors", {"yes": "With errors", "no": "Without errors"}),
            "tag": Facet("Tag", tags),
        },
        dates={"created": "Created", "last": "Last activity"},
        numbers={"messages": "Messages", "tokens": "Tokens", "cost": "Cost (USD)"},
        columns=COLUMNS,
        shown=("name", "agent", "user", "messages", "last"),
    )

"""What the searches can be asked."""

from collections.abc import Mapping

from app.threads.forms import ORIGINS
from app.web.listing import Facet, ListSpec

THREAD_NAMES = ListSpec(sorts={"last": "last activity"}, default_sort="-last")
"""Threads by their names, those of late first."""


def message_search(agents: Mapping[str, str]) -> ListSpec:
    """The search in messages of an organisation with these agents, by id."""
    return ListSpec(
        sorts={"score": "relevance"},
        default_sort="-score",
        facets={
            "agent": Facet("Agent", agents),
            "origin": Facet("Origin", ORIGINS),
        },
        dates={"at": "Written"},
        ranked=True,
    )

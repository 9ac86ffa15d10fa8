"""The search in messages in the API."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from app.api.schemas.lists import MOST, parameters, read_state
from app.api.schemas.strict import CANONICAL_ID, Model
from app.threads.models import ORIGINS
from app.threads.repo.search import Found, Hit
from app.web.errors import FieldError, Refusal
from app.web.listing import Facet, ListSpec, ListState

_ID = re.compile(CANONICAL_ID)


class Piece(Model):
    """A piece of a passage, and whether it is what was searched for."""

    text: str
    matches: bool


class FoundMessage(Model):
    """A message that was found, the best first."""

    message_id: UUID
    thread_id: UUID
    thread_name: str
    agent_name: str | None
    role: Literal["user", "assistant", "system", "tool"]
    created_at: datetime
    score: float
    passage: list[Piece]


class SearchResult(Model):
    """The best matches."""

    data: list[FoundMessage]
    only_newest: Annotated[
        bool,
        Field(
            description="More match than are ranked: the newest, of one word those that say it most often."
        ),
    ]
    since: Annotated[
        datetime | None,
        Field(description="Only messages from then on were looked through. Ask for earlier ones with `at`."),
    ]
    unusable: Annotated[
        Literal["common", "excluding"] | None,
        Field(description="Why nothing was searched: only very common words, or only what to leave out."),
    ]
    page_size: Annotated[int, Field(ge=1, le=MOST)]
    next_cursor: Annotated[str | None, Field(description="Send it as `cursor` for what follows.")]


def search_list(asked_agents: Iterable[str] = ()) -> ListSpec:
    """What a search can be narrowed by: any agent that is asked for by its id, origins, and days."""
    agents = [agent.removeprefix("-") for agent in asked_agents]
    return ListSpec(
        sorts={"rank": "rank"},
        default_sort="rank",
        facets={
            "agent": Facet("Agent", {agent: agent for agent in agents if _ID.fullmatch(agent)}),
            "origin": Facet("Origin", {origin: origin for origin in ORIGINS}),
        },
        dates={"at": "Written"},
    )


QUERY = [
    {**each, "required": each["name"] == "q"}
    for each in parameters(search_list())
    if each["name"] not in {"page", "sort"}
]


def read_search(asked_agents: Iterable[str]) -> ListState:
    """What is searched for. Refusal 422 as for lists, also without a word."""
    state = read_state(search_list(asked_agents))
    if not state.q:
        words = "Give at least one word."
        raise Refusal(422, words, errors=[FieldError("q", words)])
    return state


def found_message(hit: Hit) -> FoundMessage:
    """A hit."""
    special = {
        "message_id": hit.id,
        "passage": [Piece(text=text, matches=matches) for text, matches in hit.passage],
    }
    values = {name: getattr(hit, name) for name in FoundMessage.model_fields if name not in special}
    return FoundMessage.model_validate({**values, **special})


def result(found: Found, page_size: int, next_cursor: str | None) -> SearchResult:
    """What was found."""
    return SearchResult.model_validate(
        {
            "data": [found_message(hit) for hit in found.page.rows],
            "only_newest": found.partly,
            "since": found.since,
            "unusable": found.unusable,
            "page_size": page_size,
            "next_cursor": next_cursor,
        }
    )

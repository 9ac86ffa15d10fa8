"""What the list of threads can be asked, and what people send about threads: names, notes, opinions, exports."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from werkzeug.datastructures import MultiDict
from wtforms import SelectChoice, SelectField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from app.agents.models import Agent
from app.db.terms import clean
from app.threads.readers.formats import FORMATS
from app.threads.readers.values import line
from app.threads.repo.choices import ThreadChoiceRepo
from app.threads.repo.threads import Viewer
from app.threads.services.feedback import REASONS, Rating
from app.threads.services.uploads import Upload, problem_with
from app.threads.services.writing import NAME_LENGTH
from app.web.fields import name_field, storable, unified
from app.web.listing import Facet, ListSpec
from app.web.params import filter_ids

ORIGINS = {
    "console": "Console",
    "playground": "Playground",
    "api": "API",
    "import": "Import",
    "schedule": "Schedule",
}
NOTE_LENGTH = 4_000
MOST_ASKED = 50
"""Agents, people and tags that an address names."""
COMMENT_LENGTH = 2_000
REASON_WORDS = {
    "inaccurate": "Inaccurate",
    "incomplete": "Incomplete",
    "not_followed": "Did not follow instructions",
    "unsafe": "Unsafe",
    "slow": "Too slow",
    "style": "Wrong style",
    "other": "Other",
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
_FORMATS = [
    SelectChoice("", "Tell by the content"),
    *(SelectChoice(name, found.label) for name, found in FORMATS.items()),
]


def asked_list(org_id: UUID, viewer: Viewer, args: MultiDict[str, str]) -> ListSpec:
    """The list's rules with the agents, people and tags of the day, and those that the parameters name."""
    agents, users = (filter_ids(args.getlist(key)[:MOST_ASKED]) for key in ("agent", "user"))
    choices = ThreadChoiceRepo().choices(org_id, viewer, agents, users)
    return thread_list(choices, args.getlist("tag")[:MOST_ASKED])


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


def _trimmed(text: str | None) -> str | None:
    """A long text without space around it; nothing instead of empty text."""
    return (unified(text) or "").strip() or None


class RenameForm(FlaskForm):
    """The name of a thread."""

    name = name_field("Name", NAME_LENGTH, missing="Enter a name for the thread.")


class NoteForm(FlaskForm):
    """A note on a thread."""

    body = TextAreaField(
        "Note",
        filters=[_trimmed],
        validators=[
            DataRequired("Write the note first."),
            Length(max=NOTE_LENGTH, message="Use at most 4,000 characters."),
            storable,
        ],
        render_kw={"rows": 3, "dir": "auto"},
    )


class FeedbackForm(FlaskForm):
    """What somebody thinks of an answer; rating 0 takes it back."""

    rating = SelectField(
        "Rating", choices=[SelectChoice("1", "Good"), SelectChoice("-1", "Bad"), SelectChoice("0", "None")]
    )
    reason = SelectField(
        "Reason",
        default="",
        choices=[SelectChoice("", "None"), *(SelectChoice(key, REASON_WORDS[key]) for key in REASONS)],
    )
    comment = TextAreaField(
        "Comment",
        filters=[_trimmed],
        validators=[Length(max=COMMENT_LENGTH, message="Use at most 2,000 characters."), storable],
    )

    def given(self) -> Rating | None:
        """The rating; None to take it back."""
        rating = int(self.rating.data)
        return Rating(rating, self.reason.data or None, self.comment.data) if rating else None


class ImportForm(FlaskForm):
    """An export to import; `offer_agents` says which agents can be chosen."""

    file = FileField("File", validators=[FileRequired("Choose a file.")])
    format = SelectField("Format", choices=_FORMATS, default="")
    agent_id = SelectField("List under agent", default="")

    def offer_agents(self, agents: Sequence[Agent]) -> None:
        """Let these agents be chosen."""
        offered = (SelectChoice(str(agent.id), agent.name) for agent in agents)
        self.agent_id.choices = [SelectChoice("", "No agent"), *offered]

    def validate_file(self, field: Any) -> None:
        """Refuse a file that holds nothing to import, as far as its beginning tells."""
        chosen = self.format.data if self.format.data in FORMATS else None
        problem = problem_with(field.data.stream, chosen)
        if problem:
            raise ValidationError(problem)

    def upload(self) -> Upload:
        """What to do with the file."""
        source = line(self.file.data.filename) or "export"
        agent_id = UUID(self.agent_id.data) if self.agent_id.data else None
        return Upload(source, self.format.data or None, agent_id)
